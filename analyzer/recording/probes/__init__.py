"""Records a run with uprobes: QEMU is never stopped."""
