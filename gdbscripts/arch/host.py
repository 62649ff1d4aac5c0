"""Chooses what knows this host's machine code. KVM guests are of the host's architecture, so the host decides.

A module for an architecture has the names of `x86_64.py`.
"""

from __future__ import annotations

import platform

from gdbscripts.arch import x86_64

_ARCHITECTURES = {"x86_64": x86_64}

current = _ARCHITECTURES[platform.machine()]
