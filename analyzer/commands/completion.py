"""`analyze completion`: prints what makes a shell complete verbs, options and files of `analyze`."""

from __future__ import annotations

import argparse

from analyzer.commands.parser import Parser, add_out_option
from analyzer.console import print_line, print_text
from analyzer.errors import ExitStatus
from analyzer.files import write_text

EXAMPLES = """\
  analyze completion bash -o ~/.local/share/bash-completion/completions/analyze
  analyze completion zsh -o ~/.zfunc/_analyze       with fpath+=~/.zfunc before compinit in ~/.zshrc
  analyze completion fish -o ~/.config/fish/completions/analyze.fish"""
SHELLS = ("bash", "zsh", "fish")


def add_options(parser: Parser) -> None:
    """Add the arguments of `completion` to its parser."""
    parser.add_argument("shell", choices=SHELLS, help="the shell to print it for")
    add_out_option(parser, "FILE", "write to FILE instead of standard output; a new shell reads it from there")


def run(options: argparse.Namespace) -> ExitStatus:
    """Print the shell's code, or write it and print the name of the file. Returns DONE."""
    from argcomplete.shell_integration import shellcode

    code = shellcode(["analyze"], shell=options.shell)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_text(options.out, code)
        print_line(options.out)
    else:
        print_text(code)
    return ExitStatus.DONE
