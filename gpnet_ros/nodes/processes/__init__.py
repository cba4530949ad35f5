"""The nodes as processes: which a run needs, how they start, end and are left clean."""
