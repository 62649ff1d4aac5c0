"""Finds the files that have a program's debug information: by build-id, by .gnu_debuglink, and what dwz shared.

The places and their order are those of gdb's manual, "Debugging Information in Separate Files". A file is used
only when it belongs to the program: by its build-id, or by the checksum that .gnu_debuglink gives.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.adapters.elf import AlternateLink, DebugSections, debug_sections
from analyzer.errors import AnalyzerError

DEBUG_FOLDER = Path("/usr/lib/debug")  # where the debug packages of distributions install
_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class DebugPlaces:
    """Where to look besides the program's folder and /usr/lib/debug.

    `file`: the debug file that the user names. `directories`: folders laid out as /usr/lib/debug, or flat.
    `cache`: the cache of the debuginfod client, which is read and not written.
    """

    file: Path | None = None
    directories: tuple[Path, ...] = ()
    cache: Path | None = None


STANDARD_PLACES = DebugPlaces()


@dataclass(frozen=True)
class DebugFiles:
    """The files with the debug information of `program`.

    `debug_file` is the program itself when it is not stripped, None when none was found. `alternate` is the file
    that dwz moved shared debug information to; `missing_alternate` is the link to it when it was not found.
    `refused`: a sentence for each file that was found and does not belong to the program.
    """

    program: Path
    debug_file: Path | None
    alternate: Path | None = None
    missing_alternate: AlternateLink | None = None
    refused: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether gdb can read the debug information with these files."""
        return self.debug_file is not None and self.missing_alternate is None

    @property
    def symbols(self) -> Path:
        """The file with the symbol table."""
        return self.debug_file or self.program

    def links(self) -> dict[str, Path]:
        """For gdb: names in a folder laid out as /usr/lib/debug, and the file of each.

        Empty when the program has all debug information itself, as most do: gdb reads it without such a folder.
        """
        links = {}
        if self.debug_file not in (None, self.program):
            assert self.debug_file is not None
            links = dict.fromkeys(_names_for_gdb(self.program), self.debug_file)
        if self.alternate is not None:
            links[_build_id_name(debug_sections(self.alternate).build_id)] = self.alternate
        return links


def find_debug_files(program: Path, places: DebugPlaces = STANDARD_PLACES) -> DebugFiles:
    """The files on this host with the debug information of `program`.

    A file that the user names must exist and belong to the program, otherwise AnalyzerError.
    """
    sections = debug_sections(program)
    if places.file is not None:
        return with_debug_file(program, places.file, places)
    if sections.has_debug_info:
        return _with_alternate(DebugFiles(program, program), places)
    refused: list[str] = []
    for candidate, by_link in _candidates(program, sections, places):
        reason = _reason_against(candidate, sections, check_crc=by_link)
        if not reason:
            found = DebugFiles(program, candidate, refused=tuple(refused))
            return _with_alternate(found, places)
        refused.append(f"{candidate} {reason}.")
    return DebugFiles(program, None, refused=tuple(refused))


def with_debug_file(program: Path, debug_file: Path, places: DebugPlaces = STANDARD_PLACES) -> DebugFiles:
    """`debug_file` as that of `program`. AnalyzerError when it cannot be read or does not belong to it."""
    if not debug_file.is_file():
        raise AnalyzerError(f"{debug_file}: no such file.", "Give the separate debug file of this QEMU.")
    reason = _reason_against(debug_file, debug_sections(program), check_crc=False)
    if reason:
        raise AnalyzerError(
            f"{debug_file} {reason}.",
            "Give the file of this build; file PATH and readelf -n PATH print the build-ids.",
        )
    return _with_alternate(DebugFiles(program, debug_file.absolute()), places)


def with_alternate_file(files: DebugFiles, alternate: Path) -> DebugFiles:
    """`files` with the missing alternate file. AnalyzerError when it has another build-id than the link."""
    link = files.missing_alternate
    assert link is not None
    if debug_sections(alternate).build_id != link.build_id:
        raise AnalyzerError(f"{alternate} is not the file that .gnu_debugaltlink names: its build-id differs.")
    return replace(files, alternate=alternate, missing_alternate=None)


