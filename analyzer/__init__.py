"""Shows how QEMU starts a KVM guest: records, merges and explains call chains of a real run."""

__version__ = "0.1.0"
TOOL = f"qemu-callchain {__version__}"
