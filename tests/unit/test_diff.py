"""Old chains, new chains, and what is to be said about them: as often nothing as something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.diff.change import ChangeKind, Source
from analyzer.diff.compare import compare
from analyzer.diff.names import known_names, read_names, together
from analyzer.diff.words import first_divergence, sentence
from analyzer.errors import AnalyzerError
from analyzer.graph.callgraph import IoctlCall, Missing
from analyzer.model import Function
from tests.comparing import changes, source


def _asked(*requests):
    """Ioctls, each `REQUEST` or `REQUEST on THREAD` or `REQUEST of FILE`."""
    made = source("main > goal")
    made.graph.ioctls = tuple(map(_ioctl, requests))
    return made


def _ioctl(words):
    request, _, thread = words.partition(" on ")
    request, _, file = request.partition(" of ")
    return IoctlCall(request, file or "anon_inode:kvm-vm", thread or "main thread", "", Function("f", "f"))


_POINTER = source("main *> goal", slots={"goal": "Ops.go by init"})
_POINTER_BY_COPY = source("main *> goal", slots={"goal": "Ops.go by init of Template.go"})
SAME = [
    # the same chain
    ("main > init > goal", "main > init > goal"),
    # lines, addresses and arguments never count: the notation gives each function others by its position
    (("main > goal", "main > other > goal"), ("main > other > goal", "main > goal")),
    # a backtrace does not tell whether a call was direct
    ("main -> goal", "main > goal"),
    ("main -> goal", "main *> goal"),
    # what nobody knows is no change
    ("main ?> goal", "main *> goal"),
    ("main > goal", "main ?> goal"),
    # a file of the same stem in another folder is the same file
    ("main > a@vl > goal", "main > a@vl > goal"),
    # what the kernel does differs from host to host
    ("main > goal $> kvm_dev_ioctl@kernel", "main > goal"),
    ("main > goal $> a k> b", "main > goal $> a k> c k> d"),
    ("main > goal d> a", "main > goal $> a"),
    # a function partly inlined into its caller, and called for the rest
    ("main > f > goal", "main +> f > f > goal"),
    # recursion
    ("main > f > f > f > goal", "main > f > f > f > goal"),
    # a pointer in the same slot, set by the same function
    (
        source("main *> goal", slots={"goal": "Ops.go by init"}),
        source("main *> goal", slots={"goal": "Ops.go by init"}),
    ),
    # set by the class of another machine version
    (
        source("main *> goal", slots={"goal": "M.init by pc_machine_v7_2_class_init"}),
        source("main *> goal", slots={"goal": "M.init by pc_i440fx_machine_10_0_class_init"}),
    ),
    # a slot whose name optimised code does not tell
    (source("main *> goal", slots={"goal": "Ops.go by init"}), source("main *> goal", slots={"goal": " by init"})),
    # optimised code writes a name where it is passed
    (
        source("main *> goal", slots={"goal": "f of g by init"}),
        source("main *> goal", slots={"goal": "f of g by init, init"}),
    ),
    # of a library nobody knows the files
    ("main > a@x > goal", "main > a@[libc] > goal"),
    # threads that nobody named
    (source("main > goal", thread="thread 2"), source("main > goal", thread="CPU 0/KVM")),
    # the same ioctls
    (source("main > goal", ioctls=("A", "B", "B")), source("main > goal", ioctls=("A", "B"))),
    # without the ledger there is nothing to compare
    (source("main > goal", ioctls=("KVM_RUN",)), source("main > goal", ioctls=("A", "KVM_RUN", "B"))),
    # which of two threads asks first is nobody's choice
    (_asked("A", "B on CPU 0/KVM", "C"), _asked("A", "C", "B on CPU 0/KVM")),
    # hits, unless asked for
    (("main > goal", "main > goal"), "main > goal"),
    # two chains to one milestone, recorded in the other order
    (("main > a > goal", "main > b > goal"), ("main > b > goal", "main > a > goal")),
    # inlined on both sides, jumped to on both sides, started as a thread on both sides
    ("main +> f ~> g => h > goal", "main +> f ~> g => h > goal"),
    # inlined, or nobody knows
    ("main +> goal", "main ?> goal"),
    ("main -> goal", "main ?> goal"),
    # a hole where the other side has no more to tell
    ("main > f ?> goal", "main > f -> goal"),
    # a function of a library: where it is does not depend on its file
    ("main > goal > [ioctl", "main > goal > [ioctl"),
    # a handler that a signal came to
    ("main > f !> handler > goal", "main > f !> handler > goal"),
    # another build, version and tool
    (
        source("main > goal", build_id="a", tool="1"),
        source("main > goal", build_id="b", qemu_version="10", tool="2"),
    ),
    # stacks that lead nowhere, in another order
    (("main > goal", "a > b", "a > c"), ("a > c", "main > goal", "a > b")),
    # a static function of the same name in two files
    ("main > init@a > init@b > goal", "main > init@a > init@b > goal"),
    # the same slot, of which neither side knows who sets it
    (source("main *> goal", slots={"goal": "Ops.go"}), source("main *> goal", slots={"goal": "Other.go"})),
    # the ladder of descriptors alone on both sides
    (source("main > goal", ioctls=("KVM_RUN",)), source("main > goal", ioctls=("KVM_RUN", "KVM_RUN"))),
]
DIFFERENT = [
    # a function came in
    ("main > goal", "main > a > goal", "inserted a"),
    ("main > c > goal", "main > a > b > c > goal", "inserted a", "inserted b"),
    # a function is gone
    ("main > a > goal", "main > goal", "removed a"),
    ("main > a > f > f > goal", "main > a > f > goal", "removed f"),
    # renamed: by its place and what the names have in common
    ("main > kvm_start_cpu > goal", "main > kvm_start_vcpu_thread > goal", "renamed kvm_start_vcpu_thread"),
    # renamed: history says so, though the names have nothing in common
    ("main > io_mem_write > goal", "main > memory_region_dispatch_write > goal",
     "renamed memory_region_dispatch_write"),
    # at the same place but nothing in common
    ("main > tea > goal", "main > coffee > goal", "inserted coffee", "removed tea"),
    # two would do: ambiguous is no match
    ("main > set_bool > goal", "main > set_int > set_str > goal",
     "inserted set_int", "inserted set_str", "removed set_bool"),
    # alike, but not at the same place
    ("main > pc_cpu > a > goal", "main > a > x86_cpu > goal", "inserted x86_cpu", "removed pc_cpu"),
    # to another file
    ("main > a@x86 > goal", "main > a@common > goal", "moved a"),
    # renamed and moved at once
    ("main > new_cpu@pc > goal", "main > cpu_new@x86 > goal", "moved cpu_new", "renamed cpu_new"),
    # a direct call became one through a pointer, and the other way
    ("main > a > goal", "main *> a > goal", "call-kind a"),
    ("main *> a > goal", "main > a > goal", "call-kind a"),
    # a call became a thread
    ("main > a > goal", "main => a > goal", "call-kind a"),
    # renamed, and now through a pointer
    ("main > qemu_kvm_start_vcpu > goal", "main *> kvm_start_vcpu_thread > goal",
     "call-kind kvm_start_vcpu_thread", "renamed kvm_start_vcpu_thread"),
    # another slot; another setter
    (_POINTER, source("main *> goal", slots={"goal": "Class.go by init"}), "pointer goal"),
    (_POINTER, source("main *> goal", slots={"goal": "Ops.go by late"}), "pointer goal"),
    # on another thread
    (source("main > goal"), source("main > goal", thread="CPU 0/KVM"), "thread The goal"),
    (source("main > goal"), source("main > goal", thread="thread 2"), "thread The goal"),
    # inlined, or a jump: a note
    ("main > a > goal", "main +> a > goal", "optimised a"),
    ("main > a > goal", "main ~> a > goal", "optimised a"),
    # left no frame: the way past it is a jump
    ("main > a > b > goal", "main > a ~> goal", "optimised b"),
    ("main > a ~> goal", "main > a > b > goal", "optimised b"),
    # left no frame, and something else stands there: no excuse
    ("main > a > tea > goal", "main > a > coffee ~> goal", "inserted coffee", "removed tea"),
    # of another machine version: a note
    ("main *> pc_init_v7_2@pc_piix > goal", "main *> pc_i440fx_machine_10_0_init@pc_piix > goal",
     "numbered pc_i440fx_machine_10_0_init"),
    # ioctls
    (_asked("A", "B"), _asked("A", "C"), "ioctl-added C", "ioctl-removed B"),
    (_asked("A", "B", "C"), _asked("B", "C", "A"), "ioctl-reordered A"),
    # names that have most of their words in common are other requests all the same
    (_asked("KVM_SET_MSRS", "B"), _asked("KVM_GET_MSRS", "B"),
     "ioctl-added KVM_GET_MSRS", "ioctl-removed KVM_SET_MSRS"),
    # the same request on another thread, or of another descriptor
    (_asked("A", "B"), _asked("A", "B on CPU 0/KVM"), "ioctl-reordered B"),
    (_asked("A of /dev/kvm", "B"), _asked("A", "B"), "ioctl-reordered A"),
    (_asked("A of /dev/kvm", "A", "B"), _asked("A", "B"), "ioctl-removed A"),
    # a second chain to the same milestone
    ("main > a > goal", ("main > a > goal", "main > b > goal"), "chain-added The goal"),
    (("main > a > goal", "main > b > goal"), "main > a > goal", "chain-removed The goal"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), SAME)
def test_nothing_is_said_of(old, new):
    assert changes(old, new) == []


@pytest.mark.parametrize("row", DIFFERENT, ids=lambda row: "; ".join(row[2:]))
def test_it_is_said(row):
    old, new, *expected = row
    assert changes(old, new) == sorted(expected)


def test_what_became_of_choosing_the_accelerator_since_1_6():
    old = "main@vl > configure_accelerator@vl *> goal"
    new = (
        "main@vl > qemu_init@vl > configure_accelerators@vl > qemu_opts_foreach@qemu-option "
        "*> do_configure_accelerator@vl > accel_init_machine@accel *> goal"
    )
    told = compare(source(old), source(new), NAMES).changes
    assert [sentence(change) for change in told] == [
        "accel_init_machine came in after do_configure_accelerator (does part of what configure_accelerator did)",
        "do_configure_accelerator came in after qemu_opts_foreach (does part of what configure_accelerator did)",
        "qemu_init came in after main (does part of what main did)",
        "qemu_opts_foreach came in after configure_accelerators",
        "configure_accelerator became configure_accelerators",
    ]


def test_there_are_as_many_rows_that_expect_nothing():
    assert len(SAME) >= len(DIFFERENT)


def test_of_many_chains_to_one_milestone_those_that_are_the_same_belong_together():
    lines = [f"main > f{number} > g{number} > goal" for number in range(30)]
    assert changes(source(*lines), source("main > first > goal", *lines)) == ["chain-added The goal"]


def test_chains_of_one_thread_belong_together():
    old, new = (
        _on_threads(line, *threads)
        for line, threads in (
            ("run > goal", ("CPU 0/KVM", "CPU 1/KVM")),
            ("run > a > goal", ("CPU 1/KVM", "CPU 0/KVM")),
        )
    )
    assert changes(old, new) == ["inserted a"]


def test_a_change_seen_on_several_chains_is_told_once_with_all_of_them():
    old = [source("main > goal"), source("main > goal > more")]
    diff = compare(
        _two("main > goal", "main > goal > more"), _two("main > a > goal", "main > a > goal > more"), NAMES
    )
    assert [(change.kind, change.chains) for change in diff.changes] == [
        (ChangeKind.INSERTED, ("goal", "later"))
    ], old


def test_a_pointer_that_took_another_way_is_told_with_that_way():
    diff = compare(_POINTER, _POINTER_BY_COPY, NAMES)
    assert [sentence(change) for change in diff.changes] == [
        "goal: the pointer was Ops.go, stored Ops.go by init; it is Ops.go, stored Template.go by init now"
    ]


def test_it_is_told_where_an_ioctl_is_asked_now():
    diff = compare(_asked("A", "B"), _asked("A", "B on CPU 0/KVM"), NAMES)
    assert [sentence(change) for change in diff.changes] == [
        "B is asked of anon_inode:kvm-vm on a processor's thread now; it was of anon_inode:kvm-vm on main thread"
    ]


def test_where_the_chains_part_is_told_in_a_sentence():
    diff = compare(source("main > a > goal"), source("main > a > b > goal"), NAMES)
    assert first_divergence(diff.chains[0]) == "The chains part after a: b came in."


def test_they_part_after_a_function_that_both_have():
    old, new = source("main > a > b@x > goal"), source("main ~> b@y > goal")
    (chain,) = compare(old, new, NAMES).chains
    assert first_divergence(chain) == "The chains part after main: b moved from hw/x.c to hw/y.c."


def test_what_is_known_from_an_earlier_chain_is_counted():
    diff = compare(
        _two("main > a > goal", "main > a > goal > b"), _two("main > a > goal", "main > a > goal > b"), NAMES
    )
    assert [chain.known for chain in diff.chains] == [0, 3]


def test_a_jump_is_no_excuse_where_both_were_compiled_alike():
    for profile, expected in (("release", "removed b"), ("own", "optimised b")):
        old, new = (
            source(line, build={"profile": profile}) for line in ("main > a ~> b ~> goal", "main > a ~> goal")
        )
        assert changes(old, new) == [expected]


def test_hits_are_told_when_asked_for():
    old, new = source("main > goal"), source("main > goal", "main > goal")
    assert changes(old, new, hits=True) == ["hits main -> goal"]


def test_the_kernel_is_compared_when_asked_for():
    assert changes("main > goal $> a k> b", "main > goal $> a k> c k> b", kernel=True) == ["inserted c"]


class TestOutsideTheChains:
    def test_a_function_and_its_calls_are_told_as_one(self):
        old = _outside("main > x > y")
        new = _outside("main > x > z > y")
        assert changes(old, new) == ["call-removed x -> y", "function-added z"]

    def test_a_call_between_functions_both_sides_have_is_told(self):
        old, new = _outside("main > x > y"), _outside("main > x > y", "main > y")
        assert changes(old, new) == ["call-added main -> y"]

    def test_the_kind_of_a_call_is_told(self):
        assert changes(_outside("main > x > y"), _outside("main > x *> y")) == ["call-kind x -> y"]

    def test_a_function_that_moved_is_told_as_moved(self):
        assert changes(_outside("main > x@a > y"), _outside("main > x@b > y")) == ["moved x"]

    def test_between_two_optimised_builds_it_is_no_excuse(self):
        old, new = _outside("main > x > y", "main +> z"), _outside("main ~> y", "main +> z")
        assert changes(old, new) == ["call-added main -> y", "function-removed x"]

    def test_twins_of_one_name_are_told_each(self):
        twins = _outside("main > x@a > y", "main > x@b > y")
        assert changes(twins, _outside()) == ["function-removed x"] * 2 + ["function-removed y"]
        apart = _outside("main > x@a", "main > x@b", "main > z")
        assert changes(apart, _outside("main > x@a", "main > x@b", "main > z > x@a", "main > z > x@b")) == [
            "call-added z -> x", "call-added z -> x"
        ]  # fmt: skip

    def test_one_that_optimisation_leaves_without_a_frame_is_a_note(self):
        assert changes(_outside("main > x > y"), _outside("main ~> y")) == ["optimised x"]
        assert changes(_outside("x > y > z"), _outside("y ~> z")) == ["optimised x", "optimised y -> z"]


class TestWhatCouldNotBeCompared:
    def test_a_milestone_of_a_recording_cut_short(self):
        whole = source("main > goal", "main > other", ioctls=("A", "B"), name="OLD")
        for old, new in ((whole, source(complete=False, ioctls=("B",))), (source(complete=False), whole)):
            diff = compare(old, new, NAMES)
            assert not diff.changes
            assert [entry.subject for entry in diff.unchecked][0] == "The goal"
            assert "not recorded to its end" in diff.unchecked[0].reason

    def test_what_is_new_in_a_recording_cut_short_is_new(self):
        new = source("main > goal", ioctls=("A", "B"), complete=False)
        assert changes(source("main > goal", ioctls=("A",)), new) == ["ioctl-added B"]

    def test_another_scenario(self):
        diff = compare(source("main > goal"), Source("NEW", source(scenario="io").graph), NAMES)
        assert [entry.subject for entry in diff.unchecked] == [
            "The goal", "The ioctls, and what is outside the chains"
        ]  # fmt: skip
        assert not diff.changes

    def test_what_a_recording_cut_short_lacks_besides_its_chains(self):
        whole, cut = _outside("main > x > y", "main > x"), _outside("main > x")
        whole.graph.ioctls, cut.graph.ioctls = _asked("A", "B").graph.ioctls, _asked("A").graph.ioctls
        assert changes(whole, cut) == ["function-removed y", "ioctl-removed B"]
        cut.graph.provenance = replace(cut.graph.provenance, complete=False)
        for old, new in ((whole, cut), (cut, whole)):
            diff = compare(old, new, NAMES)
            assert diff.changes == ()
            assert [entry.reason for entry in diff.unchecked] == ["NEW was not recorded to its end"]

    def test_what_a_recording_cut_short_has_more_is_told(self):
        cut = replace(_outside("main > x"), name="CUT")
        cut.graph.provenance = replace(cut.graph.provenance, complete=False)
        assert changes(_outside(), cut) == ["function-added x"]

    def test_the_second_chain_to_a_milestone_of_a_recording_cut_short(self):
        diff = compare(
            source("main > a > goal", "main > b > goal"), source("main > a > goal", complete=False), NAMES
        )
        assert not diff.changes
        assert [entry.subject for entry in diff.unchecked] == ["The goal", OPEN_END]

    def test_two_recordings_cut_short_are_not_the_same(self):
        diff = compare(
            source("main > goal", complete=False, name="OLD"), source("main > goal", complete=False), NAMES
        )
        assert {entry.subject for entry in diff.unchecked} == {OPEN_END}

    def test_a_milestone_that_neither_of_two_recordings_cut_short_came_to(self):
        cut = source(complete=False)
        cut.graph.missing = (Missing("later", "Later", True, ("f",)),)
        assert "Later" in [entry.subject for entry in compare(cut, cut, NAMES).unchecked]

    def test_graphs_without_chains(self):
        for scenario in ("startup", "import"):
            diff = compare(source(name="OLD"), source(scenario=scenario), NAMES)
            assert diff.unchecked
        assert compare(source(name="OLD"), source(), NAMES).unchecked[0].reason == "there is none to compare"

    def test_the_ladder_is_not_missed_where_there_is_no_kvm(self):
        with_kvm, without = source("main > goal", ioctls=("KVM_RUN",)), source("main > goal")
        assert changes(with_kvm, without) == changes(without, with_kvm) == []

    def test_a_pointer_that_only_one_side_can_explain(self):
        known = source("main *> goal", slots={"goal": "Ops.go by init"}, name="OLD")
        unknown = source("main *> goal", slots={"goal": "Ops.go"})
        for old, new in ((known, unknown), (unknown, known)):
            diff = compare(old, new, NAMES)
            assert [entry.subject for entry in diff.unchecked] == ["Who set the pointer to goal"]
            assert not diff.changes

    def test_a_pointer_of_which_one_side_says_nothing(self):
        both = {"a": "Ops.a by init", "goal": "Ops.go by init"}
        whole = source("main *> a *> goal", slots=both, name="OLD")
        diff = compare(whole, source("main *> a *> goal", slots={"a": "Ops.a by init"}), NAMES)
        assert [entry.subject for entry in diff.unchecked] == ["Who set the pointer to goal"]

    def test_what_the_old_side_was_recorded_without(self):
        whole = source("main *> goal", ioctls=("A",), slots={"goal": "O.go by i"})
        diff = compare(source("main *> goal", name="OLD"), whole, NAMES)
        assert [entry.subject for entry in diff.unchecked] == ["The ioctls", "Who set the function pointers"]

    def test_the_ioctls_when_the_new_side_was_recorded_without(self):
        diff = compare(source("main > goal", ioctls=("A",)), source("main > goal"), NAMES)
        assert [entry.subject for entry in diff.unchecked] == ["The ioctls"]

    def test_pointers_when_the_new_side_was_recorded_without(self):
        diff = compare(source("main *> goal", slots={"goal": "O.go by i"}), source("main *> goal"), NAMES)
        assert [entry.subject for entry in diff.unchecked] == ["Who set the function pointers"]

    def test_what_an_imported_backtrace_does_not_show_is_no_complaint(self):
        pasted = source("main -> goal", scenario="import")
        whole = _two("main > goal", "main > goal > b")
        assert compare(pasted, whole, NAMES).unchecked == ()
        assert changes(pasted, whole) == changes(whole, pasted) == []

    def test_a_pasted_stack_that_the_other_side_has_not_is_told(self):
        pasted = source("main -> goal", scenario="import", name="pasted")
        pasted.graph.chains = tuple(replace(chain, milestone="at elsewhere") for chain in pasted.graph.chains)
        elsewhere = source("main > b > c")
        for old, new in ((pasted, elsewhere), (elsewhere, pasted)):
            assert [entry.reason for entry in compare(old, new, NAMES).unchecked] == [
                "NEW has no chain that leads there"
            ]

    def test_a_pasted_stack_that_ends_on_the_way_is_compared_with_that_part(self):
        pasted = source("main -> a -> b", scenario="import")
        pasted.graph.chains = tuple(replace(chain, milestone="at b") for chain in pasted.graph.chains)
        assert changes(pasted, source("main > a > b > goal")) == []
        assert changes(pasted, source("main > a > x > b > goal")) == ["inserted x"]
        assert changes(source("main > a > x > b > goal"), pasted) == ["removed x"]

    def test_a_pasted_stack_is_compared_with_the_chain_that_is_most_like_it(self):
        whole = _two("main > kvm_init > ioctl", "main => thread > kvm_run > ioctl")
        pasted = source("thread -> kvm_run -> ioctl", scenario="import")
        pasted.graph.chains = tuple(replace(chain, milestone="at ioctl") for chain in pasted.graph.chains)
        assert changes(pasted, whole) == changes(whole, pasted) == []

    @pytest.mark.parametrize("excerpt", ["b -> goal", "a -> b -> goal", "a -> b", "b"])
    def test_an_excerpt_is_compared_with_what_it_is_an_excerpt_of(self, excerpt):
        pasted = source(excerpt, scenario="import")
        pasted.graph.chains = tuple(replace(chain, milestone=f"at {excerpt[-1]}") for chain in pasted.graph.chains)
        assert changes(pasted, source("main > a > b > goal")) == []
        assert (
            changes(source("main > a > b > goal"), source(excerpt.replace("b", "x -> b"), scenario="import")) != []
        )

    def test_a_stack_of_a_crash_is_compared_as_far_as_the_program_went(self):
        pasted = source("main -> a -> b -> assert_fail -> abort", scenario="import")
        pasted.graph.chains = tuple(replace(chain, milestone="at abort") for chain in pasted.graph.chains)
        for whole, expected in (("main > a > b > goal", []), ("main > a > x > b > goal", ["inserted x"])):
            diff = compare(pasted, source(whole), NAMES)
            assert [f"{change.kind} {change.subject}" for change in diff.changes] == expected
            assert [entry.reason for entry in diff.unchecked] == ["NEW has no chain that goes on to assert_fail"]

    def test_a_pasted_stack_of_a_thread_is_compared_without_the_thread_s_creation(self):
        whole = source("main > start => run > goal", thread="CPU 0/KVM")
        assert changes(source("run -> goal", scenario="import"), whole) == []
        assert changes(whole, source("run -> a -> goal", scenario="import")) == ["inserted a"]
        assert changes(source("main -> start -> run -> goal", scenario="import"), whole) == ["call-kind run"]


class TestNames:
    def test_a_user_s_patterns_are_used(self):
        mine = read_names("[[pattern]]\nmatch = 'virt_\\d+_start'\nname = 'virt_N_start'", "mine.toml")
        old, new = source("main > virt_8_start > goal"), source("main > virt_9_start > goal")
        diff = compare(old, new, together([mine, known_names()]))
        assert [change.kind for change in diff.changes] == [ChangeKind.NUMBERED]

    def test_a_user_s_renames_are_used(self):
        mine = read_names("[[rename]]\nold = ['tea']\nnew = ['coffee', 'milk']", "mine.toml")
        diff = compare(source("main > tea > goal"), source("main > coffee > milk > goal"), mine)
        assert [sentence(change) for change in diff.changes] == [
            "milk came in after coffee (does part of what tea did)",
            "tea became coffee",
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "[[pattern]]\nmatch = '('\nname = 'x'",
            "[[rename]]\nold = 'a'\nnew = ['b']",
            "[[renam]]",
            "pattern = 1",
            "=",
        ],
    )
    def test_a_file_that_is_none_is_an_error_that_names_it(self, text):
        with pytest.raises(AnalyzerError, match=r"mine\.toml"):
            read_names(text, "mine.toml")

    def test_patterns_that_lead_on_and_on_name_nothing(self):
        endless = read_names("[[pattern]]\nmatch = '(.*)'\nname = '\\1x'", "mine.toml")
        assert endless.normalised("a") == "a"

    def test_patterns_that_undo_each_other_name_one_of_both(self):
        text = "[[pattern]]\nmatch = 'a'\nname = 'b'\n[[pattern]]\nmatch = 'b'\nname = 'a'"
        names = read_names(text, "mine.toml")
        assert names.normalised("a") == names.normalised("b")

    def test_numbered_twins_in_other_files_stay_apart(self):
        assert changes("main *> pc_init_v7_2@pc_piix > goal", "main *> pc_init_v8_0@pc_q35 > goal") == [
            "inserted pc_init_v8_0",
            "removed pc_init_v7_2",
        ]

    def test_in_one_program_nothing_was_moved_or_renamed(self):
        one, other = "main > a@x > kvm_start_cpu > goal", "main > a@y > kvm_start_vcpu > goal"
        same = [source(line, build_id="b") for line in (one, other)]
        assert changes(*same) == ["inserted a", "inserted kvm_start_vcpu", "removed a", "removed kvm_start_cpu"]
        assert changes(one, other) == ["moved a", "renamed kvm_start_vcpu"]


OPEN_END = "The ioctls, and what is outside the chains"
NAMES = known_names()


def _two(first, second):
    """A graph with two milestones: what `first` leads to, and later what `second` leads to."""
    one, other = source(first).graph, source(second).graph
    one.chains += tuple(replace(chain, milestone="later", title="Later", position=1) for chain in other.chains)
    return Source("NEW", one)


def _on_threads(line, *threads):
    """A graph in which `line` is recorded on each of these threads."""
    made = source(line)
    made.graph.chains = tuple(replace(made.graph.chains[0], thread=thread) for thread in threads)
    return made


def _outside(*lines):
    """A graph of stacks that lead to no milestone, and of one chain."""
    made = source("main > goal", *lines)
    made.graph.chains = tuple(
        c for c in made.graph.chains if [s.function.name for s in c.steps] == ["main", "goal"]
    )
    return made
