"""`craftkit reconcile`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from craftkit.cli.options import AsJson, Offline, SessionId, SpecName
from craftkit.cli.output import Reply, flush, print_data
from craftkit.cli.run import run_command
from craftkit.errors import UsageProblem
from craftkit.model import Diagnostic

if TYPE_CHECKING:
    from craftkit.automation.job import JobOptions
    from craftkit.runtime.context import Context

app = typer.Typer()


@app.command(epilog="Example: craftkit reconcile --dry-run")
def reconcile(
    spec_name: SpecName = None,
    every: Annotated[bool, typer.Option("--all", help="Every spec of this worktree.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 3 if something differs.")
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
        bool, typer.Option("--yes", "-y", help="Go on even if it unticks many boxes.")
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
    looks_only = check or dry_run

    def action(context: Context) -> Reply:
        from craftkit.commands import reconcile as commands_reconcile
        from craftkit.sync import reconcile_report
        from craftkit.sync.merge_model import Policy

        _refuse_contradictions(every, spec_name, check, dry_run)
        _refuse_job_options(job, looks_only or bool(spec_name), commit, push)
        if offline and (looks_only or job):
            raise UsageProblem(
                "`--offline` compares nothing, so it takes no --check, --dry-run or --job.",
                "leave them out: what the boxes say is recorded, and sent later",
            )
        policy = Policy(create=create, adopt=adopt, yes=yes)
        if job:
            from craftkit.automation.job import JobOptions

            return _run_job(context, JobOptions(policy, max_writes, commit, push), as_json)
        report = commands_reconcile.reconcile(
            context, spec_name, every, policy, change=not looks_only, max_writes=max_writes
        )
        lines, notes = reconcile_report.lines(report, evidence=dry_run)
        if offline:
            notes = ["offline: nothing was compared with GitHub"]
        code = reconcile_report.exit_code(report, check)
        return Reply(reconcile_report.as_dict(report), lines, notes, code)

    # A job is a session of its own: it must not change what the person here is at work on.
    worker = session or "job" if job else session
    return run_command("reconcile", as_json, action, session=worker, offline=offline)


def _refuse_contradictions(every: bool, spec_name: str | None, check: bool, dry_run: bool) -> None:
    if every and spec_name:
        raise UsageProblem(
            "`--all` means every spec and `--spec` one of them.", "leave one of the two out"
        )
    if check and dry_run:
        raise UsageProblem(
            "`--check` answers by its exit code and `--dry-run` shows what would be done.",
            "leave one of the two out: both change nothing",
        )


def _refuse_job_options(job: bool, narrowed: bool, commit: bool, push: bool) -> None:
    if job and narrowed:
        raise UsageProblem(
            "`--job` settles every spec, so it takes no --spec, --check or --dry-run.",
            "leave them out, or leave out `--job`",
        )
    if (commit and not job) or (push and not commit):
        raise UsageProblem(
            "`--commit` belongs to `--job`, and `--push` to `--commit`.",
            "`craftkit reconcile --job --commit --push`",
        )


def _run_job(context: Context, options: JobOptions, as_json: bool) -> Reply:
    from craftkit.automation import job

    data, code = job.run(context, options, (lambda line: None) if as_json else _print_at_once)
    # Without --json its log lines have told what failed.
    return Reply(data, exit_code=code, diagnostics=_failures(data) if as_json else [])


def _print_at_once(line: str) -> None:
    print_data(line)
    flush()


def _failures(data: dict[str, Any]) -> list[Diagnostic]:
    """What failed in a job, as diagnostics."""
    return [
        Diagnostic(
            "error",
            item["code"],
            f"{item['spec']}: {item['message']}" if item["spec"] else item["message"],
            item["hint"],
        )
        for item in data.get("failed", ())
    ]
