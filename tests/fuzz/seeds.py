"""Writes the seeds of the corpus again, `python -m tests.fuzz.seeds`: sound inputs of each target, made here.

Needs gcc, objcopy and openssl. Other files of the corpus, the findings, stay as they are.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import ssl
import struct
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile

from analyzer.graph.json_format import to_json
from analyzer.graph.merge import graph_of
from analyzer.recording.reader import assemble
from gdbscripts.json_lines import to_line
from tests.fuzz.harnesses import downloads, dwarf
from tests.fuzz.targets import CORPUS
from tests.support.hostile_recording import hostile_records
from tests.support.inputs import BASELINE, GRAPH, RECORDING, write_inputs
from tests.unit.recording.test_trace_parser import CREATE_VM

_PROGRAM = """
struct pair { int a; long b; };
static int twice(int value) { return value * 2; }
__attribute__((noinline)) int leaf(int a, const char *text, long c) { return a + text[0] + (int)c; }
__attribute__((noinline)) int middle(int a, long *p) {
    struct pair pair = { twice(a), *p };
    long slot[4] = { a, *p, 3, 4 };
    return leaf(a, "text", 5) + leaf(twice(7), "other", *p) + leaf(pair.a + 1, (char *)slot, slot[1]);
}
void _start(void) { long x = 3; middle(1, &x); for (;;) ; }
"""
_ELF = {
    "dwarf5": ["-gdwarf-5", "-O2"],
    "dwarf4": ["-gdwarf-4", "-O2"],
    "dwarf2": ["-gdwarf-2", "-O0"],
    "debug": ["-g", "-O0", "-fno-omit-frame-pointer"],
    "ranges": ["-g", "-O2", "-ffunction-sections", "-gno-as-loc-support"],
    "split": ["-g", "-gsplit-dwarf", "-O2"],
    "compressed": ["-g", "-gz", "-O2"],
    "pie": ["-g", "-O2", "-pie", "-fPIE", "-Wl,--hash-style=gnu"],
}
_ALLOW = """[[allow]]
subject = "pc_.*"
change = ["renamed", "numbered"]
reason = "another machine"
expires = 2099-01-31

[[must]]
rule = "main reaches kvm_init"
reason = "KVM is used"
"""
_NAMES = """[[rename]]
old = "qemu_init_vcpu"
new = "qemu_start_vcpu"

