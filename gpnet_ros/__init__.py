"""GP-Net grasp detection for ROS 2: frame, maps, grasp, pose, motion."""

import os

# Torch's OpenMP threads wait for each other after every layer. Where they spin for long, and other processes want the
# same cores, as camera, physics and planner do, a spinning thread keeps its partner from running: one forward pass took
# over ten times as long as with sleeping threads. Where they sleep at once, a third of a pass goes by in waking them.
# So they spin for 50 to 200 microseconds, which costs little on busy cores. Read once, when the first library with
# OpenMP is loaded; the first is for all of them, the second for GNU's, which torch brings. What a user has set stays.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
