"""The shapes that heaps are made of, by what they are called; each draws its own sizes."""
