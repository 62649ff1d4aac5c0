"""Names that a program might have, to say something else with them."""

from __future__ import annotations

from analyzer.diff.change import Change, ChangeKind
from reports.sanitize import map_texts
from tests.support.verdicts import ROWS, broken, chain, provenance, verdict

NAMES = [
    "<script>alert(1)</script>",
    "a\nb",
    "\x1b[2J",
    "::error::x",
    "]]>",
    "\u202eevil",
    "\u2028line",
    "`@someone` ``` #1 |",
    "--> <!-- </details>",
    "\x00\x07\ufffe",
    "x" * 10_000,
    "std::map<int, foo>::operator()(unsigned long) const",
    "\ud800",
    "",
]


def hostile(name):
    """The verdict on programs in which everything is called `name`."""
    whole = chain("goal", ROWS, slots=({"f": "Ops.go by a"}, {"f": "Ops.go by b"}))
    every = map_texts(whole, lambda _: name)
    changes = [Change(kind, name, name, name, name, name, (name,), name, 3) for kind in ChangeKind]
    return verdict(
        every, extra=changes, accepted={name + "x": name},
        rules=[broken(name or "r", name, reason=name, path=(name,))], stale=[name], not_comparable=[(name, name)],
        names=(name, name), provenances=(provenance(name, build={name: name}), provenance("10.0.0")),
    )  # fmt: skip
