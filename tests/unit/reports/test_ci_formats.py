"""What platforms are told of a comparison, within their limits and deaf to hostile names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from analyzer.diff.change import Change, ChangeKind
from reports.ci import github, gitlab, junit, markdown
from reports.ci.markdown import fence
from tests.support.hostile import NAMES, hostile
from tests.support.verdicts import ROWS, chain, example, many, verdict

# GitHub's workflow commands


def commands(text):
    return re.findall(r"^::(error|warning|notice)", text, re.MULTILINE)


def test_github_shows_ten_of_a_kind_and_says_how_many_more_there_are():
    text = github.render(verdict(extra=many(300), stale=[f"entry {n}" for n in range(12)]))
    assert commands(text).count("error") == 10 and commands(text).count("warning") == 10
    assert "::error title=qemu-callchain::291 more; see the report\n" in text
    assert "::warning title=qemu-callchain::3 more; see the report\n" in text
    assert text.splitlines()[-1].endswith("Not annotated: 291 errors, 3 warnings.")


def test_github_shows_exactly_ten_without_a_word_on_more():
    text = github.render(verdict(extra=many(10)))
    assert commands(text) == ["error"] * 10 and "more" not in text


def test_github_gets_few_notices():
    text = github.render(verdict(extra=many(50, ChangeKind.OPTIMISED)))
    assert commands(text) == ["notice"] * 3 and "48 more" in text


def test_github_annotates_the_line_where_it_is_known():
    text = github.render(example())
    assert "::error file=hw/x86.c,line=10,title=renamed::old_name is renamed to new_name\n" in text
    assert "::error title=ioctl-added::KVM_CREATE_VM is newly issued\n" in text


@pytest.mark.parametrize("name", NAMES)
def test_no_name_gives_github_a_command(name):
    lines = github.render(hostile(name)).splitlines()
    for line in lines[:-1]:
        properties = re.fullmatch(r"::(?:error|warning|notice) ([^:]*)::.*", line)
        assert properties and re.fullmatch(r"(?:file=[^,]*,(?:line=\d+,)?)?title=[\w-]+", properties[1])
    assert not lines[-1].lstrip().startswith(("::", "##["))


def test_github_escapes_what_it_documents():
    change = Change(ChangeKind.RENAMED, "100%", "100%", "a", file="a,b:c%.c", line=3)
    assert "file=a%2Cb%3Ac%25.c,line=3,title=renamed::100%25 is renamed to a" in github.render(
        verdict(extra=[change])
    )


# GitLab


def test_gitlab_groups_what_has_no_place_and_counts_lines_from_one():
    issues = {issue["check_name"]: issue for issue in json.loads(gitlab.render(example()))}
    assert issues["ioctl-added"]["location"] == {"path": "qemu", "lines": {"begin": 1}}
    assert issues["renamed"]["location"] == {"path": "hw/x86.c", "lines": {"begin": 10}}
    severities = [issues[name]["severity"] for name in ("rule-broken", "not-checked", "stale-entry", "optimised")]
    assert severities == ["critical", "major", "minor", "info"]


# JUnit


def suite(found):
    return ET.fromstring(junit.render(found))


def test_junit_has_a_test_for_each_chain_each_rule_and_the_rest():
    root = suite(example())
    names = [case.get("name") for case in root.iter("testcase")]
    assert names == [
        "The goal (main thread)", "The same (main thread)", "The later (main thread)",
        "off the chains", "ioctls", "main must reach kvm_cpu_exec", "KVM_RUN",
    ]  # fmt: skip
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("7", "5", "1")


def test_junit_shows_the_aligned_chains_where_they_differ():
    failure = suite(example()).find("testcase/failure")
    assert failure.get("message") == "The chains diverge after a: came is added."
    assert "+  > came" in failure.text and "-  > went" in failure.text


def test_junit_takes_what_was_accepted_for_passed():
    changes = chain("goal", "  main\n- > went@x\n")
    assert suite(verdict(changes)).get("failures") == "1"
    passed = suite(verdict(changes, accepted={"went": "known"}))
    assert passed.get("failures") == "0"
    assert "accepted: went is removed after main: known" in passed.find("system-out").text


def test_junit_makes_an_error_of_what_could_not_be_checked_and_skips_nothing():
    root = suite(verdict(not_comparable=[("KVM_RUN", "never reached")]))
    assert root.find("testcase/error").get("message") == "never reached"
    assert root.get("errors") == "1" and not list(root.iter("skipped"))


def test_junit_fails_for_entries_that_do_not_fit_where_they_count():
    assert suite(verdict(stale=["Entry 3 matches nothing."])).get("failures") == "0"
    root = suite(verdict(stale=["Entry 3 matches nothing."], stale_counts=True))
    assert root.find("testcase/failure").get("message") == "Entry 3 matches nothing."


def test_junit_tells_two_chains_to_one_milestone_apart():
    root = suite(verdict(chain("goal", ROWS), chain("goal", ROWS)))
    names = [case.get("name") for case in root.iter("testcase")]
    assert names[:2] == ["The goal (main thread)", "The goal (main thread) (2)"]


# Markdown


def test_markdown_begins_with_the_mark_by_which_the_comment_is_found_again():
    assert markdown.render(verdict()).splitlines()[0] == "<!-- qemu-callchain -->"


def test_markdown_shows_the_chains_that_differ_as_a_diff_and_folds_the_rest():
    text = markdown.render(example())
    block = text.partition("```diff\n")[2].partition("```")[0].splitlines()
    assert "+  > came  hw/x.c" in block and "-  > went  hw/x.c" in block
    assert "~  > old_name → new_name  hw/pc.c → hw/x86.c" in block
    assert "The chains diverge after `a`: `came` is added." in text
    folded = re.findall(r"<details><summary>(.*)</summary>", text)
    assert folded == [
        "Stale allow-list entries (1)", "Accepted (1)", "Notes (not counted as changes) (1)",
        "Unchanged (1)",
    ]  # fmt: skip
    assert text.index("Not comparable") < text.index("```diff")


@pytest.mark.parametrize("limit", [1_000, 2_000, 5_000, 65_000])
def test_markdown_keeps_to_the_limit_and_says_how_much_is_left_out(limit):
    chains = [chain(f"goal {n}", ROWS.replace("came", f"came{n}ä")) for n in range(40)]
    text = markdown.render(verdict(*chains, extra=many(300)), limit=limit)
    assert len(text.encode()) <= limit
    shown = sum(line.startswith(("+ ", "- ")) and "hw/" in line for line in text.splitlines())
    shown += sum(line.startswith(("~ ", "» ")) for line in text.splitlines())
    shown += len(re.findall(r"^- `function_\d+` is newly observed", text, re.MULTILINE))
    shown += len(re.findall(r"^- `small`", text, re.MULTILINE))
    left = re.findall(r"\*\*(\d+) more changes; see the report\.\*\*", text)
    # In each chain four rows differ; one change of each kind is the same for all, and the note is told once.
    assert shown + (int(left[0]) if left else 0) == 40 * 4 + 300 + 1
    assert text.count("```") % 2 == 0 and text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("name", NAMES)
def test_no_name_does_anything_in_markdown(name):
    """Outside of code, nothing of a name is left that a platform would act upon."""
    lines = markdown.render(hostile(name)).splitlines()[1:]
    fences = [number for number, line in enumerate(lines) if re.match("`{3,}", line)]
    assert len(fences) % 2 == 0 and len({len(lines[n].replace("diff", "")) for n in fences}) <= 1
    inside = {n for start, end in zip(fences[::2], fences[1::2], strict=True) for n in range(start, end + 1)}
    for number, line in enumerate(lines):
        if number in inside:
            continue
        plain = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", line).replace("<!-- -->", "\x00")
        plain = re.sub(r"</?(details|summary)>", "", plain)
        assert not re.search(r"<|@\w|(?<!^)(?<!\\)#\w|://|(?<!\\)\]\(", plain.lstrip("#")), line


def test_nothing_follows_a_section_that_was_cut():
    found = verdict(extra=many(30, name="long_" * 50 + "{}"), stale=["An entry."])
    for limit in range(3_000, 3_400, 20):  # what is left of the room would do for the entry
        text = markdown.render(found, limit=limit)
        assert "An entry" not in text and text.endswith("more changes; see the report.**\n")


def test_markdown_names_what_differs_only_as_a_chain_above():
    text = markdown.render(example())
    assert (
        "### Differ only in functions shared with a chain above\n\n"
        "- The later (main thread): shared with “The goal”" in text
    )
    assert text.count("```diff") == 1


def test_a_block_of_code_has_more_backticks_than_what_is_in_it():
    assert (fence(["a ` b"]), fence(["``` ````"]), fence([])) == ("```", "`````", "```")


def test_what_is_known_besides_is_prose():
    change = Change(ChangeKind.INSERTED, "f", new="f", after="main", note="split off main")
    assert "- `f` is added after `main` (split off main)\n" in markdown.render(verdict(extra=[change]))
    differs = chain("goal", "  main\n+ > f\n")
    (row,) = [row for row in differs.rows if row.changes]
    known = replace(row, changes=(replace(row.changes[0], note="split off main"),))
    text = markdown.render(verdict(replace(differs, rows=(differs.rows[0], known))))
    assert "The chains diverge after `main`: `f` is added (split off main)." in text


def test_an_issue_or_a_person_is_not_called_by_what_is_not_a_name():
    text = markdown.render(verdict(stale=["ask @someone about #12, !3 and GH-4 at https://x.test or www.x.test"]))
    line = next(line for line in text.splitlines() if "someone" in line)
    assert line == (
        "- ask @<!-- -->someone about \\#<!-- -->12, \\!<!-- -->3 and GH<!-- -->-4 at "
        "https://<!-- -->x.test or www<!-- -->.x.test"
    )
