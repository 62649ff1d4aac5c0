"""A recording by root as another user: who runs what, who owns the results, what that user can read."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import descendants, need, need_tool
from tests.support.definitions import read_recording

ROOT = Path(__file__).parents[2]
ANALYZE = 'import sys; sys.argv[0] = "analyze"; from analyzer.cli import main; sys.exit(main())'
# /dev/kvm with permissions for all, seen by this run only
WITH_KVM = 'mount --bind "$0" /dev/kvm && exec "$@"'


@dataclass(frozen=True)
class User:
    """A user without privileges, with a folder that it can enter: a QEMU, its home, and a device for KVM."""

    name: str
    uid: int
    folder: Path
    python: Sequence[str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def record(self, *options: str, by_sudo: bool = True) -> tuple[subprocess.CompletedProcess, dict[str, set]]:
        """Run `startup` in the home folder as sudo would; returns with it uid and capabilities by process name."""
        environment = {**os.environ, "PYTHONPATH": self.python[1], "PYTHONDONTWRITEBYTECODE": "1"}
        environment.update({"SUDO_UID": str(self.uid), "SUDO_GID": str(self.uid)} if by_sudo else {})
        line = [
            self.python[0],
            "-c",
            ANALYZE,
            "startup",
            "--qemu",
            str(self.folder / "qemu-system-x86_64"),
            *options,
        ]
        line = ["unshare", "--mount", "sh", "-c", WITH_KVM, str(self.folder / "kvm"), *line]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(line, cwd=self.home, env=environment, text=True, **pipes) as process:
            seen: dict[str, set] = {}
            while process.poll() is None:
                for pid, name in descendants().items():
                    if found := ids_and_capabilities(pid):
                        seen.setdefault(name, set()).add(found)
                    if found and found[0] == self.uid and name in ("gdb", "qemu-system-x86"):
                        with suppress(OSError):  # it has ended
                            secrets = os.listdir(f"/proc/{pid}/root/{self.home}/.ssh")
                            seen.setdefault("sees the secret", set()).add((name, "id" in secrets))
                time.sleep(0.02)
            out, err = process.communicate(timeout=180)
        assert "Traceback" not in out + err, err
        return subprocess.CompletedProcess(line, process.returncode, out, err), seen


def ids_and_capabilities(pid: int) -> tuple[int, int] | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    fields = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    return (int(fields["Uid"][1]), int(fields["CapEff"][0], 16)) if "CapEff" in fields else None


def python_for(uid: int) -> tuple[str, str]:
    """A Python that the user can run with the packages of this one, and its PYTHONPATH."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        environment = {"PYTHONPATH": f"{ROOT}:{packages}", "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
        line = [python, "-c", "import os, analyzer.cli, msgspec; assert os.access(os.__file__, os.R_OK)"]
        try:
            subprocess.run(
                line, env=environment, capture_output=True, check=True, user=uid, group=uid, extra_groups=[]
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return python, environment["PYTHONPATH"]
    need(False, "a Python that an unprivileged user can run")
    raise AssertionError


@pytest.fixture(scope="module")
def user(qemu: Path) -> Iterator[User]:
    need(os.geteuid() == 0, "root")
    for tool in ("useradd", "userdel", "unshare"):
        need_tool(tool)
    folder = Path(tempfile.mkdtemp(prefix="least-"))  # pytest's own folders are root's alone
    name = f"analyze-{os.getpid()}"
    try:
        folder.chmod(0o755)
        made = subprocess.run(
            ["useradd", "--system", "--create-home", "--home-dir", str(folder / "home"), "--user-group", name],
            capture_output=True,
            text=True,
            check=False,
        )
        need(made.returncode == 0, f"permission to create a user ({made.stderr.strip()})")
        uid = pwd.getpwnam(name).pw_uid
        (folder / "home/.ssh").mkdir()
        (folder / "home/.ssh/id").write_text("secret\n")
        shutil.chown(folder / "home/.ssh", uid)
        shutil.copy(qemu, folder / "qemu-system-x86_64")
        try:
            os.mknod(folder / "kvm", 0o20666, os.stat("/dev/kvm").st_rdev)
            (folder / "kvm").chmod(0o666)
        except OSError as error:
            need(False, f"permission to make a device ({error})")
        yield User(name, uid, folder, python_for(uid))
    finally:
        subprocess.run(["userdel", name], capture_output=True, check=False)
        shutil.rmtree(folder)


@pytest.fixture(scope="module", params=["gdb", "probes"])
def recorded(request: pytest.FixtureRequest, user: User) -> tuple[Path, str, dict[str, set], User]:
    folder = user.home / request.param
    done, seen = user.record("--out", str(folder), "--engine", request.param, "--no-pointers")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout, seen, user


@pytest.mark.threat(
    "A hostile QEMU or debug file attacks gdb or QEMU, started through sudo",
    source="the program to be recorded",
    defence="With sudo, QEMU and gdb run as the user who called it; only the kernel's events stay with root.",
)
def test_gdb_and_qemu_run_as_the_user_who_called_sudo_without_capabilities(recorded):
    _, out, seen, user = recorded
    assert f"run as user {user.name}" in out
    assert seen["gdb"] == {(user.uid, 0)}
    assert seen["qemu-system-x86"] == {(user.uid, 0)}


def test_the_kernel_side_is_recorded_all_the_same(recorded):
    folder, *_ = recorded
    recording = read_recording(folder)
    assert recording.kernel is not None and recording.kernel.recorded
    assert sum(bool(entry.kernel) for entry in recording.ioctl_log) > 20


@pytest.mark.threat(
    "Another user of the machine reads a recording",
    source="other users of the host",
    defence="A new output folder has the permissions 700.",
)
def test_the_results_belong_to_the_user_alone(recorded):
    folder, _, _, user = recorded
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (user.uid, 0o700)
    assert {file.stat().st_uid for file in folder.iterdir()} == {user.uid}


def test_the_output_folder_has_the_permissions_that_are_asked_for(user):
    folder = user.home / "shared"
    done, _ = user.record("--out", str(folder), "--out-mode", "755", "--no-pointers", "--no-kernel")
    assert done.returncode == 0, done.stderr
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.threat(
    "A hostile QEMU reads secrets of the user",
    source="the program to be recorded",
    defence="Started by root, QEMU and gdb see no SSH keys, password files and other secrets.",
)
def test_secrets_of_the_home_folder_are_hidden_from_gdb_and_qemu(user):
    _, seen = user.record("--out", str(user.home / "hidden"), "--no-pointers", "--no-kernel")
    assert seen["sees the secret"] == {("gdb", False), ("qemu-system-x86", False)}
    _, seen = user.record("--out", str(user.home / "seen"), "--no-pointers", "--no-kernel", "--no-hide-secrets")
    assert seen["sees the secret"] == {("gdb", True), ("qemu-system-x86", True)}


def test_what_an_argument_names_stays_readable_behind_a_link_too(user):
    link = user.folder / "link"
    link.symlink_to(user.home / ".ssh/id")
    done, _ = user.record(
        *("--out", str(user.home / "linked"), "--no-pointers", "--no-kernel", "--"),
        *("-fw_cfg", f"name=opt/x,file={link}"),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_user_who_may_not_open_kvm_is_told_what_to_do(user):
    (user.folder / "kvm").chmod(0o600)
    try:
        done, _ = user.record("--out", str(user.home / "refused"))
    finally:
        (user.folder / "kvm").chmod(0o666)
    assert done.returncode == 3
    assert "usermod -aG" in done.stderr and "--user root" in done.stderr


def test_a_program_that_the_user_cannot_read_is_named(user):
    program = user.folder / "qemu-system-x86_64"
    program.chmod(0o700)
    try:
        done, _ = user.record("--out", str(user.home / "refused"))
    finally:
        program.chmod(0o755)
    assert done.returncode == 3
    assert f"cannot read the program: {program}" in done.stderr and "--user root" in done.stderr


def test_an_option_names_the_user_where_nobody_called_sudo(user):
    folder = user.home / "asked"
    done, _ = user.record("--user", user.name, "--out", str(folder), "--no-pointers", by_sudo=False)
    assert done.returncode == 0, done.stderr
    assert folder.stat().st_uid == user.uid
