"""Links from places in the source to a code host and to an editor: templates with {file}, {path} and {line}."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.errors import UsageError
from analyzer.graph.call_graph import Provenance
from analyzer.model.recording import Recording

CODE_HOSTS = {
    "gitlab": "https://gitlab.com/qemu-project/qemu/-/blob/{commit}/{file}#L{line}",
    "github": "https://github.com/qemu/qemu/blob/{commit}/{file}#L{line}",
}
EDITORS = {"vscode": "vscode://file{path}:{line}"}  # code.visualstudio.com/docs/editor/command-line
_COMMIT = re.compile(r"git commit ([0-9a-f]{40})\b(?!, with changes)")
_RELEASE = re.compile(r"\d+\.\d+(?:\.\d+)?")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):\S+")
_SCRIPTS = frozenset({"javascript", "data", "vbscript", "blob"})


@dataclass(frozen=True)
class SourceLinks:
    """Addresses of places in the source; "" for none. `url` has {file} and {line}, `editor` {path} and {line}.

    `root` is the folder that {path} begins with; "" when unknown.
    """

    url: str = ""
    editor: str = ""
    root: str = ""


def check_source_url(text: str) -> str:
    """Return the template of `--source-url`: that of a known code host, else `text`. ValueError: what is wrong."""
    if text in CODE_HOSTS:
        return CODE_HOSTS[text]
    known = " or ".join(CODE_HOSTS)
    return _checked(
        text, {"commit", "file", "line"}, "file", f"{known}, or https://HOST/{{commit}}/{{file}}#L{{line}}"
    )


def check_editor(text: str) -> str:
    """Return the template of `--editor`: that of a known editor, else `text`. ValueError says what is wrong."""
    if text in EDITORS:
        return EDITORS[text]
    return _checked(text, {"path", "line"}, "path", f"{' or '.join(EDITORS)}, or SCHEME://…{{path}}…{{line}}")


def _checked(text: str, known: set[str], needed: str, expected: str) -> str:
    address = _ADDRESS.fullmatch(text)
    if address is None or address["scheme"].lower() in _SCRIPTS:
        raise ValueError(f"expected {expected}")
    names = set(_PLACEHOLDER.findall(text))
    if names - known:
        raise ValueError(f"{{{min(names - known)}}} is unknown; known are {', '.join(sorted(known))}")
    if needed not in names:
        raise ValueError(f"{{{needed}}} is missing")
    return text


def source_links(
    url: str | None, editor: str | None, provenance: Provenance, recordings: Sequence[Recording]
) -> SourceLinks:
    """Return the links of a page; `url` and `editor` are templates, None for none.

    UsageError when the commit or the folder of the sources is needed and the inputs do not name it.
    """
    roots = {recording.source_root for recording in recordings if recording.source_root}
    if editor and len(roots) != 1:
        raise UsageError(
            "--editor: the inputs do not name one source tree.", "Only a recording names its source tree."
        )
    if url and "{commit}" in url:
        commit = commit_of(provenance)
        if not commit:
            raise UsageError(
                "--source-url: the inputs name neither a git commit nor a release of QEMU.",
                "Give the address with the commit in place of {commit}.",
            )
        url = url.replace("{commit}", commit)
    return SourceLinks(url or "", editor or "", min(roots) if editor else "")


def commit_of(provenance: Provenance) -> str:
    """Return the git commit of the build, else the tag of its release, else "".

    QEMU tags each release as v7.2.0.
    """
    commit = _COMMIT.search(str(provenance.build.get("source", "")))
    if commit:
        return commit[1]
    version = provenance.qemu_version
    if not _RELEASE.fullmatch(version):
        return ""
    return f"v{version}" if version.count(".") == 2 else f"v{version}.0"
