"""Builds any QEMU since 1.6.0 from source, with debug information and build provenance. See README.md here."""
