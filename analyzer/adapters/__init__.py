"""The modules that start processes or use the host: gdb, QEMU, /dev/kvm, tracefs, git, files, the network."""
