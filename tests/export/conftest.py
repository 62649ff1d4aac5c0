"""The programs that read exports: those of npm are installed by `make consumers`, from `package-lock.json`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import need
from tests.qemu.conftest import browser  # noqa: F401 - a fixture
from tests.support.exports import exported

MODULES = Path(__file__).with_name("node_modules")


@pytest.fixture(scope="session")
def modules() -> Path:
    """The folder of the installed npm packages."""
    need((MODULES / ".package-lock.json").exists(), "the programs that make consumers installs")
    return MODULES


@pytest.fixture
def export(tmp_path):
    """Write the export of a recording in a format, and return its file."""

    def write(name, recording, file_name):
        file = tmp_path / file_name
        file.write_text(exported(name, recording), encoding="utf-8", errors="backslashreplace")
        return file

    return write
