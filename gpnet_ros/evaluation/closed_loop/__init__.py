"""Rounds of the closed loop: in fast simulation and through the ROS 2 nodes, kept as rows, compared in pairs."""
