"""A verdict becomes text: one file for each format. See README.md here."""
