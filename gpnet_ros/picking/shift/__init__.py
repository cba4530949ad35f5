"""A shift: what the picks of a day came to, kept line by line, shown on one page."""
