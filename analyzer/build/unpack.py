"""Unpacks a tarball into a folder, and refuses one that would write or link outside of it."""

from __future__ import annotations

import errno
import lzma
import os
import posixpath
import shutil
import struct
import tarfile
import zlib
from pathlib import Path

from analyzer.build.progress import Reporter
from analyzer.errors import AnalyzerError

_REPORT_INTERVAL = 500  # members
_MOST_MEMBERS = 1_000_000  # QEMU's tarballs have 60,000
_LARGEST_HEADER = 1 << 20  # bytes of a long name or of extended attributes, which are read into memory
_READ_INTO_MEMORY = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip


class _Member(tarfile.TarInfo):
    """A member whose header is of a usual size; tarfile.ReadError for a larger one."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _READ_INTO_MEMORY and member.size > _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {member.size} bytes")
        return member


def unpack(tarball: Path, folder: Path, reporter: Reporter) -> Path:
    """Unpack into the empty `folder`; returns its only sub-folder, or `folder` itself.

    AnalyzerError when it is no tarball, is damaged, has members outside of the folder, or needs more space than
    the disk has; OSError when the disk is full.
    """
    free_bytes = shutil.disk_usage(folder).free
    guard = _ExtractionGuard(tarball)
    try:
        # as a stream, so that the file is decompressed once
        with tarfile.open(tarball, "r|*", tarinfo=_Member) as archive:
            for count, member in enumerate(archive):
                if count >= _MOST_MEMBERS:
                    raise tarfile.ReadError(f"it has more than {_MOST_MEMBERS} members")
                guard.check(member)
                free_bytes -= member.size
                if free_bytes < 0:
                    raise AnalyzerError(
                        f"{tarball.name} does not fit on the disk of {folder}.", "Free some space."
                    )
                guard.extract(archive, member, folder)
                if count % _REPORT_INTERVAL == 0:
                    reporter.progress(f"Unpacking {tarball.name}", count, 0, "files")
    except (
        tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError, ArithmeticError, LookupError,
        struct.error,
    ) as error:  # fmt: skip
        raise AnalyzerError(
            f"{tarball} cannot be unpacked: {error}.",
            "Give a complete .tar.xz, .tar.bz2 or .tar.gz; no other format is supported.",
        ) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise AnalyzerError(f"{tarball} cannot be unpacked: {error.strerror}.", "Nothing was unpacked.") from None
    guard.check_links(folder)
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


class _ExtractionGuard:
    """Checks members against those unpacked before, so that nothing is written through a link."""

    def __init__(self, tarball: Path) -> None:
        self._tarball = tarball
        self._links: set[str] = set()
        self._files: set[str] = set()

    def check(self, member: tarfile.TarInfo) -> None:
        """Raise AnalyzerError when this member would be written, or would link, outside of the folder."""
        if "\0" in member.name or "\0" in member.linkname:
            self._refuse(member, "its name has a zero byte")
        path = posixpath.normpath(member.name)
        if member.name.startswith("/") or ".." in member.name.split("/"):
            self._refuse(member, "its path leaves the tree")
        member.name = path  # what is checked is what is written
        if any(parent in self._links for parent in _parents(path)):
            self._refuse(member, "it would be written through a link")
        if path in self._links:
            self._refuse(member, "it replaces a link")
        if member.issym():
            self._links.add(path)  # check_links checks its target after all members
        elif member.islnk():
            if posixpath.normpath(member.linkname) not in self._files:
                self._refuse(
                    member, f"it is a hard link to {member.linkname}, which is no earlier file of the tree"
                )
            self._files.add(path)
        elif member.isfile():
            self._files.add(path)
        elif not member.isdir():
            self._refuse(member, "it is neither a file, a folder nor a link")

    def extract(self, archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
        """Write a member after `check`, owned by this user, with mode 0644 or 0755."""
        member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        member.mode = 0o644 if member.isfile() and not member.mode & 0o100 else 0o755
        if not hasattr(tarfile, "data_filter"):  # added in late versions of Python 3.10 and 3.11
            archive.extract(member, folder, set_attrs=not member.issym())
            return
        try:
            archive.extract(
                member, folder, set_attrs=not member.issym(), filter="data"
            )  # a second check, by Python
        except tarfile.FilterError:
            self._refuse(member, "it leads out of the tree")

    def check_links(self, folder: Path) -> None:
        """Raise AnalyzerError when a link, resolved through other links, leads out of `folder`."""
        top = os.path.realpath(folder)
        for link in self._links:
            if os.path.commonpath([top, os.path.realpath(folder / link)]) != top:
                raise self._refused_error(link, "it is a link that leads out of the tree")

    def _refuse(self, member: tarfile.TarInfo, why: str) -> None:
        raise self._refused_error(member.name, why)

    def _refused_error(self, name: str, why: str) -> AnalyzerError:
        return AnalyzerError(
            f"{self._tarball.name} is refused because of {name!r}: {why}.",
            "Nothing was unpacked. Get the file from a source you trust.",
        )


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
