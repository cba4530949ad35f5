"""What the nodes show: topics of the planner and the maps, frames, and the same scene without RViz."""
