"""Run one command: build what it works with, print its answer, give its exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from craftkit.cli import output
from craftkit.errors import CraftkitError
from craftkit.model import Diagnostic


def run_command(command: str, as_json: bool, action: Callable[[], output.Reply]) -> int:
    """Run a command and print its answer; return the exit code."""
    from craftkit.cli.options import at_the_end, flagged, last_words

    try:
        reply = action()
    except CraftkitError as error:
        return fail(command, as_json, error)
    last = last_words()
    notes = [note for note in reply.diagnostics if note not in last]
    notes += [at_the_end(note, command, _did(reply)) for note in last]
    notes = [note._replace(hint=flagged(note.hint)) for note in notes]
    if as_json:
        output.print_envelope(command, reply.exit_code == 0, reply.data, notes)
        return reply.exit_code
    for line in reply.lines:
        output.print_data(line)
    for line in reply.notes:
        output.print_note(line)
    for note in _once(notes):
        output.print_diagnostic(note)
    return reply.exit_code


def _did(reply: output.Reply) -> bool:
    """Whether a command did what it should: what is said besides is no error of it then."""
    return reply.exit_code == 0 and reply.data.get("delivered") is not False


def _once(notes: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Notes without those that an earlier one has said, in its own words or among others."""
    told: list[Diagnostic] = []
    for note in notes:
        if not any(_says(other, note) for other in told):
            told.append(note)
    return told


def _says(other: Diagnostic, note: Diagnostic) -> bool:
    if (other.hint, other.target) != (note.hint, note.target):
        return False
    within = bool(note.hint) and note.message.rstrip(".") in other.message
    return within or other.message == note.message


def fail(command: str, as_json: bool, error: CraftkitError) -> int:
    if os.environ.get("CRAFTKIT_DEBUG") == "1":
        import traceback

        traceback.print_exc()
    from craftkit.cli.options import flagged

    note = Diagnostic("error", error.code, error.message, flagged(error.hint), error.target)
    if as_json:
        output.print_envelope(command, False, {}, [note])
    else:
        output.print_diagnostic(note)
    return error.exit_code
