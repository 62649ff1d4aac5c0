"""Backtraces that ship with this program, listed in `references.toml`; `analyzer.inputs` opens them by name."""
