"""The part that runs inside gdb: standard library and `gdb` only. See README.md here."""
