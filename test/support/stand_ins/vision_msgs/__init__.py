"""Stands in for vision_msgs, which PyPI does not carry."""
