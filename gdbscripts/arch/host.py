"""Selects the module for the architecture of this host. A KVM guest has the architecture of the host, and so has
QEMU.

Each module has the names of `x86_64.py`. Raises KeyError on a host of another architecture.
"""

from __future__ import annotations

import platform

from gdbscripts.arch import x86_64

_ARCHITECTURES = {"x86_64": x86_64}

current = _ARCHITECTURES[platform.machine()]
