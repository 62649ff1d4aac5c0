"""Runs verbs: printing and exit statuses; nothing else."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from analyzer.arguments import parse
from analyzer.errors import AnalyzerError, ExitStatus
from analyzer.verbs import comparing, reading, recording

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_STOPS_A_BISECTION = 129  # `git bisect run` would take anything below 128 for what we say of the commit


VERBS = {
    "startup": recording.startup,
    "io": recording.startup,
    "build": recording.build,
    "doctor": recording.doctor,
    "import": reading.import_,
    "show": reading.show,
    "graph": reading.graph,
    "report": reading.report,
    "paths": reading.paths,
    "diff": comparing.diff,
    "baseline": comparing.baseline,
    "bisect": comparing.bisect,
    "ci": comparing.ci,
    "comment": comparing.comment,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _prepare_output()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        options = parse(arguments)
        return int(VERBS[options.verb](options))
    except AnalyzerError as error:
        print(f"analyze: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return _failed(arguments, error.exit_status)
    except KeyboardInterrupt:
        print("\nanalyze: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `analyze show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _failed(arguments, ExitStatus.DONE)
    except OSError as error:  # a full disk, a folder that vanished
        print(f"analyze: {error.strerror}: {error.filename or 'while writing'}", file=sys.stderr)
        return _failed(arguments, ExitStatus.COULD_NOT_RUN)
    except Exception:  # noqa: BLE001 - Python would end with 1, as if something differed
        traceback.print_exc()
        print("analyze: this is a mistake of the program itself; please report it.", file=sys.stderr)
        return _failed(arguments, ExitStatus.COULD_NOT_RUN)


def _failed(arguments: Sequence[str], status: ExitStatus) -> int:
    return _STOPS_A_BISECTION if arguments[:1] == ["bisect"] else int(status)


def _prepare_output() -> None:
    """Whatever a program is called, printing it must not fail; nor must a closed stream."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we live
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
