"""GP-Net grasp detection for ROS 2: frame, maps, grasp, pose, motion."""

import os

# Torch's OpenMP threads spin while they wait for each other. When other processes want the same cores, as
# camera, physics and planner do, a spinning thread keeps its partner from running: one forward pass took
# over ten times as long as with sleeping threads. Read once, when the first library with OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
