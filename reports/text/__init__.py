"""Writes results as plain text for terminals and files. README.md in this folder lists the modules."""
