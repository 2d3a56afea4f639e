"""The root of the command tree, and the commands that have no noun."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from craftkit.cli import (
    agents,
    knowledge,
    outbox,
    output,
    process,
    reconcile,
    schedule,
    session,
    spec,
    task,
    trust,
)
from craftkit.cli.options import AsJson, Offline, SessionId, SpecName
from craftkit.cli.output import Reply, paint
from craftkit.cli.run import fail, run_command, run_plain
from craftkit.errors import AmbiguousSpec, CraftkitError, UnknownSpec

if TYPE_CHECKING:
    from craftkit.loop.work_status import WorkStatus
    from craftkit.runtime.context import Context

app = typer.Typer(
    name="craftkit",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Keep spec files, GitHub issues and an AI agent's control loop in step.",
    epilog="Examples: craftkit init | craftkit task next | craftkit task done T012",
)
app.add_typer(task.app, name="task")
app.add_typer(spec.app, name="spec")
app.add_typer(knowledge.app, name="knowledge")
app.add_typer(process.app, name="process")
app.add_typer(outbox.app, name="outbox")
app.add_typer(schedule.app, name="schedule")
app.add_typer(agents.app, name="agents")
app.add_typer(trust.app, name="trust")


def _version(wanted: bool) -> None:
    if wanted:
        from craftkit import __version__

        output.print_data(f"craftkit {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep spec files, GitHub issues and an AI agent's control loop in step."""


@app.command(epilog="Example: craftkit init")
def init(
    with_agents: Annotated[
        bool | None,
        typer.Option(
            "--agents/--no-agents",
            help="Install for the coding agents that are found; by default a terminal is asked.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Agree to what the configuration says, unasked.")
    ] = False,
    agree_committed: Annotated[
        bool,
        typer.Option("--agree-committed", help="With --yes: also if an agent is at work here."),
    ] = False,
    host: Annotated[
        str, typer.Option("--host", help="An Enterprise host that this clone may talk to.")
    ] = "",
    off: Annotated[bool, typer.Option("--off", help="Switch craftkit off in this clone.")] = False,
    as_json: AsJson = False,
) -> int:
    """Switch craftkit on in this clone; what is there already stays as it is."""

    def action() -> Reply:
        from craftkit.cli import prompt
        from craftkit.commands import init as commands_init
        from craftkit.commands.agreement import Word

        if off:
            where = commands_init.switch_off()
            return Reply({"off": True}, [f"craftkit is off in {where}; its state stays"])
        ask = prompt.confirm if prompt.has_terminal() and not as_json else None
        word = Word(yes, agree_committed, host, ask)
        data, lines, remarks = commands_init.init(word=word)
        integration, more, reply = agents.at_init(with_agents, as_json)
        return Reply(
            data | {"agents": integration},
            lines + more,
            reply.notes,
            reply.exit_code,
            [*remarks, *reply.diagnostics],
        )

    return run_plain("init", as_json, action)


@app.command(epilog="Example: craftkit status --json")
def status(spec_name: SpecName = None, session: SessionId = None, as_json: AsJson = False) -> int:
    """Show on one screen: spec, task, progress, what waits, what needs attention."""

    def action(context: Context) -> Reply:
        from craftkit.commands import agreement, recovery
        from craftkit.loop import spec_index, work_status
        from craftkit.runtime import clone

        repaired = recovery.repair(context)
        for one in context.waiting if context.standing == clone.ON else ():
            context.note(*agreement.waits(one))
        try:
            chosen = spec_index.choose_spec(context, spec_name)
            spec_index.record_snapshot(context, chosen.spec)
            found = work_status.describe(context, chosen, repaired)
        except (AmbiguousSpec, UnknownSpec) as error:
            if spec_name:
                raise
            found = work_status.describe_without_spec(context, error, repaired)
        return Reply(found.data(), _status_lines(found))

    return run_command("status", as_json, action, session=session, only_reads=True)


def _status_lines(found: WorkStatus) -> list[str]:
    done, total = found.progress["done"], found.progress["total"]
    lines = []
    if found.spec is None:
        lines.append(found.why)
        lines += [
            f"  {o['id']}  {o['phase']}  {o['progress']['done']}/{o['progress']['total']}"
            for o in found.others
        ]
    else:
        lines.append(f"{paint(found.spec.name, 'bold')}  ({found.spec.path}, {found.phase})")
    width = 24
    filled = round(width * done / total) if total else 0
    if found.spec is not None or found.others:
        lines.append(f"[{'#' * filled}{'.' * (width - filled)}] {done}/{total} tasks done")
    if found.current:
        lines.append(f"in progress  {found.current['key']}  {found.current['title']}")
    if found.next_command:
        lines.append(f"next         {found.next_command}")
    for other in found.held:
        lines.append(f"held         {other['task']}  by session {other['session']}")
    for held in found.elsewhere:
        lines.append(f"also held    {held['task']} of {held['spec']}")
    lines += [f"repaired     {r['message']}" for r in found.repaired]
    for item in found.conflicts:
        lines.append(f"{paint('attention', 'warning')}    {item['message']}: {item['hint']}")
    if found.outbox.get("queued") or found.outbox.get("dead"):
        lines.append(f"outbox       {found.outbox['queued']} queued, {found.outbox['dead']} dead")
    return lines


