"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from craftkit.model import Diagnostic
    from craftkit.runtime.context import Context


def context_for(session: str | None, *, offline: bool = False) -> Context:
    from craftkit.runtime.context import open_context

    context = open_context(session=session)
    context.offline = offline
    opened.append(context)
    return context


opened: list[Context] = []  # what this command works with


def flagged(hint: str) -> str:
    """A hint whose commands mean the spec that this command was about."""
    flag = next((context.flag for context in opened if context.flag), "")
    if not flag or "`craftkit task " not in hint:
        return hint
    import re

    return re.sub(
        r"`(craftkit task (?:list|show|start|done|reopen|drop)\b[^`]*)`",
        lambda found: found[0] if " --spec" in found[1] else f"`{found[1]}{flag}`",
        hint,
    )


def last_words() -> list[Diagnostic]:
    """What every command has to say in the end: that GitHub writes were given up."""
    from craftkit.errors import CraftkitError
    from craftkit.runtime import background

    for context in opened:
        try:
            if context.has_store:
                background.report_dead_writes(context)
        except CraftkitError:
            continue
        for note in context.diagnostics:
            if note.code == background.DEAD:
                return [note]
    return []


def at_the_end(note: Diagnostic, command: str, did: bool) -> Diagnostic:
    """A last word as this command says it: no error of a command that did what it should."""
    if command.startswith("outbox "):  # it has just shown why
        note = note._replace(hint="`craftkit outbox retry` tries again, `outbox drop` forgets it")
    return note._replace(severity="warning") if did else note


def _quiet_views(spec: str | None) -> list[str]:
    """Keys for shell completion; an error there must never reach the prompt."""
    from craftkit.errors import CraftkitError
    from craftkit.loop import spec_index

    try:
        chosen = spec_index.choose_spec(context_for(None), spec)
    except CraftkitError:
        return []
    return [task.ref for task in chosen.spec.tasks if not task.checked]


def complete_key(incomplete: str) -> list[str]:
    return [key for key in _quiet_views(None) if key.startswith(incomplete)]


def complete_spec(incomplete: str) -> list[str]:
    from craftkit.errors import CraftkitError
    from craftkit.loop import spec_index

    try:
        return [s.id for s in spec_index.load_all(context_for(None)) if s.id.startswith(incomplete)]
    except CraftkitError:
        return []


AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")]
SpecName = Annotated[
    str | None,
    typer.Option(
        "--spec",
        metavar="ID|PATH|#N",
        help="The spec; by default the active one, else the only one.",
        autocompletion=complete_spec,
    ),
]
SessionId = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", help="Who is at work; by default $CRAFTKIT_SESSION."),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Use no network; what is to be sent waits.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
RequireSync = Annotated[
    bool, typer.Option("--require-sync", help="Exit with 7 where GitHub has not got it.")
]
Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help='T012, 1.2, "#541" or @3.',
        autocompletion=complete_key,
        show_default=False,
    ),
]
MaybeKey = Annotated[
    str | None,
    typer.Argument(
        metavar="[KEY]",
        help='T012, 1.2, "#541" or @3; by default the task in progress.',
        autocompletion=complete_key,
        show_default=False,
    ),
]
