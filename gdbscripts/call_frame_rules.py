"""Reads from a program's `.eh_frame` how to find the caller's frame at any pc; does not need gdb.

The rules are call frame information (DWARF 5, section 6.4). The Linux Standard Base, "Exception Frames", describes
`.eh_frame` and its sorted index `.eh_frame_hdr`. Code of gcc and clang for x86-64 has rules for every function. A
rule that has not the plain form of `FrameRule` is not returned, so that the caller asks gdb instead.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from mmap import mmap
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, Union

Bytes = Union[bytes, mmap]
ReadMemory = Callable[[int, int], bytes]  # (address, size in bytes) -> the bytes; raises an error of its own

FRAME_POINTER, STACK_POINTER, RETURN_ADDRESS = 6, 7, 16  # DWARF numbers of registers: x86-64 psABI, figure 3.36
PRESERVED = (3, FRAME_POINTER, 12, 13, 14, 15)  # functions restore them for their callers: section 3.2.1
# Encodings of pointers: 4 signed bytes relative to their position, 4 bytes, 4 signed bytes relative to the index.
_RELATIVE_INT, _UNSIGNED_INT, _RELATIVE_TO_INDEX = 0x1B, 0x03, 0x3B
_MAX_ENTRIES = 1 << 22  # QEMU has a hundredth of it
_MAX_REGISTER = 128  # x86-64 psABI, figure 3.36, ends there
_MAX_REMEMBERED = 100  # states; compilers nest two
_MAX_NUMBER_SIZE = 16  # bytes; one of 64 bits has 10
_MAX_ENTRY_SIZE = 1 << 16  # bytes; an entry of QEMU has less than a thousandth


class FrameRule(NamedTuple):
    """How the caller's frame follows from the registers at one pc.

    The canonical frame address (CFA) is register `base` (a DWARF number) plus `offset` bytes; the return address
    is in the 8 bytes below the CFA. `saved_frame_pointer` is the offset in bytes from the CFA at which the
    caller's frame pointer is saved, None when the register still holds it. In the `outermost` function of a thread
    the return address is undefined.

    `saved` are (register, offset in bytes from the CFA) of those of `PRESERVED` that are saved; None when one of
    them follows another rule.
    """

    base: int
    offset: int
    saved_frame_pointer: Optional[int] = None
    outermost: bool = False
    saved: Optional[Tuple[Tuple[int, int], ...]] = ()


class UnsupportedRuleError(ValueError):
    """Call frame information with another form than `FrameRule` describes."""


class CallFrameRules:
    """The rules of one loaded file: a program or a shared library.

    `index` is the address of its `.eh_frame_hdr` in memory. Raises UnsupportedRuleError when the index is not in
    the usual encoding, and what `read` raises.
    """

    def __init__(self, index: int, read: ReadMemory) -> None:
        self._read = read
        self._common: Dict[int, _CommonEntry] = {}
        header = read(index, 12)
        if tuple(header[:4]) != (1, _RELATIVE_INT, _UNSIGNED_INT, _RELATIVE_TO_INDEX):
            raise UnsupportedRuleError("an index of version and encodings %s" % header[:4].hex())
        (count,) = struct.unpack_from("<I", header, 8)
        if count > _MAX_ENTRIES:
            raise UnsupportedRuleError("an index of %d entries" % count)
        pairs = struct.unpack("<%di" % (2 * count), read(index + 12, 8 * count))
        self._starts = [index + start for start in pairs[0::2]]
        self._entries = [index + entry for entry in pairs[1::2]]

    def rule_at(self, pc: int) -> Optional[FrameRule]:
        """Return the rule at `pc`; None when no function covers it, or when its rule has another form."""
        position = bisect_right(self._starts, pc) - 1
        if position < 0:
            return None
        try:
            return self._rule_in(self._entries[position], pc)
        except (ValueError, OverflowError, struct.error, IndexError):
            return None

    def _rule_in(self, address: int, pc: int) -> Optional[FrameRule]:
        data = self._entry(address)
        (distance,) = struct.unpack_from("<I", data, 0)
        common = self._common_entry(address + 4 - distance)
        offset, size = struct.unpack_from("<iI", data, 4)
        start = address + 8 + offset
        if not start <= pc < start + size:
            return None
        length, position = read_unsigned(data, 12)
        return common.rule(data[position + length :], start, pc)

    def _common_entry(self, address: int) -> _CommonEntry:
        if address not in self._common:
            self._common[address] = _CommonEntry.parse(self._entry(address))
        return self._common[address]

    def _entry(self, address: int) -> bytes:
        """Return the content of the entry at `address`, without its length."""
        (size,) = struct.unpack("<I", self._read(address, 4))
        if size > _MAX_ENTRY_SIZE:
            raise UnsupportedRuleError("an entry of %d bytes" % size)
        return self._read(address + 4, size)


class _CommonEntry(NamedTuple):
    """A common information entry (CIE): what the functions that refer to it share."""

    code_factor: int
    data_factor: int
    instructions: bytes

    @classmethod
    def parse(cls, data: bytes) -> _CommonEntry:
        """Parse the content of an entry. Raises UnsupportedRuleError for frames of signals and other encodings."""
        end = data.index(0, 5)
        augmentation = data[5:end].decode("ascii", "replace")
        code_factor, position = read_unsigned(data, end + 1)
        data_factor, position = read_signed(data, position)
        register, position = read_unsigned(data, position)
        if not augmentation.startswith("z") or register != RETURN_ADDRESS:
            raise UnsupportedRuleError("an entry with augmentation %s" % augmentation)
        length, position = read_unsigned(data, position)
        if _pointer_encoding(augmentation, data[position : position + length]) != _RELATIVE_INT:
            raise UnsupportedRuleError("another encoding of addresses")
        return cls(code_factor, data_factor, data[position + length :])

    def rule(self, instructions: bytes, start: int, pc: int) -> FrameRule:
        """Return the rule at `pc` of the function at `start` that has these instructions of its own."""
        table = _RuleTable(self)
        table.execute(self.instructions, start, pc)
        table.keep_as_initial()
        table.execute(instructions, start, pc)
        return table.rule()


def _pointer_encoding(augmentation: str, data: bytes) -> int:
    """Return the encoding of addresses that an entry's augmentation data names."""
    position = 0
    for letter in augmentation[1:]:
        if letter == "R":
            return data[position]
        if letter == "L":
            position += 1
        elif letter == "P":  # encoding and address of the personality routine
            position += 1 + (4 if data[position] & 0x0F in (0x03, 0x0B) else 8)
        else:  # S: the frame of a signal; B: return addresses with a signature
            raise UnsupportedRuleError("augmentation %s" % augmentation)
    raise UnsupportedRuleError("augmentation %s" % augmentation)


