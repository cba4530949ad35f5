"""What arrives at a node: messages brought together to exposures and sights, and why they do not come."""