[[pattern]]
match = "pc_init_v(\\\\d+)_(\\\\d+)"
name = "pc_init_\\\\1"
"""
_MI = r"""=thread-group-added,id="i1"
~"GNU gdb (GDB) 13.1\n"
&"warning: Error disabling address space randomization\n"
1^done
=thread-group-started,id="i1",pid="4242"
2^running
*running,thread-id="all"
*stopped,reason="breakpoint-hit",disp="keep",bkptno="1",frame={addr="0x1139",func="main",args=[{name="argc",value="1"}],file="a.c",line="5"},thread-id="1",stopped-threads="all",core="0"
3^done,groups=[{id="i1",type="process",pid="4242",executable="/bin/a"}]
4^error,msg="No symbol \"x\" in current context."
*stopped,reason="exited-signalled",signal-name="SIGSEGV",signal-meaning="Segmentation fault"
=thread-group-exited,id="i1",exit-code="0"
5^done,files=[{build-id="12ab",path="/bin/a",identity="1"},{build-id="",path="/lib/b",identity=""}]
(gdb)
"""


def seeds(target: str, scratch: Path) -> Iterator[tuple[str, bytes]]:
    """The seeds of one target: name and content of each."""
    yield from _MAKERS[target](scratch)


def _recordings(scratch: Path) -> Iterator[tuple[str, bytes]]:
    yield "sound", write_inputs(scratch)[RECORDING].read_bytes()
    lines = "".join(map(to_line, hostile_records("evil\x1b[2J <script>")))
    yield "all-records", lines.encode()


def _graphs(scratch: Path) -> Iterator[tuple[str, bytes]]:
    yield "sound", write_inputs(scratch)[GRAPH].read_bytes()
    yield "all-records", to_json(graph_of(assemble(hostile_records("name"), "seed"))).encode()


def _baselines(scratch: Path) -> Iterator[tuple[str, bytes]]:
    yield "sound", write_inputs(scratch)[BASELINE].read_bytes()


def _texts(*files: tuple[str, str]) -> Callable[[Path], Iterator[tuple[str, bytes]]]:
    return lambda _scratch: ((name, text.encode()) for name, text in files)


def _elf(scratch: Path) -> Iterator[tuple[str, bytes]]:
    source = scratch / "program.c"
    source.write_text(_PROGRAM)
    for name, flags in _ELF.items():
        command = [
            "gcc",
            "-nostdlib",
            "-static",
            *flags,
            "-Wl,--build-id,--eh-frame-hdr,-z,max-page-size=4096,-z,noseparate-code",
        ]
        subprocess.run([*command, "-o", name, source.name], cwd=scratch, check=True, capture_output=True)
        yield name, (scratch / name).read_bytes()
    for command in (
        ["objcopy", "--only-keep-debug", "dwarf5", "debug-file"],
        ["objcopy", "--strip-all", "--add-gnu-debuglink=debug-file", "dwarf5", "stripped"],
    ):
        subprocess.run(command, cwd=scratch, check=True)
        yield command[-1], (scratch / command[-1]).read_bytes()


def _sections(scratch: Path) -> Iterator[tuple[str, dict[str, bytes], dict[str, int]]]:
    for name, content in _elf(scratch):
        elf = ELFFile(io.BytesIO(content))
        found = {section.name: section for section in elf.iter_sections()}
        data = {section: found[section].data() for section in dwarf.SECTIONS if section in found}
        yield name, data, {section: found[section]["sh_addr"] for section in data}


def _dwarf(scratch: Path) -> Iterator[tuple[str, bytes]]:
    for name, sections, _ in _sections(scratch):
        if any(content for section, content in sections.items() if section.startswith(".debug")):
            yield name, dwarf.pack(sections)


def _call_frames(scratch: Path) -> Iterator[tuple[str, bytes]]:
    for name, sections, addresses in _sections(scratch):
        if name in ("dwarf5", "debug", "pie"):
            index, frames = sections[".eh_frame_hdr"], sections[".eh_frame"]
            gap = addresses[".eh_frame"] - addresses[".eh_frame_hdr"] - len(index)
            yield name, index + bytes(gap) + frames


def _symbol_indexes(scratch: Path) -> Iterator[tuple[str, bytes]]:
    entry = {"sha256": hashlib.sha256(b"content").hexdigest(), "files": ["1"]}
    other = {"sha256": hashlib.sha256(b"").hexdigest(), "files": []}
    yield (
        "sound",
        json.dumps({"schema": 1, "indexes": {"12ab.gdb-index": entry, "34cd.gdb-index": other}}).encode(),
    )


def _tarballs(scratch: Path) -> Iterator[tuple[str, bytes]]:
    members = [
        ("top/", tarfile.DIRTYPE, ""),
        ("top/configure", tarfile.REGTYPE, ""),
        ("top/link", tarfile.SYMTYPE, "configure"),
        ("top/hard", tarfile.LNKTYPE, "top/configure"),
    ]
    for name, form in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT), ("ustar", tarfile.USTAR_FORMAT)):
        plain = _tarball(members, form)
        yield f"{name}.tar", plain
    yield "gzip.tar", gzip.compress(plain, mtime=0)
    yield "xz.tar", lzma.compress(plain)
    long = "top/" + "a" * 150
    yield (
        "long-name.tar",
        _tarball([("top/", tarfile.DIRTYPE, ""), (long, tarfile.REGTYPE, "")], tarfile.PAX_FORMAT),
    )
    for name, kind, target in (
        ("outside", tarfile.SYMTYPE, "../../beside"), ("absolute", tarfile.SYMTYPE, "/etc"),
        ("fifo", tarfile.FIFOTYPE, ""), ("device", tarfile.CHRTYPE, ""),
        ("hard-outside", tarfile.LNKTYPE, "/etc/passwd"),
    ):  # fmt: skip
        yield f"{name}.tar", _tarball([*members, ("top/evil", kind, target)], tarfile.GNU_FORMAT)


def _tarball(members: list[tuple[str, bytes, str]], form: int) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=form) as archive:
        for name, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = kind, target, 0o4755
            member.size = 5 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"text\n"[: member.size]))
    return content.getvalue()[:4096]  # the rest is padding


def _downloads(scratch: Path) -> Iterator[tuple[str, bytes]]:
    content, size = downloads.CONTENT, len(downloads.CONTENT)
    yield "sound", b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "1"\r\n\r\n%b' % (size, content)
    yield (
        "chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (size, content),
    )
    yield "no-length", b"HTTP/1.0 200 OK\r\n\r\n" + content
    yield "other-content", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"
    yield (
        "part",
        b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-21/22\r\nContent-Length: 17\r\n\r\n" + content[5:],
    )
    yield "redirect", b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"
    yield "missing", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    yield "range", b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n"


def _certificates(scratch: Path) -> Iterator[tuple[str, bytes]]:
    """What a server of TLS 1.2 answers first: its certificate is sent in the clear."""
    for name, subject, days in (
        ("self-signed", "/CN=127.0.0.1", "9000"),
        ("other-host", "/CN=host.example", "9000"),
    ):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "certificate",
             "-subj", subject, "-days", days], cwd=scratch, check=True, capture_output=True,
        )  # fmt: skip
        yield name, _first_flight(scratch / "certificate", scratch / "key")
    yield "alert", bytes.fromhex("15030300020228")
    yield "http", b"HTTP/1.1 400 Bad Request\r\n\r\n"


def _first_flight(certificate: Path, key: Path) -> bytes:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.load_cert_chain(certificate, key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    answer = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, answer):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return to_client.read()


def _perf_events(scratch: Path) -> Iterator[tuple[str, bytes]]:
    def record(kind: int, body: bytes, misc: int = 0) -> bytes:
        body += bytes(-len(body) % 8)
        return struct.pack("<IHH", kind, misc, 8 + len(body)) + body

    def sample(source: int, fields: bytes = b"", registers: int = 2) -> bytes:
        raw = struct.pack("<I", len(fields)) + fields if fields else b""
        stack = struct.pack("<4Q", 0x1234, 0, 0x5678, 0)
        user = struct.pack("<Q7QQ", registers, 1, 0x30, 0xAE80, 9, 0x7000, 0x7000, 0x1139, len(stack))
        return record(
            9, struct.pack("<QIIQ", source, 7, 7, 1000) + raw + user + stack + struct.pack("<Q", len(stack))
        )

    mapping = struct.pack("<IIQQQ", 7, 7, 0x1000, 0x1000, 0) + bytes(32) + b"/bin/program\0"
    yield "sound", b"".join([
        record(10, mapping), record(3, struct.pack("<II", 7, 7) + b"program\0", 1 << 13), sample(1), sample(2),
        record(7, struct.pack("<IIIIQ", 7, 7, 8, 7, 500)), sample(3), sample(4, b"abcd"), record(2, bytes(16)),
        record(13, struct.pack("<Q", 3)),
    ])  # fmt: skip


_SCENARIO = """name = "startup"
title = "How QEMU starts a guest"
accessors = ["portio_write"]

