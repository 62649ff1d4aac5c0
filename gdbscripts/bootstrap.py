"""The script that gdb sources, also in plain gdb: `gdb -x bootstrap.py qemu-system-x86_64`.

Registers this folder as package `gdbscripts` without changing `sys.path`, then registers the MI commands and the
user commands.

`sys.path` stays as it is, so that packages installed for gdb's Python cannot be imported by accident.
"""

import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.realpath(__file__))


def _register_package() -> None:
    if "gdbscripts" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "gdbscripts", os.path.join(_HERE, "__init__.py"), submodule_search_locations=[_HERE]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["gdbscripts"] = package
    spec.loader.exec_module(package)


_register_package()

from gdbscripts import mi_commands, user_commands  # noqa: E402 - needs the registered package

mi_commands.register()
user_commands.register()
