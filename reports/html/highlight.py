"""The tokens of C source lines, by Pygments, as short texts: `k2 3` is a keyword of two letters and plain text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import PurePosixPath

from pygments.lexer import Lexer
from pygments.lexers.c_cpp import CLexer, CppLexer
from pygments.token import Comment, Keyword, Literal, Name, String, Token, _TokenType

# Letters of classes, most special first; the page has a colour for each.
_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Comment.Preproc, "p"),
    (Comment.PreprocFile, "s"),
    (Comment, "c"),
    (Keyword.Type, "t"),
    (Keyword, "k"),
    (String, "s"),
    (Literal, "n"),
    (Name.Function, "f"),
    (Token, ""),
)
_LONGEST_LINE = 2_000  # characters; longer ones are not written by people, and cost the lexer time
_CPP_SUFFIXES = frozenset({".cc", ".cpp", ".cxx", ".hpp"})
_C_SUFFIXES = frozenset({".c", ".h", ".inc"}) | _CPP_SUFFIXES


def token_runs(file: str, lines: Sequence[str]) -> list[str]:
    """Return for each of the consecutive `lines` of `file` its runs: words of a class letter and a length.

    Plain text has no letter. The result for a line is "" when it is plain, and for a file that is not C.
    """
    suffix = PurePosixPath(file).suffix
    if suffix not in _C_SUFFIXES or max(map(len, lines), default=0) > _LONGEST_LINE:
        return [""] * len(lines)
    text_of_lines = "\n".join(line.replace("\n", " ") for line in lines)  # of a hostile recording
    prefix = "/*" if _begins_in_comment(lines) else ""
    runs: list[list[tuple[str, int]]] = [[] for _ in lines]
    row, skip = 0, len(prefix)
    for _, kind, text in _lexer(suffix).get_tokens_unprocessed(prefix + text_of_lines):
        letter = _letter(kind)
        for position, part in enumerate(text.split("\n")):
            row += position > 0
            dropped = min(skip, len(part))
            skip -= dropped
            _append(runs[row], letter, len(part) - dropped)
    return [_written(row) for row in runs]


def _begins_in_comment(lines: Sequence[str]) -> bool:
    """Return whether the first line lies inside a comment that begins before it."""
    text = "\n".join(lines)
    end, begin = text.find("*/"), text.find("/*")
    if end >= 0 and (begin < 0 or end < begin):
        return True
    return all(line.lstrip().startswith(("* ", "*\t")) or line.strip() == "*" for line in lines)


def _append(runs: list[tuple[str, int]], letter: str, length: int) -> None:
    if runs and runs[-1][0] == letter:
        length += runs.pop()[1]
    if length:
        runs.append((letter, length))


def _written(runs: Sequence[tuple[str, int]]) -> str:
    return " ".join(f"{letter}{length}" for letter, length in runs) if any(letter for letter, _ in runs) else ""


@cache
def _letter(kind: _TokenType) -> str:
    return next(letter for parent, letter in _CLASSES if kind in parent)


@cache
def _lexer(suffix: str) -> Lexer:
    return CppLexer() if suffix in _CPP_SUFFIXES else CLexer()
