"""Replay testing: what detector and decision make of a bag, against what they made of it before."""
