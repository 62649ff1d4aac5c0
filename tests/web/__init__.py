"""The report page in a real Chromium, and its bundle. No gdb, no QEMU."""
