"""What options may be: text becomes a value, or argparse says what is wrong with it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from analyzer.text import expand_user

_FUNCTION = re.compile(r"(?:[\w./-]+:)?[A-Za-z_~][\w:~<>$]*")


def path(text: str) -> Path:
    """A path, `~` replaced."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    return expand_user(text)


def input_name(text: str) -> str:
    """What is compared: a path or another name."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name")
    return text


def function_name(text: str) -> str:
    """The name of a function, or FILE:NAME."""
    if not _FUNCTION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a function (NAME or FILE:NAME)")
    return text


def positive(text: str) -> float:
    """A number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def positive_int(text: str) -> int:
    """A whole number above zero."""
    value = int(text) if text.isdecimal() else 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def sha256(text: str) -> str:
    """64 hexadecimal digits, in lower case."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"{text} is no sha256: 64 hexadecimal digits")
    return text.lower()
