"""Explains indirect calls: which slot held the function pointer, and which statement stored it. See README.md."""
