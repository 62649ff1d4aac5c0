"""The domain: frozen values that every stage after recording works on. No gdb, no files, no processes here."""
