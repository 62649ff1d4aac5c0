"""Results become pages. See README.md here."""
