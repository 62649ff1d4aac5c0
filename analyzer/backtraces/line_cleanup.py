"""Removes from lines what terminals, mails, web pages and logs add to them, and joins broken lines."""

from __future__ import annotations

import re
from html import unescape

# Escape sequences of terminals; then invisible characters: control characters, joiners, direction marks.
_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|\x9b[0-?]*[ -/]*[@-~]"
)
_INVISIBLE = re.compile(
    "[\0-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_SPACES = re.compile("[\t\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#0?39|#x27);")
# Time and source in front of a logged line: CI services, syslog, the journal, the kernel, docker, kubernetes.
_LOG_PREFIX = re.compile(
    r"\s{0,8}(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?:?"
    r"(?: \d\d[OE][ +]| std(?:out|err) [FP](?= )|(?: [\w.-]{1,64})? [\w./@-]{1,64}(?:\[\d{1,9}\]|(?<=kernel)):)?|"
    r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [\w.-]{1,64} [\w./@-]{1,64}(?:\[\d{1,9}\])?:|"
    r"\[?\d\d:\d\d:\d\d[.,]\d{1,9}\]?(?= )|\[\d\d:\d\d:\d\d\]|\d\d:\d\d:\d\d(?= )|"
    r"(?:<\d{1,3}>)?\[ {0,6}\d{1,7}\.\d{6}\](?:\[ {0,6}[TC]\d{1,7}\])?(?: kernel:)?|[\w.-]{1,64}[_-]\d{1,3} +\|) ?"
)
_MAX_STAMPS = 3  # the journal, syslog and the kernel each put one in front of the same line
_PAGER = re.compile(r"-{1,9}Type <(?:RET|return)>[^-]{0,100}-{1,9}")
_QUOTED = re.compile(r"\s{0,8}(?:> ?){1,20}")
_PROMPT = re.compile(r"\s*(?:\(gdb\)\s*){1,8}")
_LIST_NUMBER = re.compile(r"\s*(\d{1,6})(?:[.):]?\s+(?=\S)|[.)]\s*$)")
_FRAME_OR_THREAD = re.compile(r"\s*#\d{1,7}\s|Thread \d")
_BULLET = re.compile(r"\s*[*•-]\s+(?=#\d)")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*("?)')
# Words that a space follows: gdb's remarks on values, types in C++ names, the name of QEMU's vCPU threads.
_SPACE_FOLLOWS = re.compile(
    r'<(?:optimized|synthetic|repeats(?: \d{1,9})?)$|\(anonymous$|"CPU$|[<(, ](?:unsigned|long|short|char|const)$'
)
_BEFORE_NAME = re.compile(r"#\d{1,7} +0x[0-9a-f]{1,16} +in$")
_ADDRESS = re.compile(r"0x[0-9a-f]{1,16}$")
FRAME_START = re.compile(r"\s*#(\d{1,7})(?=\s)")


def clean_line(line: str) -> str:
    """The line without its end, escape sequences and invisible characters; every space is an ASCII space."""
    text = line.rstrip("\r\n").replace("\t", " ")
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPE.sub("", text)
    return _INVISIBLE.sub("", _SPACES.sub(" ", text))


def without_entities(line: str) -> str:
    """The line with HTML entities decoded, unless they occur in strings only, where the program wrote them."""
    if "&" not in line or not _ENTITY.search(_STRING.sub("", line)):
        return line
    return _ENTITY.sub(lambda entity: unescape(entity[0]), line)


def without_stamp(line: str) -> str:
    """The result of `clean_line` without the times and sources that logs put in front of it."""
    for _ in range(_MAX_STAMPS):
        stamp = _LOG_PREFIX.match(line)
        if stamp is None:
            break
        line = line[stamp.end() :]
    return line


class LinePrefixes:
    """Removes what pages and logs put in front of a line: a time, quote marks, gdb's prompt, a list number.

    A C++ name may be broken before a `>`: no more quote marks are removed than the last frame had. A list number
    is removed before a frame or a thread, and when it follows the last number that was removed.
    """

    def __init__(self) -> None:
        self._last_number = 0
        self._quotes = 20

    def strip(self, line: str) -> str:
        """The line without its prefixes; `line` is the result of `clean_line`."""
        text = without_stamp(line)
        text = self._without_quotes(_PAGER.sub("", text) if "Type <" in text else text)
        if prompt := _PROMPT.match(text):
            text = text[prompt.end() :]
        if bullet := _BULLET.match(text):
            return text[bullet.end() :]
        return self._without_number(text)

    def _without_quotes(self, text: str) -> str:
        quoted = _QUOTED.match(text)
        quotes, rest = (quoted[0].count(">"), text[quoted.end() :]) if quoted else (0, text)
        if FRAME_START.match(rest):
            self._quotes = quotes
        elif quotes > self._quotes:
            return text.split(">", self._quotes)[-1].removeprefix(" ") if self._quotes else text
        return rest

    def _without_number(self, text: str) -> str:
        numbered = _LIST_NUMBER.match(text)
        if numbered is None:
            return text
        number, rest = int(numbered[1]), text[numbered.end() :]
        if _FRAME_OR_THREAD.match(rest) or number == self._last_number + 1 > 1:
            self._last_number = number
            return rest
        return text


def join_broken_line(left: str, right: str) -> str:
    """Join two parts of a broken line: with a space, unless the break is inside a word or a string."""
    if not left or not right or left[-1] == " " or right[0] == " ":
        return f"{left.rstrip()} {right.lstrip()}".strip()
    if right[0].isalnum() and _SPACE_FOLLOWS.search(left):
        return f"{left} {right}"
    if _in_string(left):
        return left + right
    if left.endswith((" at", " from")) or _BEFORE_NAME.search(left):
        return f"{left} {right}"
    return left + right if _is_within_word(left, right) else f"{left} {right}"


def _is_within_word(left: str, right: str) -> bool:
    if right[0] == "(":  # of a type in a template, or of the arguments
        return left[-1] != "," and left.count("<") > left.count(">")
    if left[-1] == right[0] == ">":  # of a template in another
        return left.endswith("operator>")
    if right[0] == "<":  # of a template, or of a symbol behind its address
        return not _ADDRESS.search(left)
    joins = left[-1] in "=(<{" or right[0] in ",)=>}:&*"
    return joins or (_is_word(left[-1]) and _is_word(right[0]))


def _in_string(text: str) -> bool:
    """Whether `text` ends inside a string."""
    return any(not string[1] for string in _STRING.finditer(text))


def _is_word(char: str) -> bool:
    return char.isalnum() or char in "_/.:-@$~"
