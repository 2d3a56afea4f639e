"""`craftkit knowledge …`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from craftkit.cli.options import AsJson, Offline, SessionId, SpecName, complete_key
from craftkit.cli.output import Reply
from craftkit.cli.run import run_command

if TYPE_CHECKING:
    from craftkit.runtime.context import Context

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Keep notes on the work, and read them back."
)
KINDS = ("progress", "error", "tip")
Text = Annotated[str, typer.Argument(metavar="TEXT", help="The note; several lines are fine.")]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="KEY",
        help="The task; by default the one in progress, else the spec as a whole.",
        autocompletion=complete_key,
    ),
]
Comment = Annotated[
    bool, typer.Option("--comment", help="Comment on the GitHub issue as well, once.")
]


@app.command(epilog="Example: craftkit knowledge progress 'The parser reads all five forms'")
def progress(
    text: Text,
    task: TaskName = None,
    spec_name: SpecName = None,
    comment: Comment = False,
    offline: Offline = False,
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """Note how far a task is."""
    return _record("progress", text, task, spec_name, comment, offline, session, as_json)


@app.command(epilog="Example: craftkit knowledge error 'The server refuses dates before 1970'")
def error(
    text: Text,
    task: TaskName = None,
    spec_name: SpecName = None,
    comment: Comment = False,
    offline: Offline = False,
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """Note what went wrong, and why."""
    return _record("error", text, task, spec_name, comment, offline, session, as_json)


@app.command(epilog="Example: craftkit knowledge tip 'Run the migrations first' --task T002")
def tip(
    text: Text,
    task: TaskName = None,
    spec_name: SpecName = None,
    comment: Comment = False,
    offline: Offline = False,
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """Note what the next one should know."""
    return _record("tip", text, task, spec_name, comment, offline, session, as_json)


def _record(
    kind: str,
    text: str,
    task: str | None,
    spec_name: str | None,
    comment: bool,
    offline: bool,
    session: str | None,
    as_json: bool,
) -> int:
    def action(context: Context) -> Reply:
        from craftkit.commands import knowledge as commands_knowledge

        note = commands_knowledge.record(context, kind, text, spec_name, task, comment)
        about = f"{note['spec']}/{note['task']}" if note["task"] else note["spec"]
        words = f"{kind} noted on {about}"
        if note["issue"]:
            words += f", and on #{note['issue']}" if note["delivered"] else ", comment queued"
        return Reply({"note": note}, [words])

    return run_command(
        f"knowledge {kind}", as_json, action, session=session, offline=offline, repair=True
    )


@app.command("list", epilog="Example: craftkit knowledge list --kind tip")
def list_(
    spec_name: SpecName = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="KIND", help=f"Only one of {', '.join(KINDS)}."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="KEY", help="Only the notes on this task.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many notes.")] = 100,
    as_json: AsJson = False,
) -> int:
    """Read the notes back, newest last; those of every spec, unless told otherwise."""

    def action(context: Context) -> Reply:
        from craftkit.loop import history

        found = history.notes(context, spec_name, kind, task, limit)
        lines = [line for note in found for line in _lines(note)]
        remarks = [] if found else ["no notes yet"]
        return Reply({"notes": found}, lines, remarks)

    return run_command("knowledge list", as_json, action)


def _lines(note: dict[str, Any]) -> list[str]:
    about = f"{note['spec']}/{note['task']}" if note["task"] else note["spec"]
    first, *more = note["text"].split("\n")
    head = f"{note['at'][:16]}Z  {note['kind']:<8}  {about}  {first}"
    return [head, *(f"    {line}" for line in more)]
