"""The part that runs inside gdb: imports the standard library and `gdb` only. See README.md in this folder."""
