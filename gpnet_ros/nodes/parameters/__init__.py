"""The parameters of the nodes: declared once, read from files, changed live, printed for the docs."""
