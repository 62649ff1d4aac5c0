"""Baselines: the compared part of a call graph as a text file to keep in git."""