[[accelerator]]
name = "kvm"
expression = "kvm_allowed"

[[milestone]]
name = "main"
title = "QEMU starts"
about = "The operating system calls main."
functions = ["main"]
required = true
limit = 1

[[milestone]]
name = "run"
title = "The guest runs"
functions = ["ioctl"]
request = "KVM_RUN"
number = 0xae80
accelerator = "kvm"
per_thread = true
as_often_as = "main"
while_running = { title = "The guest runs on", required = false }
"""
_MAKERS: dict[str, Callable[[Path], Iterator[tuple[str, bytes]]]] = {
    "allow_lists": _texts(("allow", _ALLOW), ("names", _NAMES)),
    "backtraces": _texts(("gdb", "Thread 1 (LWP 7):\n#0  f (a=1) at a.c:1\n#1  0x12 in main () at a.c:9\n")),
    "baselines": _baselines,
    "call_frames": _call_frames,
    "certificates": _certificates,
    "downloads": _downloads,
    "dwarf": _dwarf,
    "elf": _elf,
    "graphs": _graphs,
    "kernel_traces": _texts(("ioctl", CREATE_VM), ("lost", CREATE_VM + "CPU:1 [LOST 5 EVENTS]\n")),
    "mi_records": _texts(("session", _MI)),
    "perf_events": _perf_events,
    "recordings": _recordings,
    "scenarios": _texts(("startup", _SCENARIO)),
    "symbol_indexes": _symbol_indexes,
    "tarballs": _tarballs,
}


def main() -> None:
    """Write `seed-NAME` for each seed of each target."""
    for target in _MAKERS:
        folder = CORPUS / target
        folder.mkdir(exist_ok=True)
        for old in folder.glob("seed-*"):
            old.unlink()
        with tempfile.TemporaryDirectory() as scratch:
            for name, content in seeds(target, Path(scratch)):
                (folder / f"seed-{name}").write_bytes(content)


if __name__ == "__main__":
    main()
