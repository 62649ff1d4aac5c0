"""Writes a judged comparison in the formats that CI platforms read. README.md in this folder lists the formats."""
