"""The rules read from `.eh_frame` are those that pyelftools decodes, for real programs and libraries."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from gdbscripts.call_frame_rules import (
    PRESERVED,
    RETURN_ADDRESS,
    STACK_POINTER,
    CallFrameRules,
    FrameRule,
    UnsupportedRuleError,
)

PROGRAM = """
#include <string.h>
#include <alloca.h>
__attribute__((noinline)) int leaf(int x) { return x + 1; }
__attribute__((noinline)) int with_alloca(int n) { char *p = alloca(n); memset(p, 1, n); return leaf(p[n / 2]); }
__attribute__((noinline)) int aligned(int n) {
    int a[8] __attribute__((aligned(64))); a[n & 7] = n;
    return leaf(a[0]) + with_alloca(n); }
__attribute__((noinline)) int many(int a, int b, int c, int d) {
    return leaf(a) * leaf(b) + leaf(c) * leaf(d) + a; }
int main(int argc, char **argv) { return many(argc, 2, 3, 4) + aligned(argc) + with_alloca(argc); }
"""


class LoadedFile:
    """A file as the loader puts it into memory at address 0."""

    def __init__(self, path: Path) -> None:
        self._file = io.BytesIO(path.read_bytes())
        self.elf = ELFFile(self._file)
        self._segments = [s for s in self.elf.iter_segments() if s["p_type"] == "PT_LOAD"]
        self.index = next(s["p_vaddr"] for s in self.elf.iter_segments() if s["p_type"] == "PT_GNU_EH_FRAME")

    def read(self, address: int, size: int) -> bytes:
        for segment in self._segments:
            if segment["p_vaddr"] <= address < segment["p_vaddr"] + segment["p_filesz"]:
                self._file.seek(segment["p_offset"] + address - segment["p_vaddr"])
                return self._file.read(size)
        raise ValueError(hex(address))

    def rows(self):
        """(pc, row of pyelftools) for the first pc of each row, and the last one it covers, of every function."""
        for entry in self.elf.get_dwarf_info().EH_CFI_entries():
            if isinstance(entry, FDE):
                start, size = entry.header["initial_location"], entry.header["address_range"]
                try:
                    rows = entry.get_decoded().table
                except ValueError:  # pyelftools does not know DW_CFA_GNU_args_size
                    continue
                ends = [*(row["pc"] for row in rows[1:]), start + size]
                for row, end in zip(rows, ends, strict=True):
                    if row["pc"] < end:
                        yield row["pc"], row
                        yield end - 1, row


def plain_rule(row) -> FrameRule | None:
    """The rule of a row of pyelftools, None when it has not the plain form."""
    cfa, address, saved = row["cfa"], row.get(RETURN_ADDRESS), row.get(6)
    outermost = address is not None and address.type == "UNDEFINED"
    if cfa.reg not in (6, 7) or row.get(STACK_POINTER) is not None:
        return None
    if not outermost and (address is None or address.type != "OFFSET" or address.arg != -8):
        return None
    if saved is not None and saved.type not in ("OFFSET", "SAME_VALUE", "UNDEFINED"):
        return None
    offset = saved.arg if saved is not None and saved.type == "OFFSET" else None
    return FrameRule(cfa.reg, cfa.offset, offset, outermost, saved_registers(row))


def saved_registers(row) -> tuple[tuple[int, int], ...] | None:
    """Where a row of pyelftools saves the preserved registers, None when it does so in another form."""
    rules = [(number, row[number]) for number in PRESERVED if number in row]
    rules = [(number, rule) for number, rule in rules if rule.type != "SAME_VALUE"]
    if any(rule.type != "OFFSET" for _, rule in rules):
        return None
    return tuple((number, rule.arg) for number, rule in rules)


def compare(path: Path) -> tuple[int, int]:
    """Compare every row of the file; returns how many are equal, and how many were left to gdb."""
    loaded = LoadedFile(path)
    rules = CallFrameRules(loaded.index, loaded.read)
    equal = left = 0
    for pc, row in loaded.rows():
        rule = rules.rule_at(pc)
        if rule is None:
            left += 1
        else:
            assert rule == plain_rule(row), hex(pc)
            equal += 1
    return equal, left


@pytest.mark.parametrize(
    "flags", ["-O0", "-O2", "-O2 -fno-omit-frame-pointer", "-O2 -fno-pie -no-pie", "-O2 -flto"]
)
def test_every_rule_of_a_program_is_the_one_that_pyelftools_decodes(flags, tmp_path):
    source = tmp_path / "program.c"
    source.write_text(PROGRAM)
    program = tmp_path / "program"
    subprocess.run(["gcc", *flags.split(), "-o", program, source], check=True)
    equal, left = compare(program)
    assert equal > 20
    assert left <= equal // 5  # the realigned stack frame and the linkage table have expressions


def test_every_rule_of_the_c_library_and_of_gcc_is_the_same():
    libraries = [Path(name) for name in ("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6")]
    library = next(path for path in libraries if path.exists())
    for path in (library, Path(shutil.which("gcc") or "").resolve()):
        equal, left = compare(path)
        assert equal > 1000
        assert left < equal // 10


def test_code_without_rules_has_no_rule(tmp_path):
    source = tmp_path / "program.c"
    source.write_text(PROGRAM)
    subprocess.run(["gcc", "-o", tmp_path / "program", source], check=True)
    loaded = LoadedFile(tmp_path / "program")
    rules = CallFrameRules(loaded.index, loaded.read)
    assert rules.rule_at(0) is None
    assert rules.rule_at(1 << 40) is None


def test_another_form_of_the_index_is_refused():
    with pytest.raises(UnsupportedRuleError, match="version and encodings"):
        CallFrameRules(0, lambda _, size: bytes(size))


def test_a_broken_entry_gives_no_rule(tmp_path):
    source = tmp_path / "program.c"
    source.write_text(PROGRAM)
    subprocess.run(["gcc", "-O2", "-o", tmp_path / "program", source], check=True)
    loaded = LoadedFile(tmp_path / "program")
    pcs = [pc for pc, _ in loaded.rows()]
    for damage in range(64):

        def read(address, size, damage=damage):
            data = bytearray(loaded.read(address, size))
            if size not in (12,) and address > loaded.index + 12 + 8 * 64 and data:
                data[damage % len(data)] ^= 0xFF
            return bytes(data)

        rules = CallFrameRules(loaded.index, read)
        for pc in pcs:
            rules.rule_at(pc)  # raises nothing
