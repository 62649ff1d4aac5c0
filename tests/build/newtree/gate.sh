#!/bin/sh
# Waits while the gate is closed, then writes a header.
while test -e "$TMPDIR/closed"; do sleep 0.05; done
echo "#define GATE 1" > "$1"
