"""The terminal interface of `analyze browse`."""
