"""How the multi-task network is trained: recipe, views ahead, run."""
