"""Whatever a recording, a text or a command line contains, no verb sends control characters to the terminal."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest

from analyzer import console
from analyzer.cli import main
from analyzer.console import Console, print_json, print_text
from gdbscripts.visible import is_control, visible
from reports.export.formats import FORMATS
from tests.support.hostile_recording import write_hostile_recording
from tests.support.pasted import PLAIN

ROOT = Path(__file__).parents[3]
BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
NAMES = {
    "C0": "\x00\x01\x07\x08\x0b\x0c\r\x1b[2J\x1b]0;title\x07\x7f",
    "C1": "\x80\x9b2J\x9d0;title\x9c",
    "bidirectional": f"a{BIDIRECTIONAL}b",
    "lines": "a\u2028b\u2029c\u0085",
    "others": "\ufeff\u00ad\U000e0041\ufff9\ud800\udcff",
    "colours": "\x1b[31mred\x1b[0m",
}
SHOW = [["show", "I", *more] for more in ([], ["--pointers"], ["--ioctls"], ["--accesses"], ["--tree"])]
TEXT_VERBS = [
    *SHOW,
    ["show", "I", "no \x1b[2J function\u202e"],
    ["summary", "I"],
    ["open", "no \x1b[2J folder\u202e"],
    ["report", "I", "-o", "report.html"],
    *(["export", "I", "--format", name] for name, export in FORMATS.items() if not export.is_json),
    ["export", "I", "-o", "x.\x1b[2J"],
    ["paths", "I", "--from", ".*", "--to", ".*"],
    ["paths", "I", "--from", "\x1b[2J\u202e", "--to", ".*"],
    ["paths", "I", "--from", ".*", "--to", ".*", "--format", "dot"],
    ["paths", "I", "--from", ".*", "--to", ".*", "--format", "svg"],
    ["diff", "I", "OTHER", "--color", "never"],
    ["diff", "I", "OTHER", "--color", "always"],
    *(["diff", "I", "OTHER", "--format", name] for name in ("md", "github", "junit")),
    ["baseline", "update", "b", "--of", "OTHER"],
    ["baseline", "check", "b\x1b[2J", "--of", "OTHER"],
    ["import", "no such \x1b[2J\u202e file"],
    ["import", "TEXT", "--name", "\x1b[2J\u202e"],
    ["show", "TEXT"],
    ["graph", "I", "-o", "x.\x1b[2J"],
    ["show", "I", "--\x1b[2J\u202e"],
    ["\x1b[2J\u202e"],
    ["startup", "--qemu", "no\x1b[2J\u202e", "--out", "o"],
    ["diff", "I", "OTHER", "--allow", "ALLOW"],
    ["diff", "I", "OTHER", "--fail-on", "\x1b[2J"],
]
JSON_VERBS = [
    *([*verb, "--json"] for verb in SHOW),
    ["graph", "I"],
    ["summary", "I", "--json"],
    *(["export", "I", "--format", name] for name, export in FORMATS.items() if export.is_json),
    ["paths", "I", "--from", ".*", "--to", ".*", "--json"],
    *(["diff", "I", "OTHER", "--format", name] for name in ("json", "sarif", "gitlab")),
]


def assert_harmless(text):
    found = {f"U+{ord(char):04X}" for char in text if is_control(char)}
    assert not found, f"{found} in {text[:2000]!r}"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def of_name(verb, name):
        recording = write_hostile_recording(tmp_path / "in", name)
        other = write_hostile_recording(tmp_path / f"other{visible(name[:3])}", name + "x")
        text = PLAIN.replace("main", f"main{name}").encode("utf-8", "surrogatepass")
        (tmp_path / "pasted\x1b[2J").write_bytes(text)
        (tmp_path / "allow").write_bytes(f'[[allow]]\nx = "{name}'.encode("utf-8", "surrogatepass"))
        words = {"I": recording, "OTHER": other, "TEXT": "pasted\x1b[2J", "ALLOW": "allow"}
        assert main([str(words.get(word, word)) for word in verb]) in (0, 1, 2, 3)
        printed = capsys.readouterr()
        assert "internal error" not in printed.err, printed.err
        assert "is damaged" not in printed.err, printed.err
        assert verb not in SHOW or printed.out, "nothing was shown"
        return printed

    return of_name


@pytest.mark.threat(
    "A name acts on the terminal",
    source="names of functions, threads and files, serial output, arguments",
    defence="control characters and bidirectional overrides are printed visibly, at one place for all verbs",
)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verb", TEXT_VERBS, ids=lambda verb: visible(" ".join(verb)))
def test_no_verb_prints_control_characters(verb, name, run):
    printed = run(verb, NAMES[name])
    coloured = console._COLOUR.sub("", printed.out) if "always" in verb else printed.out
    assert_harmless(coloured)
    assert_harmless(printed.err)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verb", JSON_VERBS, ids=" ".join)
def test_json_on_standard_output_is_escaped_and_is_still_json(verb, name, run):
    printed = run(verb, NAMES[name])
    assert_harmless(printed.out)
    assert_harmless(printed.err)
    json.loads(printed.out, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


def test_json_keeps_the_characters_that_it_escapes(capsys):
    text = "".join(map(chr, [*range(0x80, 0xB0), 0x7F, 0x202E, 0xE0041, 0x1F600]))
    print_json(json.dumps(text, ensure_ascii=False))
    printed = capsys.readouterr().out
    assert_harmless(printed)
    assert json.loads(printed) == text


def test_colours_are_kept_only_where_they_are_ours(capsys):
    print_text("\x1b[1mbold\x1b[0m\x1b[2J")
    print_text("\x1b[1mbold\x1b[0m\x1b[2J", colours=True)
    assert capsys.readouterr().out == "\\x1b[1mbold\\x1b[0m\\x1b[2J\x1b[1mbold\x1b[0m\\x1b[2J"


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_prints_no_control_characters_but_those_that_erase_its_line(terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    shown = Console(stream)
    evil = "".join(NAMES.values())
    shown.say(evil)
    shown.waiting([evil, evil], 5.0)
    shown.progress(evil, 1, 2)
    shown.progress(evil, 2, 2, evil)
    shown.clear()
    assert_harmless(stream.getvalue().replace("\r\x1b[K", ""))


@pytest.mark.threat("A name acts on the terminal")
def test_nothing_prints_past_the_console():
    """Except the prompt of `import -`, which is constant; what runs in gdb writes with `gdb.write(visible(…))`."""
    for file in [*(ROOT / "analyzer").rglob("*.py"), *(ROOT / "reports").rglob("*.py")]:
        if file.name == "console.py" and file.parent.name == "analyzer":
            continue
        calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        printed = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
        assert not [call for call in printed if not isinstance(call.args[0], ast.Constant)], file


def test_gdb_writes_only_what_is_visible():
    for file in (ROOT / "gdbscripts").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "gdb.write":
                continue
            text = node.args[0]
            constant = isinstance(text, ast.Constant) or ast.unparse(text) in (
                "'Key: %s.\\n' % words", "'No ioctl was recorded.%s\\n' % hint",
            )  # fmt: skip
            assert constant or ast.unparse(text).startswith("visible("), (file, ast.unparse(node))
