"""What the multi-task network saw in a picture against what is true of it, task by task."""
