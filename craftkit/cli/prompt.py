"""Questions to a person."""

from __future__ import annotations

import sys

import typer

from craftkit.cli.output import print_note
from craftkit.errors import UsageProblem


def agree(question: str, yes: bool, otherwise: str) -> None:
    """Ask a person.  Raises UsageProblem without a terminal or an agreement."""
    if yes:
        return
    if not has_terminal():
        raise UsageProblem(f"{question} {otherwise}", "run it again with `--yes`")
    print_note(question)
    if not confirm("Go on?"):
        raise UsageProblem(otherwise, "")


def has_terminal() -> bool:
    """Whether a person can be asked here."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask for yes or no on stderr; no is the default."""
    return typer.confirm(question, err=True)
