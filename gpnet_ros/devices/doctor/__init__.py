"""Checks of `gpnet doctor` on robot, gripper and camera, each through the class that uses the device."""
