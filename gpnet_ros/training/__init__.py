"""Training runs of `gpnet train`: recipes, the run itself, its folder, log and curves, judge and profile."""
