"""The tables of the paper with our networks: rows, cells, pages and plots."""
