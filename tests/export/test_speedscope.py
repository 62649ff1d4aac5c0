"""speedscope opens its own format, folded stacks, callgrind's profile and trace events, in a real Chromium."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import jsonschema
import pytest
from selenium.webdriver.support.ui import WebDriverWait

from analyzer.model.frames import Function, Stack
from tests.support.exports import example, exported, large, named
from tests.support.notation import frame, recording
from tests.unit.reports.test_export import HOSTILE


@pytest.fixture
def speedscope(browser, modules, tmp_path):
    """Open a file in the way of speedscope's own command, and return the text of the page."""

    def opened(name, text):
        data = base64.b64encode(text.encode("utf-8", "backslashreplace")).decode()
        script = tmp_path / "load.js"
        script.write_text(f"speedscope.loadFileFromBase64({json.dumps(name)}, {json.dumps(data)})")
        browser.get("about:blank")
        browser.get(f"{(modules / 'speedscope/dist/release/index.html').as_uri()}#localProfilePath={script}")
        WebDriverWait(browser, 30).until(lambda page: "Sandwich" in page.find_element("tag name", "body").text)
        assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        return browser.find_element("tag name", "body").text

    return opened


@pytest.mark.parametrize(
    ("name", "file", "title"),
    [
        ("speedscope", "a.speedscope.json", "main thread (1/2)"),
        ("folded", "a.folded", "a.folded"),
        ("callgrind", "callgrind.out", "callgrind.out -- Hits"),
        ("trace-events", "a.trace.json", "CPU 0/KVM"),
    ],
)
def test_speedscope_opens_the_export_and_shows_its_name(name, file, title, speedscope):
    assert title in speedscope(file, exported(name, example()))


def test_its_list_of_functions_has_the_hits_of_the_recording(speedscope, browser):
    speedscope("a.speedscope.json", exported("speedscope", example()))
    browser.execute_script(
        "[...document.querySelectorAll('div')].filter(it => it.textContent.endsWith('Sandwich')).at(-1).click()"
    )
    texts = WebDriverWait(browser, 20).until(
        lambda page: [row.text for row in page.find_elements("css selector", "table tr") if "%" in row.text]
    )
    rows = [re.fullmatch(r"(\d+) \([<\d.]+%\)\s(\d+) \([<\d.]+%\)\s(\S+)", text) for text in texts]
    assert {row[3]: (int(row[1]), int(row[2])) for row in rows} == {
        "main": (11, 0), "accel_init": (5, 0), "goal": (5, 5), "realize": (1, 0), "start": (1, 0),
        "pthread_create": (1, 1), "walk": (5, 5),
    }  # fmt: skip


def test_the_file_obeys_the_schema_that_speedscope_publishes(modules):
    schema = json.loads((modules / "speedscope/dist/release/file-format-schema.json").read_text())
    for run in (example(), large(1000, 5, 10), *map(named, HOSTILE)):
        jsonschema.validate(json.loads(exported("speedscope", run)), schema)


@pytest.mark.parametrize("name", ["speedscope", "folded", "callgrind", "trace-events"])
def test_speedscope_opens_an_export_with_hostile_names(name, speedscope):
    base = recording("main > goal")
    stack = Stack(tuple(replace(frame("x"), function=Function(it, it), name=it, file=it) for it in HOSTILE))
    run = replace(example(), stops=(replace(base.stops[0], stack=stack, arguments=()),))
    assert "Sandwich" in speedscope(f"a.{name}", exported(name, run))
