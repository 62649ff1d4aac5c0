"""A QEMU with debug information from the distribution's source package. See README.md here."""
