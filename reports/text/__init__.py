"""Plain text for terminals and files."""
