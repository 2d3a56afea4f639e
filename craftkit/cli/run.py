"""Run one command: build what it works with, print its answer, give its exit code."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from craftkit.cli import output
from craftkit.cli.output import Reply
from craftkit.errors import CraftkitError
from craftkit.model import Diagnostic

if TYPE_CHECKING:
    from craftkit.runtime.context import Context


def run_command(
    command: str,
    as_json: bool,
    action: Callable[[Context], Reply],
    *,
    session: str | None = None,
    offline: bool = False,
    repair: bool = False,
    only_reads: bool = False,
) -> int:
    """Run a command in a context of its own, print its answer, and return its exit code.

    One that `only_reads` spec files also works in a clone that is off.  With `repair` it first
    finishes what an earlier command left undone.  The diagnostics of the context are printed with
    those of the reply.
    """
    context: Context | None = None
    try:
        context = _open(session, only_reads)
        context.offline = offline
        if repair:
            from craftkit.commands import recovery

            recovery.repair(context)
        reply = action(context)
    except CraftkitError as error:
        return fail(command, as_json, error, context.flag if context is not None else "")
    return _print_reply(command, as_json, reply, _all_notes(command, context, reply))


def _open(session: str | None, only_reads: bool) -> Context:
    """The context of a command; a person is asked first whether an older state is to be moved."""
    from craftkit.errors import NotSetUp, OldState
    from craftkit.runtime.context import open_context

    try:
        return open_context(session=session, only_reads=only_reads)
    except NotSetUp as error:
        if os.environ.get("CRAFTKIT_TRUST") == "workflow" and error.code == NotSetUp.code:
            from craftkit.commands import workflow

            workflow.switch_on()
            return open_context(session=session)
        if not isinstance(error, OldState):
            raise
        from craftkit.cli import prompt

        if not prompt.has_terminal() or _is_agent():
            raise
        output.print_note(error.message)
        if not prompt.confirm("Move it into git's own directory now?"):
            raise
    from craftkit.commands import init

    _, lines, notes = init.init()
    for line in lines:
        output.print_note(line)
    for note in notes:
        output.print_diagnostic(note)
    return open_context(session=session)


def _is_agent() -> bool:
    from craftkit.runtime.identity import session_and_agent

    return session_and_agent(os.environ, "")[1] != "person"


def run_plain(command: str, as_json: bool, action: Callable[[], Reply]) -> int:
    """Run a command that needs no context, print its answer, and return its exit code."""
    try:
        reply = action()
    except CraftkitError as error:
        return fail(command, as_json, error)
    return _print_reply(command, as_json, reply, reply.diagnostics)


def fail(command: str, as_json: bool, error: CraftkitError, flag: str = "") -> int:
    """Print an error, and return its exit code; its hints name the spec of `flag`."""
    if os.environ.get("CRAFTKIT_DEBUG") == "1":
        import traceback

        output.print_note(traceback.format_exc().rstrip())
    hint = with_spec_flag(error.hint, flag)
    note = Diagnostic("error", error.code, error.message, hint, error.target)
    if as_json:
        output.print_envelope(command, False, {}, [note])
    else:
        output.print_diagnostic(note)
    return error.exit_code


def _print_reply(command: str, as_json: bool, reply: Reply, notes: Sequence[Diagnostic]) -> int:
    if as_json:
        output.print_envelope(command, reply.exit_code == 0, reply.data, notes)
        return reply.exit_code
    for line in reply.lines:
        output.print_data(line)
    for line in reply.notes:
        output.print_note(line)
    for note in _without_repeats(notes):
        output.print_diagnostic(note)
    return reply.exit_code


def _all_notes(command: str, context: Context, reply: Reply) -> list[Diagnostic]:
    """The diagnostics of a command: what it met, what its answer adds, and the last word."""
    dead = dead_writes_note(context)
    notes = [note for note in (*context.diagnostics, *reply.diagnostics) if note != dead]
    if dead is not None:
        notes.append(as_last_word(dead, command, _succeeded(reply)))
    return [note._replace(hint=with_spec_flag(note.hint, context.flag)) for note in notes]


def dead_writes_note(context: Context) -> Diagnostic | None:
    """What every command says in the end: that GitHub writes were given up, if any were."""
    from craftkit.runtime import background

    with contextlib.suppress(CraftkitError):  # the command itself has told about the database
        if context.has_store and context.dead_writes is None:
            background.report_dead_writes(context)
    return next((note for note in context.diagnostics if note.code == background.DEAD), None)


def as_last_word(note: Diagnostic, command: str, succeeded: bool) -> Diagnostic:
    """The note as this command says it: a warning, if the command did its own work."""
    if command.startswith("outbox "):  # it has just shown why
        note = note._replace(hint="`craftkit outbox retry` tries again, `outbox drop` forgets it")
    return note._replace(severity="warning") if succeeded else note


def _succeeded(reply: Reply) -> bool:
    return reply.exit_code == 0 and reply.data.get("delivered") is not False


def with_spec_flag(hint: str, flag: str) -> str:
    """A hint whose `task` commands name the spec that the command was about."""
    if not flag or "`craftkit task " not in hint:
        return hint
    import re

    return re.sub(
        r"`(craftkit task (?:list|show|start|done|reopen|drop)\b[^`]*)`",
        lambda found: found[0] if " --spec" in found[1] else f"`{found[1]}{flag}`",
        hint,
    )


def _without_repeats(notes: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Notes without those that an earlier one has said, in its own words or among others."""
    kept: list[Diagnostic] = []
    for note in notes:
        if not any(_says(other, note) for other in kept):
            kept.append(note)
    return kept


def _says(other: Diagnostic, note: Diagnostic) -> bool:
    if (other.hint, other.target) != (note.hint, note.target):
        return False
    within = bool(note.hint) and note.message.rstrip(".") in other.message
    return within or other.message == note.message
