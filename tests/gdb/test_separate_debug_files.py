"""A stripped program is recorded as the whole one, with its debug file from this host or from debuginfod."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import tarfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyzer.adapters.elf import debug_sections
from tests.compare.conftest import ANALYZE, analyze, surroundings
from tests.conftest import need, need_tool
from tests.gdb.conftest import PROGRAMS, directive
from tests.support.debuginfod_server import debuginfod_server, free_port, silent_server

TOY = PROGRAMS / "toy_qemu.c"
SOURCES = "/usr/src/toy-1.0"  # the folder in the debug information, which is not on this host


def run(*command, folder=None):
    subprocess.run([str(part) for part in command], check=True, cwd=folder)


@dataclass(frozen=True)
class Toy:
    """The toy with debug information, stripped, and its debug file; each in a folder of its own."""

    whole: Path
    stripped: Path
    debug: Path

    @property
    def build_id(self) -> str:
        return debug_sections(self.whole).build_id


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    for tool in ("gdb", "gcc", "objcopy", "strip"):
        need_tool(tool)
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    folder = tmp_path_factory.mktemp("toy")
    toy = Toy(folder / "whole" / "qemu", folder / "stripped" / "qemu", folder / "away" / "qemu.debug")
    for file in (toy.whole, toy.stripped, toy.debug):
        file.parent.mkdir()
    shutil.copy(TOY, folder / "toy_qemu.c")
    flags = " ".join(directive(TOY, "flags")).split()
    mapped = f"-ffile-prefix-map={folder}={SOURCES}"
    run(
        "gcc", "-g", "-O0", *flags, mapped, "-Wl,--build-id", "-o", toy.whole, folder / "toy_qemu.c", folder=folder
    )
    run("objcopy", "--only-keep-debug", toy.whole, toy.debug)
    run("strip", "-o", toy.stripped, toy.whole)
    run("objcopy", f"--add-gnu-debuglink={toy.debug}", toy.stripped)
    return toy


@pytest.fixture(scope="module")
def graph_of_whole(toy, tmp_path_factory):
    return recorded(toy.whole, tmp_path_factory.mktemp("whole") / "out")


@pytest.fixture
def copy(toy, tmp_path):
    """A stripped copy in a folder where nothing else is."""
    (tmp_path / "bin").mkdir()
    return Path(shutil.copy(toy.stripped, tmp_path / "bin" / "qemu"))


@pytest.fixture(autouse=True)
def client(tmp_path, monkeypatch):
    """A debuginfod client that knows no server and has an empty cache."""
    monkeypatch.delenv("DEBUGINFOD_URLS", raising=False)
    monkeypatch.setenv("DEBUGINFOD_CACHE_PATH", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "cache"


def startup(program, out, *options, **environment):
    return analyze(
        "startup", "--qemu", program, "--out", out, "--no-kernel", "--pointers", *options, **environment
    )


def recorded(program, out, *options, **environment):
    done = startup(program, out, *options, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return (out / "graph.json").read_text()


def test_the_graph_has_what_the_test_compares(graph_of_whole):
    for content in ("kvm_vcpu_ioctl", "toy_qemu.c", "kvm_accel.init_machine"):
        assert content in graph_of_whole


@pytest.mark.parametrize("where", ["bin/qemu.debug", "bin/.debug/qemu.debug", "dir/qemu.debug", "dir/{id}"])
def test_a_stripped_program_with_its_debug_file_is_recorded_as_the_whole(
    where, toy, copy, graph_of_whole, tmp_path
):
    name = f".build-id/{toy.build_id[:2]}/{toy.build_id[2:]}.debug"
    file = tmp_path / where.format(id=name)
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(toy.debug, file)
    options = ["--debug-directory", tmp_path / "dir"] if where.startswith("dir") else []
    assert recorded(copy, tmp_path / "out", *options) == graph_of_whole


def test_a_debug_file_with_another_name_and_no_link_is_used_when_the_user_names_it(
    toy, copy, graph_of_whole, tmp_path
):
    run("objcopy", "--remove-section=.gnu_debuglink", copy)
    options = "--debug-file", shutil.copy(toy.debug, tmp_path / "symbols")
    assert recorded(copy, tmp_path / "out", *options) == graph_of_whole
    done = startup(copy, tmp_path / "new", *options, "--break", "kvm_vpu_ioctl")
    assert "Did you mean kvm_vcpu_ioctl" in done.stderr


def test_a_program_without_build_id_is_recorded_by_the_checksum_of_its_debug_link(toy, copy, tmp_path):
    whole, debug = tmp_path / "whole", tmp_path / "dir" / "qemu.debug"
    debug.parent.mkdir()
    run("objcopy", "--remove-section=.note.gnu.build-id", toy.whole, whole)
    run("objcopy", "--only-keep-debug", whole, debug)
    run("strip", "-o", copy, whole)
    run("objcopy", f"--add-gnu-debuglink={debug}", copy)
    recorded(copy, tmp_path / "out", "--debug-directory", debug.parent)
    assert "toy_qemu.c" in (tmp_path / "out" / "backtraces.txt").read_text()


@pytest.fixture
def shared_by_dwz(toy, tmp_path):
    """A folder with qemu.debug, a part of which dwz moved to common.debug."""
    dwz = need_tool("dwz")
    folder = tmp_path / "debug"
    folder.mkdir()
    shutil.copy(toy.debug, folder / "qemu.debug")
    source = tmp_path / "second.c"
    source.write_text(TOY.read_text().replace("toy", "second"))
    run("gcc", "-g", "-pthread", "-o", folder / "second", source)
    run(dwz, "-m", folder / "common.debug", "-M", "common.debug", folder / "qemu.debug", folder / "second")
    assert debug_sections(folder / "qemu.debug").alternate is not None
    return folder


def test_debug_information_that_dwz_shared_between_programs_is_read(copy, shared_by_dwz, graph_of_whole, tmp_path):
    options = "--debug-file", shared_by_dwz / "qemu.debug"
    assert recorded(copy, tmp_path / "out", *options) == graph_of_whole
    (shared_by_dwz / "common.debug").unlink()
    done = startup(copy, tmp_path / "new", *options)
    assert done.returncode == 3
    assert "needs the file common.debug (build-id" in done.stderr


def test_a_program_that_is_packed_as_debian_does_is_recorded_as_the_whole(toy, copy, graph_of_whole, tmp_path):
    """dwz runs before the program is stripped, so the program has the link to the shared part too."""
    dwz = need_tool("dwz")
    debug, second, common = tmp_path / "debug", tmp_path / "second", tmp_path / "debug" / ".dwz" / "common.debug"
    file = debug / ".build-id" / toy.build_id[:2] / f"{toy.build_id[2:]}.debug"
    for folder in (file.parent, common.parent):
        folder.mkdir(parents=True)
    shutil.copy(toy.whole, copy)
    run("gcc", "-g", "-pthread", "-DEXTRA", "-o", second, TOY)
    run(dwz, "-m", common, "-M", common, copy, second)
    run("objcopy", "--only-keep-debug", copy, file)
    run("strip", copy)
    run("objcopy", f"--add-gnu-debuglink={file}", copy)
    assert debug_sections(copy).alternate is not None
    assert recorded(copy, tmp_path / "out", "--debug-directory", debug) == graph_of_whole


def test_a_wrong_debug_file_is_refused_and_the_message_says_how_to_get_the_right_one(toy, copy, tmp_path):
    run("gcc", "-g", "-DEXTRA", "-pthread", "-o", copy.with_name("qemu.debug"), TOY)
    done = startup(copy, tmp_path / "out")
    assert done.returncode == 3
    for words in (
        "is stripped", toy.build_id, "qemu.debug belongs to another program", "DEBUGINFOD_URLS", "--debug-file",
        "Debian", "Ubuntu", "Fedora", "Arch",
    ):  # fmt: skip
        assert words in done.stderr


def test_the_right_debug_file_is_used_and_the_wrong_one_beside_the_program_is_named(
    toy, copy, graph_of_whole, tmp_path
):
    wrong = copy.with_name("qemu.debug")
    run("gcc", "-g", "-DEXTRA", "-pthread", "-o", wrong, TOY)
    options = "--debug-directory", toy.debug.parent
    assert recorded(copy, tmp_path / "out", *options) == graph_of_whole
    done = startup(copy, tmp_path / "new", *options)
    assert f"Not used: {wrong} belongs to another program" in done.stdout
    assert f"Debug information: {toy.debug}" in done.stdout


@pytest.fixture(scope="module")
def server(toy, tmp_path_factory):
    """A server that has the debug file and the source in an archive, as those of distributions do."""
    need_tool("debuginfod-find")
    folder = tmp_path_factory.mktemp("server")
    (folder / "served").mkdir()
    with tarfile.open(folder / "served" / "toy.tar", "w") as archive:
        archive.add(toy.debug, f"./usr/lib/debug/.build-id/{toy.build_id[:2]}/{toy.build_id[2:]}.debug")
        archive.add(toy.whole.parents[1] / "toy_qemu.c", f".{SOURCES}/toy_qemu.c")
    with debuginfod_server(folder / "served", folder / "scratch", toy.build_id) as url:
        yield url


@pytest.mark.parametrize("option", ["--debuginfod", "--yes"])
def test_debug_information_comes_from_a_debuginfod_server(
    option, server, copy, graph_of_whole, tmp_path, client, toy
):
    graph = recorded(copy, tmp_path / "out", option, DEBUGINFOD_URLS=server)
    assert graph == graph_of_whole
    assert (client / toy.build_id / "debuginfo").is_file()
    recording = (tmp_path / "out" / "recording.jsonl").read_text()
    assert "static int kvm_vcpu_ioctl" in recording, "the source came from the server"
    again = recorded(copy, tmp_path / "again", "--no-pointers")  # without a server: from the client's cache
    assert '"kvm_vcpu_ioctl' in again


def test_what_dwz_shared_comes_from_the_server_too(toy, copy, shared_by_dwz, graph_of_whole, tmp_path, client):
    need_tool("debuginfod-find")
    common = debug_sections(shared_by_dwz / "common.debug").build_id
    with debuginfod_server(shared_by_dwz, tmp_path / "scratch", common) as url:
        graph = recorded(copy, tmp_path / "out", "--debuginfod", DEBUGINFOD_URLS=url)
    assert graph == graph_of_whole
    assert (client / toy.build_id / "debuginfo").is_file()
    assert (client / common / "debuginfo").is_file()
    assert recorded(copy, tmp_path / "again") == graph_of_whole  # without a server: from the client's cache


def test_without_a_terminal_a_server_is_asked_only_when_the_user_says_so(server, copy, tmp_path, client):
    done = startup(copy, tmp_path / "out", DEBUGINFOD_URLS=server)
    assert done.returncode == 3
    assert "give --debuginfod or --yes" in done.stderr
    assert not client.exists()
    done = startup(copy, tmp_path / "out", "--no-debuginfod", "--yes", DEBUGINFOD_URLS=server)
    assert done.returncode == 3
    assert not client.exists()


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("\n", 0), ("n\n", 3)])
def test_on_a_terminal_the_user_is_asked(answer, status, server, copy, tmp_path, client):
    ours, theirs = pty.openpty()
    command = [ANALYZE, "startup", "--qemu", copy, "--out", tmp_path / "out", "--no-kernel", "--no-pointers"]
    environment = {**surroundings(), "DEBUGINFOD_URLS": server}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        text = read_until(ours, b"[Y/n]")
        os.write(ours, answer.encode())
        text += read_until(ours, None)
    os.close(ours)
    assert process.returncode == status, text
    assert client.exists() == (status == 0)


def read_until(terminal, end):
    text = b""
    while end is None or end not in text:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # the program has closed its side
            break
        text += chunk
    return text


def test_a_server_that_lacks_the_build_id_is_named(server, copy, tmp_path):
    other = copy.with_name("other")
    run("gcc", "-s", "-DEXTRA", "-pthread", "-o", other, TOY)
    done = startup(other, tmp_path / "out", "--debuginfod", DEBUGINFOD_URLS=server)
    assert done.returncode == 3
    assert f"({server}) has no file for build-id {debug_sections(other).build_id}" in done.stderr
    assert "apt install qemu-system-x86-dbgsym" in done.stderr


def test_a_server_that_is_down_is_named_without_its_password(copy, tmp_path):
    need_tool("debuginfod-find")
    port = free_port()
    url = f"http://user:secret@127.0.0.1:{port}"
    done = startup(copy, tmp_path / "out", "--debuginfod", DEBUGINFOD_URLS=url)
    assert done.returncode == 3
    assert f"The debuginfod server (http://127.0.0.1:{port}) cannot be used: Connection refused" in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_a_server_that_never_answers_ends_at_the_time_limit(copy, tmp_path):
    need_tool("debuginfod-find")
    with silent_server() as url:
        began = time.monotonic()
        options = "--debuginfod", "--debuginfod-timeout", "2"
        done = startup(copy, tmp_path / "out", *options, DEBUGINFOD_URLS=url)
    assert done.returncode == 3
    assert "did not answer or send the file within its time limit" in done.stderr
    assert time.monotonic() - began < 20


def test_a_client_that_ignores_its_time_limits_is_killed(copy, tmp_path, client):
    client_program = tmp_path / "tools" / "debuginfod-find"
    client_program.parent.mkdir()
    client_program.write_text("#!/bin/sh\nsleep 100\n")
    client_program.chmod(0o755)
    path = f"{client_program.parent}:{ANALYZE.parent}:{os.environ['PATH']}"
    options = "--debuginfod", "--debuginfod-timeout", "1"
    began = time.monotonic()
    done = startup(copy, tmp_path / "out", *options, DEBUGINFOD_URLS="http://127.0.0.1", PATH=path)
    assert done.returncode == 3
    assert "within its time limit" in done.stderr
    assert time.monotonic() - began < 25


def test_without_the_client_the_package_is_named(copy, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("gdb", "setpriv", "sh"):
        (tools / tool).symlink_to(need_tool(tool))
    done = startup(copy, tmp_path / "out", "--debuginfod", DEBUGINFOD_URLS="http://127.0.0.1", PATH=str(tools))
    assert done.returncode == 3
    assert "debuginfod-find is not installed" in done.stderr
    assert "dnf install elfutils-debuginfod-client" in done.stderr


def test_an_interrupt_of_the_download_leaves_no_process_and_no_partial_file(copy, tmp_path, client, toy):
    need_tool("debuginfod-find")
    with silent_server() as url:
        command = [ANALYZE, "startup", "--qemu", copy, "--out", tmp_path / "out", "--debuginfod"]
        environment = {**surroundings(), "DEBUGINFOD_URLS": url}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + 30
            while not list(client.glob("*/debuginfo.*")) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert list(client.glob("*/debuginfo.*")), "the client has begun"
            process.send_signal(signal.SIGINT)
            assert b"interrupted" in process.communicate(timeout=20)[1]
        assert process.returncode == 130
    assert not (client / toy.build_id).exists()
    assert not [command for command in commands_with(str(client)) if "debuginfod-find" in command]


def commands_with(value):
    """The command lines of all processes that have `value` in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended, or is not a process
            if value in (folder / "environ").read_text(errors="replace"):
                found.append((folder / "cmdline").read_text(errors="replace"))
    return found
