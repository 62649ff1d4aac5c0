"""A comparison as a SARIF log."""

from __future__ import annotations

import json

from analyzer.diff.change import Change, ChangeKind
from reports.ci import sarif
from reports.ci.sarif import MAX_FLOW_STEPS, SARIF_HELP
from tests.support.verdicts import chain, example, many, verdict


def run_of(found, **options):
    return json.loads(sarif.render(found, **options))["runs"][0]


def test_sarif_has_a_rule_with_help_for_every_kind():
    rules = run_of(example())["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == set(SARIF_HELP) >= {kind.value for kind in ChangeKind}
    for result in run_of(example())["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_sarif_shows_the_new_chain_as_a_flow():
    results = run_of(example())["results"]
    result = next(result for result in results if result["ruleId"] == "inserted")
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    names = [step["location"]["logicalLocations"][0]["fullyQualifiedName"] for step in steps]
    assert names == ["main", "a", "came", "new_name", "f", "small", "thread"]
    assert steps[2]["location"]["message"]["text"] == "came is added after a"
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 10}


def test_sarif_shows_the_old_chain_when_there_is_no_new():
    lost = chain("goal", "- main@vl\n- > a@x\n", threads=("main thread", ""), own=[ChangeKind.CHAIN_REMOVED])
    (result,) = run_of(verdict(lost))["results"]
    assert len(result["codeFlows"][0]["threadFlows"][0]["locations"]) == 2


def test_sarif_has_a_line_only_where_one_is_known():
    change = Change(ChangeKind.FUNCTION_ADDED, "f", new="f", file="hw/a b.c")
    (result,) = run_of(verdict(extra=[change]))["results"]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "hw/a%20b.c", "uriBaseId": "SRCROOT"}
    }


def test_sarif_suppresses_what_was_accepted_with_its_reason():
    results = run_of(example())["results"]
    (accepted,) = [result for result in results if "suppressions" in result]
    assert accepted["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "known since May"}
    ]
    assert accepted["level"] == "note" and accepted["baselineState"] == "unchanged"


def test_sarif_leaves_out_the_least_bad_and_says_how_many():
    run = run_of(verdict(extra=many(300), stale=["an entry"]), limit=100)
    assert len(run["results"]) == 100 and {result["level"] for result in run["results"]} == {"error"}
    told = [one["message"]["text"] for one in run["invocations"][0]["toolExecutionNotifications"]]
    assert "201 more results of the lowest levels are left out." in told


def test_sarif_cuts_a_chain_in_the_middle_and_all_of_them_in_the_end():
    rows = "  main\n" + "".join(f"  > f{n}@x\n" for n in range(1500)) + "+ > came@x\n"
    (result,) = run_of(verdict(chain("goal", rows)))["results"]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert len(steps) == MAX_FLOW_STEPS
    assert [s["location"]["message"]["text"] for s in steps if "more" in s["location"]["message"]["text"]] == [
        "503 more functions"
    ]
    assert steps[-1]["location"]["message"]["text"] == "came is added after f1499"
    many_of_them = verdict(*(chain(f"goal {n}", rows.replace("came", f"came{n}")) for n in range(30)))
    run = run_of(many_of_them)
    assert sum("codeFlows" in result for result in run["results"]) == 20
    told = [one["message"]["text"] for one in run["invocations"][0]["toolExecutionNotifications"]]
    assert "10 results have no code flow: the log would contain too many steps." in told


def test_sarif_says_where_both_sides_come_from_and_what_it_came_to():
    run = run_of(example())
    assert run["properties"]["old"]["qemu_version"] == "7.2.0"
    assert run["automationDetails"] == {"id": "qemu-callchain/startup/"}
    assert run["invocations"][0]["exitCode"] == 1 and run["invocations"][0]["executionSuccessful"]
    assert not run_of(verdict(not_comparable=[("a", "b")]))["invocations"][0]["executionSuccessful"]
