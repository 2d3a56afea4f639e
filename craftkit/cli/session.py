"""`craftkit session-start`, `session-resume` and `session-end`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from craftkit.cli.options import AsJson, Offline, SessionId, SpecName
from craftkit.cli.output import Reply
from craftkit.cli.run import run_command

if TYPE_CHECKING:
    from craftkit.runtime.context import Context

app = typer.Typer()


@app.command(
    "session-resume",
    help="Compare the spec with what is recorded, repair it, and print where the work stands.",
    epilog="Example: craftkit session-resume --brief",
)
@app.command(
    "session-start",
    help="Begin a session: what a person, or an agent without hooks, runs first.",
    epilog="Example: craftkit session-start",
)
def resume(
    called: typer.Context,
    spec_name: SpecName = None,
    brief: Annotated[bool, typer.Option("--brief", help="At most 120 tokens.")] = False,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=20, help="Limit of the brief, in tokens.")
    ] = None,
    offline: Offline = False,
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """One command under two names: to begin a session is to resume the work."""

    def action(context: Context) -> Reply:
        from craftkit.commands import session as commands_session
        from craftkit.loop import work_status

        status = commands_session.resume(context, spec_name)
        limit = max_tokens or (work_status.SHORT_TOKENS if brief else work_status.BRIEF_TOKENS)
        text = work_status.brief(status, limit)
        return Reply(status.data() | {"brief": text}, [text])

    command = str(called.info_name)
    return run_command(command, as_json, action, session=session, offline=offline)


@app.command("session-end", epilog="Example: craftkit session-end --reason 'out of context'")
def end(
    reason: Annotated[str, typer.Option(help="Why the session ends.")] = "ended",
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """Record that this session ends, why, and what it leaves unfinished."""

    def action(context: Context) -> Reply:
        from craftkit.commands import session as commands_session

        data = commands_session.end(context, reason)
        left = ", ".join(item["task"] for item in data["unfinished"])
        line = f"Session {data['session']} ended" + (f"; in progress: {left}" if left else "")
        return Reply(data, [line + "."])

    return run_command("session-end", as_json, action, session=session)
