"""Builds any QEMU from source, with debug information and a birth certificate. See README.md here."""
