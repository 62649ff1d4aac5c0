"""Recordings become one call graph. See README.md here."""
