#!/bin/sh
# Assemble tiny.S: build.sh [OUTPUT], default tiny.bin beside the source. Needs GNU binutils.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
output=${1:-$here/tiny.bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
as --32 -o "$work/tiny.o" "$here/tiny.S"
ld -m elf_i386 -Ttext=0 --oformat=binary -e start -o "$output" "$work/tiny.o"
