"""The root of the command tree, and the commands that have no noun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from craftkit.cli import agents, knowledge, outbox, process, schedule, spec, task
from craftkit.cli.options import AsJson, Offline, SessionId, SpecName, context_for
from craftkit.cli.output import Reply, paint
from craftkit.cli.run import run_command

if TYPE_CHECKING:
    from craftkit.loop.work_status import WorkStatus
    from craftkit.model import Diagnostic

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


def _version(wanted: bool) -> None:
    if wanted:
        from craftkit import __version__
        from craftkit.cli.output import print_data

        print_data(f"craftkit {__version__}")
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
    as_json: AsJson = False,
) -> int:
    """Set craftkit up in this repository; what is there already stays as it is."""

    def action() -> Reply:
        from craftkit.commands import init as commands_init

        data, lines, remarks = commands_init.init()
        integration, more, reply = agents.at_init(with_agents, as_json)
        return Reply(
            data | {"agents": integration},
            lines + more,
            reply.notes,
            reply.exit_code,
            [*remarks, *reply.diagnostics],
        )

    return run_command("init", as_json, action)


@app.command(epilog="Example: craftkit status --json")
def status(spec_name: SpecName = None, session: SessionId = None, as_json: AsJson = False) -> int:
    """Show on one screen: spec, task, progress, what waits, what needs attention."""

    def action() -> Reply:
        from craftkit.commands import recovery
        from craftkit.errors import AmbiguousSpec, UnknownSpec
        from craftkit.loop import spec_index, work_status

        context = context_for(session)
        repaired = recovery.repair(context)
        try:
            chosen = spec_index.choose_spec(context, spec_name)
            spec_index.record_snapshot(context, chosen.spec)
            stand = work_status.describe(context, chosen, repaired)
        except (AmbiguousSpec, UnknownSpec) as error:
            if spec_name:
                raise
            stand = work_status.describe_without_spec(context, error, repaired)
        return Reply(stand.data(), _screen(stand), diagnostics=context.diagnostics)

    return run_command("status", as_json, action)


def _screen(stand: WorkStatus) -> list[str]:
    done, total = stand.progress["done"], stand.progress["total"]
    lines = []
    if stand.spec is None:
        lines.append(stand.why)
        lines += [
            f"  {o['id']}  {o['phase']}  {o['progress']['done']}/{o['progress']['total']}"
            for o in stand.others
        ]
    else:
        lines.append(f"{paint(stand.spec.name, 'bold')}  ({stand.spec.path}, {stand.phase})")
    width = 24
    filled = round(width * done / total) if total else 0
    if stand.spec is not None or stand.others:
        lines.append(f"[{'#' * filled}{'.' * (width - filled)}] {done}/{total} tasks done")
    if stand.current:
        lines.append(f"in progress  {stand.current['key']}  {stand.current['title']}")
    if stand.next_command:
        lines.append(f"next         {stand.next_command}")
    for held in stand.elsewhere:
        lines.append(f"also held    {held['task']} of {held['spec']}")
    lines += [f"repaired     {r['message']}" for r in stand.repaired]
    for item in stand.conflicts:
        lines.append(f"{paint('attention', 'warning')}    {item['message']}: {item['hint']}")
    if stand.outbox.get("queued") or stand.outbox.get("dead"):
        lines.append(f"outbox       {stand.outbox['queued']} queued, {stand.outbox['dead']} dead")
    return lines


Brief = Annotated[bool, typer.Option("--brief", help="At most 120 tokens.")]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=20, help="Limit of the brief, in tokens.")
]


@app.command("session-start", epilog="Example: craftkit session-start")
def session_start(
    spec_name: SpecName = None,
    brief: Brief = False,
    max_tokens: MaxTokens = None,
    offline: Offline = False,
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """Begin a session: what a person, or an agent without hooks, runs first."""
    return _stand("session-start", spec_name, brief, max_tokens, offline, session, as_json)


@app.command("session-resume", epilog="Example: craftkit session-resume --brief")
def session_resume(
    spec_name: SpecName = None,
    brief: Brief = False,
    max_tokens: MaxTokens = None,
    offline: Offline = False,
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """Compare the spec with what is recorded, repair it, and print where the work stands."""
    return _stand("session-resume", spec_name, brief, max_tokens, offline, session, as_json)


def _stand(
    command: str,
    spec_name: str | None,
    brief: bool,
    max_tokens: int | None,
    offline: bool,
    session: str | None,
    as_json: bool,
) -> int:
    def action() -> Reply:
        from craftkit.commands import session as commands_session
        from craftkit.loop import work_status

        context = context_for(session, offline=offline)
        stand = commands_session.resume(context, spec_name)
        limit = max_tokens or (work_status.SHORT_TOKENS if brief else work_status.BRIEF_TOKENS)
        text = work_status.brief(stand, limit)
        return Reply(stand.data() | {"brief": text}, [text], diagnostics=context.diagnostics)

    return run_command(command, as_json, action)


@app.command(epilog="Example: craftkit reconcile --dry-run")
def reconcile(
    spec_name: SpecName = None,
    every: Annotated[bool, typer.Option("--all", help="Every spec of this worktree.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 3 where something differs.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; show each action with its evidence.")
    ] = False,
    create: Annotated[
        bool, typer.Option("--create", help="Make issues for task lines without one.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Append task lines for sub-issues without one.")
    ] = False,
    max_writes: Annotated[
        int | None, typer.Option("--max-writes", min=0, help="Send at most so many writes.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Go on where much would be unticked.")
    ] = False,
    job: Annotated[
        bool, typer.Option("--job", help="As a scheduled job: all specs, log lines, one at a time.")
    ] = False,
    commit: Annotated[
        bool, typer.Option("--commit", help="With --job: commit the spec files it changed.")
    ] = False,
    push: Annotated[bool, typer.Option("--push", help="With --commit: push that commit.")] = False,
    offline: Offline = False,
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """Bring spec and GitHub in step: send what waits, compare, settle what can be settled."""

    def action() -> Reply:
        from craftkit.commands import reconcile as commands_reconcile
        from craftkit.errors import UsageProblem
        from craftkit.sync import reconcile_report
        from craftkit.sync.planner import Policy

        look = check or dry_run
        _refuse_contradictions(every, spec_name, check, dry_run)
        _refuse_job_options(job, look or bool(spec_name), commit, push)
        if offline and (look or job):
            raise UsageProblem(
                "`--offline` compares nothing, so it takes no --check, --dry-run or --job.",
                "leave them out: what the boxes say is recorded, and sent later",
            )
        # A job is a session of its own: it must not change what the person here is at work on.
        context = context_for((session or "job") if job else session, offline=offline)
        policy = Policy(create=create, adopt=adopt, yes=yes)
        if job:
            from craftkit.automation import job as jobs

            options = jobs.JobOptions(policy, max_writes, commit, push)
            data, code = jobs.run(context, options, (lambda line: None) if as_json else _tell)
            failed = _failures(data) if as_json else []  # else its log lines have told them
            return Reply(data, exit_code=code, diagnostics=[*failed, *context.diagnostics])
        report = commands_reconcile.reconcile(
            context, spec_name, every, policy, change=not look, max_writes=max_writes
        )
        lines, notes = reconcile_report.lines(report, evidence=dry_run)
        if offline:
            notes = ["offline: nothing was compared with GitHub"]
        code = reconcile_report.exit_code(report, check)
        return Reply(reconcile_report.as_dict(report), lines, notes, code, context.diagnostics)

    return run_command("reconcile", as_json, action)


def _tell(line: str) -> None:
    """A log line, seen at once also where stdout is a pipe."""
    from craftkit.cli.output import flush, print_data

    print_data(line)
    flush()


def _failures(data: dict[str, Any]) -> list[Diagnostic]:
    """What failed in a job, as diagnostics."""
    from craftkit.model import Diagnostic

    return [
        Diagnostic(
            "error",
            item["code"],
            f"{item['spec']}: {item['message']}" if item["spec"] else item["message"],
            item["hint"],
        )
        for item in data.get("failed", ())
    ]


def _refuse_contradictions(every: bool, spec_name: str | None, check: bool, dry_run: bool) -> None:
    from craftkit.errors import UsageProblem

    if every and spec_name:
        raise UsageProblem(
            "`--all` means every spec and `--spec` one of them.", "leave one of the two out"
        )
    if check and dry_run:
        raise UsageProblem(
            "`--check` answers by its exit code and `--dry-run` shows what would be done.",
            "leave one of the two out: both change nothing",
        )


def _refuse_job_options(job: bool, foreign: bool, commit: bool, push: bool) -> None:
    from craftkit.errors import UsageProblem

    if job and foreign:
        raise UsageProblem(
            "`--job` settles every spec, so it takes no --spec, --check or --dry-run.",
            "leave them out, or leave out `--job`",
        )
    if (commit and not job) or (push and not commit):
        raise UsageProblem(
            "`--commit` belongs to `--job`, and `--push` to `--commit`.",
            "`craftkit reconcile --job --commit --push`",
        )


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
    import os

    try:
        from craftkit.automation import git_hooks

        git_hooks.run(event, words or [])
    except Exception as error:
        if os.environ.get("CRAFTKIT_DEBUG") == "1":
            from craftkit.cli.output import print_note

            print_note(f"craftkit git-hook: {error!r}")
    return 0


@app.command("session-end", epilog="Example: craftkit session-end --reason 'out of context'")
def session_end(
    reason: Annotated[str, typer.Option(help="Why the session ends.")] = "ended",
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """Record that this session ends, why, and what it leaves unfinished."""

    def action() -> Reply:
        from craftkit.commands import session as commands_session

        context = context_for(session)
        data = commands_session.end(context, reason)
        left = ", ".join(item["task"] for item in data["unfinished"])
        line = f"Session {data['session']} ended" + (f"; in progress: {left}" if left else "")
        return Reply(data, [line + "."], diagnostics=context.diagnostics)

    return run_command("session-end", as_json, action)


@app.command(epilog="Example: craftkit history --limit 20")
def history(
    spec_name: SpecName = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many events.")] = 30,
    as_json: AsJson = False,
) -> int:
    """Show what happened and why, newest last."""

    def action() -> Reply:
        from craftkit.loop import history as loop_history

        context = context_for(None)
        events = loop_history.history(context, spec_name, limit)
        lines = [
            f"{e['at'][:19]}Z  {e['event']:<16} {e['task_id'] or e['spec_id'] or '':<12}"
            f" {e['session']} ({e['agent']}){loop_history.why(e)}"
            for e in events
        ]
        return Reply({"events": events}, lines, diagnostics=context.diagnostics)

    return run_command("history", as_json, action)


@app.command(epilog="Example: craftkit doctor --fix")
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Repair what can be repaired.")] = False,
    offline: Offline = False,
    as_json: AsJson = False,
) -> int:
    """Prove the installation: state, database, specs, interrupted work, GitHub and drift."""

    def action() -> Reply:
        from craftkit.agents import hook_health
        from craftkit.commands import doctor as checks

        found, drift = checks.examine(fix, offline, hook_health.checks)
        marks = {"ok": "ok  ", "warning": "warn", "error": "FAIL"}
        lines = []
        for check in found:
            lines.append(f"{marks[check['status']]}  {check['name']:<12} {check['message']}")
            if check["status"] != "ok" and check["hint"]:
                lines.append(f"{'':<19}{paint('hint:', 'dim')} {check['hint']}")
        bad = any(c["status"] == "error" for c in found)
        data = {"checks": found, "healthy": not bad, "drift": drift}
        return Reply(data, lines, exit_code=checks.exit_code(found))

    return run_command("doctor", as_json, action)


@app.command(epilog="Example: craftkit demo")
def demo(as_json: AsJson = False) -> int:
    """Watch the whole story on a throw-away repository: work, a real kill, resume, finish."""

    def action() -> Reply:
        from craftkit.cli.output import print_data
        from craftkit.commands import demo as story

        data = story.play((lambda line: None) if as_json else print_data)
        return Reply(data, exit_code=0 if data["ok"] else 1)

    return run_command("demo", as_json, action)


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

    from craftkit.cli import output, run
    from craftkit.errors import CraftkitError

    try:
        from craftkit.sandbox.server import serve

        server = serve(port, seed)
    except CraftkitError as error:
        return run.fail("sandbox", as_json, error)
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
        import sys

        from craftkit.cli.output import print_note
        from craftkit.mcp import serve

        if sys.stdin.isatty():
            print_note("waiting for an MCP client on stdin; Ctrl-D ends it")
        serve()
        return Reply({})

    return run_command("mcp", False, action)
