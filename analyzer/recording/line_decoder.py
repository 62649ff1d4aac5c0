"""Decodes the lines of a recording with msgspec; `gdbscripts.json_lines` decides on every line that it refuses.

msgspec checks types while it parses, in C. Its types are made of the record types: a new field needs no change
here. What it accepts, `from_line` accepts with the same result. What it refuses is decoded once more by
`from_line`, which allows more (numbers of 64 bits without sign, lone surrogates), or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from functools import reduce
from operator import or_
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from gdbscripts.enums import TextEnum
from gdbscripts.json_lines import from_line
from gdbscripts.kvm_records import ExitResultRecord, IoctlRecord, IoctlReturnRecord, KvmExitRecord
from gdbscripts.records import (
    FrameRecord,
    KernelEventRecord,
    Record,
    RepeatRecord,
    ReturnRecord,
    StackRecord,
    StopRecord,
)

# The record types of which a recording has many; of the others it has a few dozen.
_FREQUENT = (
    FrameRecord,
    StackRecord,
    StopRecord,
    RepeatRecord,
    ReturnRecord,
    IoctlRecord,
    IoctlReturnRecord,
    KvmExitRecord,
    ExitResultRecord,
    KernelEventRecord,
)
_RECORD_TYPES: dict[str, type[Any]] = {kind.TAG: kind for kind in get_args(Record)}
_Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # msgspec has no greater bounds
_Float = Annotated[float, msgspec.Meta(ge=-(2.0**63), le=2.0**63)]
_SIMPLE: dict[object, object] = {int: _Int, float: _Float, str: str, bool: bool, type(None): type(None)}


def decode_lines(lines: Sequence[bytes]) -> list[Record]:
    """Return the records in `lines`, each one JSON object, up to the first line that is no record of this schema.

    A frequent record is an object of a msgspec type with the fields and the TAG of its record type, for which it
    stands. `len()` of the result tells the line that ended it; `from_line` of this line raises the reason.
    """
    try:
        return [_decode(line) for line in lines]
    except ValueError:  # of msgspec, and of text that is not UTF-8
        return _decode_each(lines)


def _decode_each(lines: Sequence[bytes]) -> list[Record]:
    records: list[Record] = []
    for line in lines:
        try:
            records.append(decode_line(line))
        except ValueError:
            break
    return records


def decode_line(line: bytes) -> Record:
    """Return the record in `line` as `decode_lines` does. Raises LineError when it is none of this schema."""
    try:
        return _decode(line)
    except ValueError:
        return from_line(line.decode("utf-8", "replace"))


def as_dataclass(record: Record) -> Record:
    """The record as an object of its record type, which can be changed and written."""
    kind = _RECORD_TYPES[record.TAG]
    return cast("Record", kind(**{field.name: getattr(record, field.name) for field in fields(kind)}))


def _msgspec_type(hint: object) -> object:
    """Return the type for msgspec that stands for `hint`, the type of a record's field."""
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if isinstance(hint, type) and issubclass(hint, TextEnum):
        return hint
    arguments = tuple(map(_msgspec_type, get_args(hint)))
    origin = get_origin(hint)
    if origin is Union:
        return Union[arguments]  # noqa: UP007 - made at run time
    if origin is list:
        return list[arguments]  # type: ignore[valid-type]
    assert origin is tuple, f"a record has a field of type {hint}"
    return tuple[arguments]  # type: ignore[valid-type]


def _struct_field(field: Field[Any], hint: object) -> tuple[Any, ...]:
    made = (field.name, _msgspec_type(hint))
    if field.default is not MISSING:
        return (*made, field.default)
    if field.default_factory is not MISSING:
        return (*made, msgspec.field(default_factory=field.default_factory))
    return made


def _struct(kind: type[Any]) -> type[msgspec.Struct]:
    """Return the msgspec type with the fields of the record type `kind`."""
    hints = get_type_hints(kind)
    return msgspec.defstruct(
        kind.__name__,
        [_struct_field(field, hints[field.name]) for field in fields(kind)],
        tag_field="record",
        tag=kind.TAG,
        namespace={"TAG": kind.TAG},
        forbid_unknown_fields=True,
        gc=False,
    )


def _decoder() -> Callable[[bytes], Record]:
    types: Any = reduce(or_, map(_struct, _FREQUENT))
    return cast("Callable[[bytes], Record]", msgspec.json.Decoder(types).decode)


_decode = _decoder()
