"""What `analyze show --json` prints: one document a file. Each has its format's name, its schema number, and where
it comes from."""
