"""Writes recordings, graphs and comparisons as pages, drawings and text. README.md in this folder lists them."""
