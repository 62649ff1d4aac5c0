"""Recording: what to ask gdb for and what to start, as pure values; `session.py` does it with the adapters."""
