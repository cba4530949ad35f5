"""Judging a model on pictures: which grasp it chooses, whether it is right, and why not."""
