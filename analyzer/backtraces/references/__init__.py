"""Reference backtraces that ship with the analyzer, listed in `references.toml`; `analyzer.inputs` opens them."""
