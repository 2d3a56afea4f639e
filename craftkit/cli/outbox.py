"""`craftkit outbox …`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from craftkit.cli.options import AsJson, PublishSecrets
from craftkit.cli.output import Reply
from craftkit.cli.run import run_command

if TYPE_CHECKING:
    from craftkit.runtime.context import Context

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="See and settle what waits for GitHub."
)
Number = Annotated[
    int | None,
    typer.Argument(
        metavar="[ID]", help="One write, as `outbox list` names it; by default all dead."
    ),
]


@app.command("list", epilog="Example: craftkit outbox list")
def list_(as_json: AsJson = False) -> int:
    """List the GitHub writes that are not delivered, in order, and why they wait."""

    def action(context: Context) -> Reply:
        from craftkit.commands import outbox

        found = outbox.list_writes(context)
        lines = [_line(row) for row in found]
        notes = [] if found else ["nothing waits"]
        return Reply({"outbox": found}, lines, notes)

    return run_command("outbox list", as_json, action)


def _given_up(context: Context) -> list[str]:
    from craftkit.commands import outbox

    return [_line(row) for row in outbox.list_writes(context) if row["state"] == "dead"]


def _line(row: dict[str, Any]) -> str:
    issue = f"#{row['issue']}" if row["issue"] else "-"
    later = f"next try {row['not_before'][11:19]}Z" if row["not_before"] else ""
    why = "; ".join(part for part in (later, row["error"] or "") if part)
    place = row["task"] or row["spec"]
    head = f"{row['id']:>5}  {row['state']:<8} {row['action']:<10} {place:<12} {issue:<8} {why}"
    return head.rstrip()


@app.command(epilog="Example: craftkit outbox send --yes")
def send(
    yes: Annotated[
        bool, typer.Option("--yes", help="Also what came along when the state was moved.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Send what waits now; hooks do it in the background."""

    def action(context: Context) -> Reply:
        from craftkit.commands import interrupted, outbox
        from craftkit.sync import connection

        if outbox.held(context) and (yes or _agrees(context)):
            outbox.let_go(context)
        sent = connection.send(context, connection.SECONDS)
        connection.report_pending(context, sent)
        if context.gave_up is None:
            interrupted.resume_waiting(context)
        words = [f"{sent.delivered} delivered", *_given_up(context)]
        return Reply(sent.as_dict(), words)

    return run_command("outbox send", as_json, action)


def _agrees(context: Context) -> bool:
    """Whether a person at a terminal wants what was held to be sent."""
    from craftkit.cli import prompt
    from craftkit.cli.output import print_note
    from craftkit.commands import outbox

    if not prompt.has_terminal():
        return False
    for row in outbox.list_writes(context):
        if row["state"] == "held":
            print_note(_line(row))
    return prompt.confirm("These came along when the state was moved. Send them?")


@app.command(epilog="Example: craftkit outbox retry")
def retry(
    number: Number = None, publish_secrets: PublishSecrets = False, as_json: AsJson = False
) -> int:
    """Queue writes that were given up once more, and send."""

    def action(context: Context) -> Reply:
        from craftkit.commands import outbox
        from craftkit.sync import connection

        context.publish_secrets = publish_secrets
        count = outbox.retry(context, number)
        sent = connection.send(context, connection.SECONDS)
        connection.report_pending(context, sent)
        data = {"retried": count, **sent.as_dict()}
        words = [f"{count} tried again, {sent.delivered} delivered", *_given_up(context)]
        return Reply(data, words)

    return run_command("outbox retry", as_json, action)


@app.command(epilog="Example: craftkit outbox drop 12")
def drop(number: Number = None, as_json: AsJson = False) -> int:
    """Forget writes that were given up; the next `reconcile` decides anew."""

    def action(context: Context) -> Reply:
        from craftkit.commands import outbox

        count = outbox.drop(context, number)
        return Reply({"dropped": count}, [f"{count} dropped"])

    return run_command("outbox drop", as_json, action)
