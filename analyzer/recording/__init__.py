"""Records a run of QEMU under gdb, and reads recordings back."""
