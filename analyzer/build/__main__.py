"""`python -m analyzer.build`: build the distribution's QEMU unless it is cached; its path on standard output."""

from __future__ import annotations

import sys

from analyzer.build.qemu import Cache, provide_qemu
from analyzer.errors import AnalyzerError


def main() -> int:
    """The exit status."""
    try:
        print(provide_qemu(Cache.default(), lambda line: print(line, file=sys.stderr, flush=True)))
    except AnalyzerError as error:
        print(f"analyze: {error.message}\n  {error.hint}", file=sys.stderr)
        return int(error.exit_status)
    return 0


sys.exit(main())
