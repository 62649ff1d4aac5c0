"""Imports backtraces, text that another tool printed, as recordings. See README.md here."""
