"""Writes a recording or a graph in the formats of other programs, one module a format; `formats.py` lists them."""
