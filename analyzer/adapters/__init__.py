"""Everything that starts a process or touches the host."""
