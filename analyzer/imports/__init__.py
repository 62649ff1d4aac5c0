"""Text that somebody pasted becomes a recording. See README.md here."""
