"""Explains calls through function pointers. See README.md here."""
