"""All that is particular to a processor. Another architecture is two more files here."""
