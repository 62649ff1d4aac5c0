"""A comparison becomes a page: its data (`page`), how it is gathered (`assemble`, `chains`), how it is marked."""
