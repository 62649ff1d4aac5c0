"""Writes the merged tree of stacks as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from analyzer.graph.call_graph import Provenance
from reports.json.document import document
from reports.text.stack_tree import ThreadTree, TreeNode

# History of the format:
# 1  first
SCHEMA = 1


def tree_json(trees: Iterable[ThreadTree], provenance: Provenance) -> str:
    """Return the document with a line end: `threads`, each with `thread`, `created_by` and `nodes`.

    A node has `caller` (index in `nodes`; null for an outermost function), `function`, `kind` of the call that
    leads to it, `pointer` (name of the slot, or null), and `hits` and `innermost` (null for a graph, which has no
    counts). Callers are in front of their callees.
    """
    threads = [
        {"thread": tree.thread, "created_by": list(tree.created_by), "nodes": list(_nodes(tree))} for tree in trees
    ]
    return document("tree", SCHEMA, provenance=vars(provenance), threads=threads)


def _nodes(tree: ThreadTree) -> Iterator[dict[str, Any]]:
    number = 0
    waiting: list[tuple[int | None, TreeNode]] = [(None, node) for node in reversed(tree.root.callees.values())]
    while waiting:
        caller, node = waiting.pop()
        yield {
            "caller": caller,
            "function": {"name": node.function.name, "where": node.function.where},
            "kind": node.kind.value if node.kind else None,
            "pointer": node.pointer.name if node.pointer else None,
            "hits": node.hits if tree.counted else None,
            "innermost": node.innermost if tree.counted else None,
        }
        waiting += [(number, callee) for callee in reversed(node.callees.values())]
        number += 1
