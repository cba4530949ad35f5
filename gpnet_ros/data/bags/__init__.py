"""ROS 2 bags of a colour and depth camera, read without ROS."""
