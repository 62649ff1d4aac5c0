"""What is written down is true: files, verbs, options, examples, schema numbers and links of the documentation."""

from __future__ import annotations

import importlib
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from analyzer.baselines import writer
from analyzer.cli import VERBS, parse
from analyzer.commands import build, doctor
from analyzer.commands.parser import Parser
from analyzer.graph import json_format
from gdbscripts import records
from reports import summary
from reports.ci import json_document
from reports.export import recording_json
from reports.text import paths
from tests.support.documents import anchors, links, list_of_tables, without_code

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
FOLDERS = sorted(
    file.parent
    for top in ("analyzer", "gdbscripts", "reports")
    for file in (ROOT / top).rglob("README.md")
    if list(file.parent.glob("*.py"))
)
DATA_FOLDERS = {"analyzer/recording/scenarios", "analyzer/backtraces/references"}  # their package finds the data
OF_OTHERS = {
    "--add-gnu-debuglink",  # of objcopy
    "--enable-debug",  # this and the next three: of QEMU's configure
    "--enable-lto",
    "--extra-cflags",
    "--cc",
    "--inclusive",  # of callgrind_annotate
    "--separate-recs",  # of Callgrind
    "--require-hashes",  # of pip
    "--no-deps",
    "--help",  # of every verb, and of configure
    "--strict",  # of mypy and MkDocs
}
FORMATS = {
    "Recording": records.SCHEMA,
    "Graph": json_format.SCHEMA,
    "Baseline": int(writer.FIRST_LINE.rpartition(" ")[2]),
    "Comparison": json_document.SCHEMA,
    "Export": recording_json.SCHEMA,
    "Paths": paths.SCHEMA,
}


def relative(file):
    """As it is named in the repository."""
    return file.relative_to(ROOT).as_posix()


def named_in_tables(folder):
    """The names in backticks in the tables of the folder's README, up to a colon."""
    cells = [cell for table in list_of_tables((folder / "README.md").read_text()) for row in table for cell in row]
    return {name for cell in cells for name in re.findall(r"`([\w./-]+)`", cell)}


@cache
def options_of(verb):
    """The options of a verb, as its parser has them."""
    parser = Parser(prog=verb)
    importlib.import_module(f"analyzer.commands.{'import_' if verb == 'import' else verb}").add_options(parser)
    return frozenset(parser._option_string_actions)


