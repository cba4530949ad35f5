"""How well a node is, and what came of a pick, as diagnostics."""
