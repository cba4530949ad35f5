"""Checks of `gpnet doctor` on ROS and its transport, and the visit that puts all checks together."""
