"""Old chains, new chains, and what is to be said about them: as often nothing as something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.diff.change import ChangeKind
from analyzer.diff.compare import compare
from reports.text.sentences import counted, first_divergence, sentence
from tests.support.comparisons import NAMES, changes, source, two_milestones


def _asked(*requests):
    return source("main > goal", ioctls=requests)


_POINTER = source("main *> goal", slots={"goal": "Ops.go by init"})
_POINTER_BY_COPY = source("main *> goal", slots={"goal": "Ops.go by init of Template.go"})
SAME = [
    # the same chain
    ("main > init > goal", "main > init > goal"),
    # lines, addresses and arguments never count: the notation gives each function others by its position
    (("main > goal", "main > other > goal"), ("main > other > goal", "main > goal")),
    # a backtrace does not tell whether a call was direct
    ("main .> goal", "main > goal"),
    ("main .> goal", "main *> goal"),
    # what nobody knows is no change, nor is a hole in a pasted backtrace
    ("main ?> goal", "main ?> goal"),
    (source("main ?> goal", scenario="import"), "main *> goal"),
    ("main > goal", source("main ?> goal", scenario="import")),
    # a file of the same stem in another folder is the same file
    ("main > a@vl > goal", "main > a@vl > goal"),
    # what the kernel does differs from host to host
    ("main > goal $> kvm_dev_ioctl@kernel", "main > goal"),
    ("main > goal $> a k> b", "main > goal $> a k> c k> d"),
    ("main > goal d> a", "main > goal $> a"),
    # a function partly inlined into its caller, and called for the rest
    ("main > f > goal", "main i> f > f > goal"),
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
    ("main i> f t> g => h > goal", "main i> f t> g => h > goal"),
    # inlined, or nobody knows
    ("main i> goal", source("main ?> goal", scenario="import")),
    ("main .> goal", "main ?> goal"),
    # a hole where the other side has no more to tell
    ("main > f ?> goal", "main > f .> goal"),
    # a pointer of which an optimised program does not tell where it led, and one in it that leads on by a jump
    ("main t> a *> goal", "main t> a *> goal"),
    ("main *> a t> goal", "main *> a t> goal"),
    ("main t> a .> goal", "main t> a *> goal"),
    # a function of a library: where it is does not depend on its file
    ("main > goal > ioctl@[libc]", "main > goal > ioctl@[libc]"),
    # a handler that a signal came to
    ("main > f s> handler > goal", "main > f s> handler > goal"),
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
    ("main > a > goal", "main i> a > goal", "optimised a"),
    ("main > a > goal", "main t> a > goal", "optimised a"),
    # known of one recording only: a note
    ("main ?> a > goal", "main *> a > goal", "kind-unknown a"),
    ("main > a > goal", "main ?> a > goal", "kind-unknown a"),
    # left no frame: the way past it is a jump
    ("main > a > b > goal", "main > a t> goal", "optimised b"),
    ("main > a t> goal", "main > a > b > goal", "optimised b"),
    # left no frame, and nobody looked up where the pointer led
    ("main *> a t> b > goal", "main ?> b > goal", "optimised a"),
    ("main *> a t> b > goal", "main *> b > goal", "optimised a"),
    # as above, but it is known where the pointer led
    ("main *> a t> goal", source("main *> goal", slots={"goal": "Ops.go by init"}), "removed a"),
    # left no frame, and something else stands there: no excuse
    ("main > a > tea > goal", "main > a > coffee t> goal", "inserted coffee", "removed tea"),
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
        "accel_init_machine is added after do_configure_accelerator (does part of what configure_accelerator did)",
        "do_configure_accelerator is added after qemu_opts_foreach (does part of what configure_accelerator did)",
        "qemu_init is added after main (does part of what main did)",
        "qemu_opts_foreach is added after configure_accelerators",
        "configure_accelerator is renamed to configure_accelerators",
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
    old = two_milestones("main > goal", "main > goal > more")
    new = two_milestones("main > a > goal", "main > a > goal > more")
    told = [(change.kind, change.chains) for change in compare(old, new, NAMES).changes]
    assert told == [(ChangeKind.INSERTED, ("goal", "later"))]


def test_a_pointer_that_took_another_way_is_told_with_that_way():
    diff = compare(_POINTER, _POINTER_BY_COPY, NAMES)
    assert [sentence(change) for change in diff.changes] == [
        "goal: the pointer changes from Ops.go, stored Ops.go by init to Ops.go, stored Template.go by init"
    ]


def test_it_is_told_where_an_ioctl_is_asked_now():
    diff = compare(_asked("A", "B"), _asked("A", "B on CPU 0/KVM"), NAMES)
    assert [sentence(change) for change in diff.changes] == [
        "B is issued on anon_inode:kvm-vm by a vCPU thread instead of on anon_inode:kvm-vm by main thread"
    ]


def test_an_ioctl_that_is_still_asked_elsewhere_is_gone_from_its_place_only():
    there, gone = _asked("A", "B", "B on CPU 0/KVM"), _asked("A", "B")
    place = "on anon_inode:kvm-vm by a vCPU thread"
    for old, new, expected in (
        (there, gone, f"B is no longer issued ({place}; still issued elsewhere)"),
        (gone, there, f"B is newly issued ({place}; also issued elsewhere before)"),
        (gone, _asked("A"), "B is no longer issued"),
        (_asked("A"), gone, "B is newly issued"),
    ):
        assert list(map(sentence, compare(old, new, NAMES).changes)) == [expected]


def test_a_call_of_which_one_side_knows_the_kind_makes_no_difference():
    diff = compare(source("main ?> goal"), source("main *> goal"), NAMES)
    assert [sentence(change) for change in diff.changes] == [
        "goal: only one side knows the kind of the call: unknown call in the old graph, "
        "call through a pointer in the new graph"
    ]
    assert not diff.chains[0].differs and not any(row.differs for row in diff.chains[0].rows)


def test_where_the_chains_part_is_told_in_a_sentence():
    diff = compare(source("main > a > goal"), source("main > a > b > goal"), NAMES)
    assert first_divergence(diff.chains[0]) == "The chains diverge after a: b is added."


def test_they_part_after_a_function_that_both_have():
    old, new = source("main > a > b@x > goal"), source("main t> b@y > goal")
    (chain,) = compare(old, new, NAMES).chains
    assert first_divergence(chain) == "The chains diverge after main: b is moved from hw/x.c to hw/y.c."


def test_what_is_known_from_an_earlier_chain_is_counted():
    same = two_milestones("main > a > goal", "main > a > goal > b")
    assert [chain.known for chain in compare(same, same, NAMES).chains] == [0, 3]


def test_a_jump_is_no_excuse_where_both_were_compiled_alike():
    for profile, expected in (("release", "removed b"), ("own", "optimised b")):
        old, new = (
            source(line, build={"profile": profile}) for line in ("main > a t> b t> goal", "main > a t> goal")
        )
        assert changes(old, new) == [expected]


def test_where_both_were_compiled_alike_only_what_left_by_a_jump_may_be_unseen():
    past = source("main ?> goal", build={"profile": "release"})
    for line, expected in (("main *> a t> goal", "optimised a"), ("main *> a > goal", "inserted a")):
        assert changes(past, source(line, build={"profile": "release"})) == [expected]


def test_where_one_program_was_optimised_what_a_pointer_leads_to_may_have_jumped_on():
    old, new = source("main *> a > goal", "main > other"), source("main *> goal", "main t> other")
    assert changes(old, new) == ["optimised a", "optimised other"]
    alike = source("main *> goal", "main > other")
    assert changes(old, alike) == ["removed a"]


def test_two_optimised_programs_differ_in_their_calls_and_functions():
    assert changes("main t> a > goal", "main t> a *> goal") == ["call-kind goal"]
    assert changes("main t> a *> b > goal", "main t> a *> goal") == ["removed b"]


def test_of_a_function_that_was_seen_to_leave_by_a_jump_no_frame_is_told():
    (change,) = compare(source("main ?> goal"), source("main *> a t> goal"), NAMES).changes
    assert sentence(change) == (
        "a: not observed in the old build, ended by a tail call in the new build; the compiler's choice, "
        "the calls are the same"
    )


def test_hits_are_told_when_asked_for():
    old, new = source("main > goal"), source("main > goal", "main > goal")
    assert changes(old, new, hits=True) == ["hits main -> goal"]
    assert counted(compare(old, new, NAMES, hits=True).changes) == "1 call with another number of recorded stacks"


def test_how_often_the_kernel_was_seen_is_told_with_the_kernel_only():
    old, new = source("main > goal $> a k> b"), source("main > goal $> a k> b", "main > goal $> a k> b")
    within = ["hits goal -> a", "hits main -> goal"]
    assert changes(old, new, hits=True) == within[1:]
    assert changes(old, new, hits=True, kernel=True) == ["hits a -> b", *within]


def test_the_kernel_is_compared_when_asked_for():
    assert changes("main > goal $> a k> b", "main > goal $> a k> c k> b", kernel=True) == ["inserted c"]


def _on_threads(line, *threads):
    """A graph in which `line` is recorded on each of these threads."""
    made = source(line)
    made.graph.chains = tuple(replace(made.graph.chains[0], thread=thread) for thread in threads)
    return made
