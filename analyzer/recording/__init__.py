"""Records a run of QEMU under gdb as a recording.jsonl, and reads recordings."""
