"""What is recorded of a run, and when the frames of a bag are due."""
