"""Imports the text of a backtrace as a recording. See README.md here."""