_Registers = Dict[int, Optional[int]]  # offset from the CFA at which a register is saved; None: undefined


class _RuleTable:
    """Executes call frame instructions up to one pc (DWARF 5, section 6.4.2)."""

    def __init__(self, common: _CommonEntry) -> None:
        self._common = common
        self._base, self._offset = -1, 0
        self._saved: _Registers = {}
        self._initial: _Registers = {}
        self._remembered: List[Tuple[int, int, _Registers]] = []

    def keep_as_initial(self) -> None:
        """Make the present rules those that DW_CFA_restore returns to."""
        self._initial = dict(self._saved)

    def rule(self) -> FrameRule:
        """Return the present rule. Raises UnsupportedRuleError when it has another form."""
        outermost = self._saved.get(RETURN_ADDRESS, 0) is None
        if not outermost and self._saved.get(RETURN_ADDRESS) != -8:
            raise UnsupportedRuleError("a return address elsewhere")
        if self._base not in (FRAME_POINTER, STACK_POINTER) or STACK_POINTER in self._saved:
            raise UnsupportedRuleError("a CFA relative to register %d" % self._base)
        if FRAME_POINTER in self._saved and self._saved[FRAME_POINTER] is None and not outermost:
            raise UnsupportedRuleError("an undefined frame pointer")
        return FrameRule(
            self._base, self._offset, self._saved.get(FRAME_POINTER), outermost, self._saved_registers()
        )

    def _saved_registers(self) -> Optional[Tuple[Tuple[int, int], ...]]:
        """Return where the registers of `PRESERVED` are saved; None when one of them is undefined."""
        saved = []
        for number in PRESERVED:
            if number in self._saved:
                offset = self._saved[number]
                if offset is None:
                    return None
                saved.append((number, offset))
        return tuple(saved)

    def execute(self, code: bytes, start: int, pc: int) -> None:
        """Execute `code` until an instruction moves the location beyond `pc`."""
        location, position = start, 0
        while position < len(code):
            byte = code[position]
            position += 1
            operation, operand = byte & 0xC0, byte & 0x3F
            if operation == 0x40:  # advance_loc
                location += operand * self._common.code_factor
            elif operation == 0x80:  # offset
                position = self._save(operand, code, position)
            elif operation == 0xC0:  # restore
                self._restore(operand)
            elif operand in _ADVANCES:
                form = _ADVANCES[operand]
                location += struct.unpack_from(form, code, position)[0] * self._common.code_factor
                position += struct.calcsize(form)
            elif operand:  # 0: nop
                position = self._execute_extended(operand, code, position)
            if location > pc:
                return

    def _execute_extended(self, operation: int, code: bytes, position: int) -> int:
        """Execute an instruction whose operands follow it; returns the position after them."""
        if operation == 0x0A:  # remember_state
            self._remember()
            return position
        if operation == 0x0B:  # restore_state
            self._base, self._offset, self._saved = self._remembered.pop()
            return position
        value, position = read_unsigned(code, position)
        if operation == 0x05:  # offset_extended
            return self._save(value, code, position)
        if operation == 0x06:  # restore_extended
            self._restore(value)
        elif operation == 0x07:  # undefined
            self._set(value, None)
        elif operation == 0x08:  # same_value
            self._saved.pop(value, None)
        elif operation == 0x0C:  # def_cfa
            self._base = value
            self._offset, position = read_unsigned(code, position)
        elif operation == 0x0D:  # def_cfa_register
            self._base = value
        elif operation == 0x0E:  # def_cfa_offset
            self._offset = value
        elif operation == 0x0F:  # def_cfa_expression: the frame pointer does not tell the CFA
            self._base = -1
            position += value
        elif operation in (0x10, 0x16):  # expression, val_expression
            position = self._save_by_expression(value, code, position)
        elif operation != 0x2E:  # GNU_args_size has no effect on frames
            raise UnsupportedRuleError("instruction 0x%02x" % operation)
        return position

    def _remember(self) -> None:
        if len(self._remembered) >= _MAX_REMEMBERED:
            raise UnsupportedRuleError("%d remembered states" % _MAX_REMEMBERED)
        self._remembered.append((self._base, self._offset, dict(self._saved)))

    def _save(self, register: int, code: bytes, position: int) -> int:
        offset, position = read_unsigned(code, position)
        self._set(register, offset * self._common.data_factor)
        return position

    def _set(self, register: int, offset: Optional[int]) -> None:
        if register > _MAX_REGISTER:
            raise UnsupportedRuleError("register %d" % register)
        self._saved[register] = offset

    def _save_by_expression(self, register: int, code: bytes, position: int) -> int:
        if register in (FRAME_POINTER, STACK_POINTER, RETURN_ADDRESS):
            raise UnsupportedRuleError("register %d is saved by an expression" % register)
        length, position = read_unsigned(code, position)
        self._set(register, None)  # as if undefined: the offset from the CFA is unknown
        return position + length

    def _restore(self, register: int) -> None:
        self._saved.pop(register, None)
        if register in self._initial:
            self._saved[register] = self._initial[register]


_ADVANCES = {0x02: "<B", 0x03: "<H", 0x04: "<I"}  # advance_loc1, 2 and 4


def read_unsigned(data: Bytes, position: int) -> Tuple[int, int]:
    """Decode an unsigned LEB128 number; returns it and the position after it.

    Raises IndexError at the end of `data`, and ValueError for a number of more than 16 bytes.
    """
    value = data[position]
    position += 1
    if value < 0x80:  # as most are
        return value, position
    value, shift = value & 0x7F, 7
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
        if shift >= 7 * _MAX_NUMBER_SIZE:
            raise ValueError("a number of more than %d bytes" % _MAX_NUMBER_SIZE)


def read_signed(data: Bytes, position: int) -> Tuple[int, int]:
    """Decode a signed LEB128 number; returns and raises as `read_unsigned`."""
    start = position
    value, position = read_unsigned(data, position)
    bits = 7 * (position - start)
    return (value - (1 << bits) if value >> (bits - 1) else value), position
