"""Questions to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    pass


def agree(question: str, yes: bool, otherwise: str) -> None:
    """Ask a person.  Raises UsageProblem without a terminal or an agreement."""
    import sys

    from craftkit.cli.output import print_note
    from craftkit.errors import UsageProblem

    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageProblem(f"{question} {otherwise}", "run it again with `--yes`")
    print_note(question)
    if not typer.confirm("Go on?", err=True):
        raise UsageProblem(otherwise, "")