def _candidates(program: Path, sections: DebugSections, places: DebugPlaces) -> Iterator[tuple[Path, bool]]:
    """The files that exist where a debug file can be, and whether each is found by .gnu_debuglink."""
    folders = [*places.directories, DEBUG_FOLDER]
    by_id = [folder / _build_id_name(sections.build_id) for folder in folders if sections.build_id]
    if places.cache is not None and sections.build_id:
        by_id.append(places.cache / sections.build_id / "debuginfo")  # empty when the server did not have it
    name = f"{program.name}.debug" if sections.debug_link is None else sections.debug_link.name
    own = list(dict.fromkeys([program.absolute().parent, program.resolve().parent]))
    beside = [folder / sub / name for folder in own for sub in ("", ".debug")]
    below = [folder / home.relative_to("/") / name for folder in folders for home in own]
    flat = [folder / name for folder in places.directories]
    linked = [path for path in (*beside, *below, *flat) if not _is_same(path, program)]
    for path in dict.fromkeys([*by_id, *linked]):
        if _has_content(path):
            yield path, path not in by_id and sections.debug_link is not None


def _reason_against(candidate: Path, program: DebugSections, check_crc: bool) -> str:
    """Why `candidate` is not the debug file of a program with these sections; "" when it is.

    Without a build-id in both files only the checksum tells; with one it is checked when `check_crc` is set.
    """
    try:
        sections = debug_sections(candidate)
    except AnalyzerError as error:
        if not candidate.is_file():
            raise
        return f"is no debug file: {error.message.rstrip('.')}"
    link = program.debug_link
    comparable = bool(program.build_id and sections.build_id)
    if comparable and sections.build_id != program.build_id:
        return f"belongs to another program: its build-id is {sections.build_id}, not {program.build_id}"
    if not comparable and link is None:
        return "cannot be checked: the program has neither a build-id nor a .gnu_debuglink"
    if link is not None and (check_crc or not comparable) and _crc(candidate) != link.crc:
        return "is not the file that .gnu_debuglink names: its checksum (CRC) differs"
    return "" if sections.has_debug_info else "has no debug information"


def _with_alternate(files: DebugFiles, places: DebugPlaces) -> DebugFiles:
    """`files` with the file that dwz shared debug information to, when the debug file has a link to one."""
    assert files.debug_file is not None
    link = debug_sections(files.debug_file).alternate
    if link is None:
        return files
    named = files.debug_file.resolve().parent / link.path  # an absolute path replaces the folder
    folders = [*places.directories, DEBUG_FOLDER]
    candidates = [named, *(folder / _build_id_name(link.build_id) for folder in folders)]
    candidates += [folder / sub / named.name for folder in places.directories for sub in ("", ".dwz")]
    if places.cache is not None:
        candidates.append(places.cache / link.build_id / "debuginfo")
    for candidate in candidates:
        if _has_content(candidate) and _build_id_or_none(candidate) == link.build_id:
            return replace(files, alternate=candidate)
    return replace(files, missing_alternate=link)


def _names_for_gdb(program: Path) -> Iterator[str]:
    """The names under which gdb looks for the debug file of `program` in its debug-file-directory."""
    sections = debug_sections(program)
    if sections.build_id:
        yield _build_id_name(sections.build_id)
    if sections.debug_link is not None:  # also when the debug file has no build-id
        for folder in dict.fromkeys([program.absolute().parent, program.resolve().parent]):
            yield str(folder.relative_to("/") / sections.debug_link.name)


def _build_id_name(build_id: str) -> str:
    return f".build-id/{build_id[:2]}/{build_id[2:]}.debug"


def _build_id_or_none(path: Path) -> str | None:
    try:
        return debug_sections(path).build_id
    except AnalyzerError:
        return None


def _is_same(path: Path, program: Path) -> bool:
    with suppress(OSError):
        return path.samefile(program)
    return False


def _has_content(path: Path) -> bool:
    """Whether `path` is a file that is not empty; False where this user may not look."""
    with suppress(OSError):
        return path.is_file() and path.stat().st_size > 0
    return False


def _crc(path: Path) -> int:
    """The CRC-32 of a file, as objcopy --add-gnu-debuglink computes it."""
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc
