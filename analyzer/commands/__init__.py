"""One file per verb: `add_options` declares its options, `run` does it. `cli.py` imports the one asked for."""
