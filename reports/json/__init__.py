"""Writes the JSON documents of `analyze show --json`, each in a module of its own.

Each document has the name of its format, its schema number and the provenance of the data.
"""