# Here, because `--help` lists the commands in the order of their registration.
app.registered_commands += session.app.registered_commands
app.registered_commands += reconcile.app.registered_commands


@app.command(
    "git-hook",
    hidden=True,
    context_settings={"ignore_unknown_options": True},
    epilog="Example: craftkit git-hook post-commit",
)
def git_hook(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The name of a hook.")] = "",
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[ARG]...", help="What git gives to the hook.")
    ] = None,
) -> int:
    """What the hooks of git run; silent, and always 0, so that git is never stopped."""
    try:
        from craftkit.automation import git_hooks

        git_hooks.run(event, words or [])
    except Exception as error:
        if os.environ.get("CRAFTKIT_DEBUG") == "1":
            output.print_note(f"craftkit git-hook: {error!r}")
    return 0


@app.command(epilog="Example: craftkit history --limit 20")
def history(
    spec_name: SpecName = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many events.")] = 30,
    as_json: AsJson = False,
) -> int:
    """Show what happened and why, newest last."""

    def action(context: Context) -> Reply:
        from craftkit.loop import history as loop_history

        events = loop_history.history(context, spec_name, limit)
        lines = [
            f"{e['at'][:19]}Z  {e['event']:<16} {e['task'] or e['spec_id'] or '':<12}"
            f" {e['session']} ({e['agent']}){loop_history.why(e)}"
            for e in events
        ]
        return Reply({"events": events}, lines)

    return run_command("history", as_json, action)


@app.command(epilog="Example: craftkit doctor --fix")
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Repair what can be repaired.")] = False,
    offline: Offline = False,
    as_json: AsJson = False,
) -> int:
    """Prove the installation: state, database, specs, interrupted work, GitHub and drift."""

    def action() -> Reply:
        from craftkit.agents import codex_sandbox, hook_health
        from craftkit.automation import git_hook_files
        from craftkit.commands import doctor as checks

        def hooks(context: Context) -> list[tuple[str, str, str]]:
            return hook_health.checks(context) + git_hook_files.checks(context)

        found, drift = checks.examine(fix, offline, hooks, codex_sandbox.checks)
        marks = {"ok": "ok  ", "warning": "warn", "error": "FAIL"}
        lines = []
        for check in found:
            lines.append(f"{marks[check['status']]}  {check['name']:<12} {check['message']}")
            if check["status"] != "ok" and check["hint"]:
                lines.append(f"{'':<19}{paint('hint:', 'dim')} {check['hint']}")
        bad = any(c["status"] == "error" for c in found)
        data = {"checks": found, "healthy": not bad, "drift": drift}
        return Reply(data, lines, exit_code=checks.exit_code(found))

    return run_plain("doctor", as_json, action)


@app.command(epilog="Example: craftkit demo")
def demo(as_json: AsJson = False) -> int:
    """Watch the whole story on a throw-away repository: work, a real kill, resume, finish."""

    def action() -> Reply:
        from craftkit.commands import demo as story

        data = story.play((lambda line: None) if as_json else output.print_data)
        return Reply(data, exit_code=0 if data["ok"] else 1)

    return run_plain("demo", as_json, action)


@app.command(epilog="Example: craftkit sandbox --port 4100")
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    seed: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="JSON or YAML: users, tokens, repositories; see docs/sandbox.md."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Play GitHub on this machine until Ctrl-C, to try craftkit without an account.

    It forgets everything when it stops. docs/sandbox.md has its seed files, tokens and faults.
    """
    import threading

    try:
        from craftkit.sandbox.server import serve

        server = serve(port, seed)
    except CraftkitError as error:
        return fail("sandbox", as_json, error)
    with server:
        environment = server.environment()
        if as_json:
            output.print_envelope(
                "sandbox", True, {"url": server.url, "environment": environment}, []
            )
        else:
            output.print_note(
                f"A GitHub of its own at {server.url} (page and API); Ctrl-C ends it."
            )
            output.print_note(
                "In another shell, in a repository whose config.yaml names that repository:"
            )
            for name, value in environment.items():
                output.print_data(f"export {name}={value}")
        output.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            output.print_note("")
    return 0


@app.command(epilog="Example: craftkit mcp")
def mcp() -> int:
    """Serve this project to an MCP client on stdin and stdout, until it hangs up."""

    def action() -> Reply:
        from craftkit.mcp import serve

        if sys.stdin.isatty():
            output.print_note("waiting for an MCP client on stdin; Ctrl-D ends it")
        serve()
        return Reply({})

    return run_plain("mcp", False, action)
