"""Writes call graphs as Graphviz DOT text. README.md in this folder lists the drawings."""