def commands_in(page):
    """The command lines of `analyze` in the shell blocks of a page: arguments, without the comment."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    for line in "\n".join(blocks).splitlines():
        command_line = re.split(r"\s#\s", line)[0]
        for part in re.split(r";|&&|\|", command_line):
            words = shlex.split(part)
            if "analyze" in words:
                yield words[words.index("analyze") + 1 :]


def check_command(command):
    """The parser takes it, and every option is written out: the parser takes a beginning for the whole."""
    assert parse(command).verb == command[0]
    own = command[: command.index("--")] if "--" in command else command
    assert {word for word in own if word.startswith("--")} <= options_of(command[0])


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_the_readme_of_a_folder_names_every_python_file(folder):
    modules = {file.name for file in folder.glob("*.py")} - {"__init__.py"}
    assert modules - named_in_tables(folder) == set()


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_every_file_in_the_table_of_a_folders_readme_exists(folder):
    first_cells = [row[0] for table in list_of_tables((folder / "README.md").read_text()) for row in table]
    names = {name for cell in first_cells for name in re.findall(r"`([\w./-]+(?:\.\w+|/))`", cell)}
    assert names
    assert {name for name in names if not (folder / name).exists()} == set()


def test_every_folder_of_the_program_has_a_readme():
    packages = {file.parent for top in ("analyzer", "reports") for file in (ROOT / top).rglob("__init__.py")}
    without = {relative(folder) for folder in packages if not (folder / "README.md").exists()}
    assert without == DATA_FOLDERS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_row_in_the_readme_and_an_example_in_a_page(verb):
    tables = list_of_tables((ROOT / "README.md").read_text())
    first_cells = [row[0] for table in tables for row in table]
    assert any(re.search(rf"`analyze {verb}\b", cell) for cell in first_cells)
    assert any(command[:1] == [verb] for page in DOCS for command in commands_in(page))


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_has_examples_that_its_parser_takes(verb):
    command = importlib.import_module(f"analyzer.commands.{'import_' if verb == 'import' else verb}")
    examples = command.EXAMPLES.replace("\\\n", " ").partition("\n\n")[0]
    lines = [line for line in examples.splitlines() if "analyze" in line]
    assert lines
    for line in lines:
        words = shlex.split(re.split(r"\s{3,}(?=\S)|\s&&\s|\s\|\s(?=head)", line.strip())[0])
        if "analyze" in words:
            check_command(words[words.index("analyze") + 1 :])
            assert words[words.index("analyze") + 1] == verb


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_command_in_a_page_is_one_that_the_parser_takes(page):
    for command in commands_in(page):
        check_command(command)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_option_in_a_page_is_one_of_some_verb(page):
    known = OF_OTHERS.union(*map(options_of, VERBS))
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", page.read_text())) - known == set()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_path_in_a_page_exists(page):
    """Paths of this repository in backticks; a file to be made has a word in capitals: `reports/ci/FORMAT.py`."""
    named = set(re.findall(r"`((?:analyzer|docs|gdbscripts|reports|tests)/[\w./-]*)`", page.read_text()))
    missing = {name for name in named if not (ROOT / name).exists() and not re.search(r"[A-Z]{2,}", name)}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_in_a_page_leads_to_a_file_of_the_repository_and_a_heading_in_it(page):
    for link in links(page.read_text()):
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_file(), link
        assert not heading or heading in anchors(target.read_text()), link


@pytest.mark.parametrize(("heading", "schema"), FORMATS.items())
def test_the_page_of_formats_has_the_schema_number_and_the_whole_history(heading, schema):
    text = (ROOT / "docs" / "formats.md").read_text()
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    assert re.findall(r"Current\s+schema:\s+\*\*(\d+)\*\*", section) == [str(schema)]
    history = [row[0] for row in list_of_tables(section)[0][1:]]
    assert history == [str(number) for number in range(1, schema + 1)]


def test_the_page_of_formats_names_every_json_document_with_its_schema_number():
    documents = {"summary": summary.SCHEMA, "cache": build.SCHEMA, "doctor": doctor.SCHEMA} | {
        name: importlib.import_module(f"reports.json.{name}").SCHEMA
        for name in (file.stem for file in (ROOT / "reports/json").glob("*.py"))
        if name not in ("__init__", "document")
    }
    section = (ROOT / "docs/formats.md").read_text().partition("## JSON of a verb")[2].partition("\n## ")[0]
    assert set(re.findall(r"`qemu-callchain (\w+)`", section)) == set(documents)
    assert set(documents.values()) == {
        int(number) for number in re.findall(r"All have schema \*\*(\d+)\*\*", section)
    }


def test_the_page_of_formats_names_every_record_of_a_recording():
    text = (ROOT / "docs" / "formats.md").read_text()
    section = text.partition("\n## Recording\n")[2].partition("\n## ")[0]
    tags = {record.TAG for record in vars(records).values() if hasattr(record, "TAG")}
    assert {tag for tag in tags if f"`{tag}`" not in section} == set()


def test_the_help_of_make_names_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    named = re.findall(r"^#   make ([\w-]+)  ", makefile.partition("\n\n")[0], re.MULTILINE)
    assert sorted(named) == sorted(targets)
    assert set(targets) <= set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))


def test_the_readme_of_the_tests_names_every_folder_and_every_file_of_support():
    named = {
        row[0].strip("`/") for table in list_of_tables((ROOT / "tests" / "README.md").read_text()) for row in table
    }
    folders = {
        file.name for file in (ROOT / "tests").iterdir() if file.is_dir() and not file.name.startswith("__")
    }
    shared = {file.name for file in (ROOT / "tests" / "support").glob("*.py")} - {"__init__.py"}
    assert (folders | shared) - named == set()


def test_the_readme_stays_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100


def test_a_heading_is_linked_by_its_words():
    assert anchors("# A `b-c` D\n## Who, what?\n```\n# none\n```\n") == ["a-b-c-d", "who-what"]


def test_code_is_not_searched_for_links():
    assert list(links("[a](b.md) `[c](d.md)` ![e](f.png)\n```\n[g](h.md)\n```\n[i](https://example.org)")) == [
        "b.md",
        "f.png",
    ]
    assert without_code("a `b` c") == "a  c"
