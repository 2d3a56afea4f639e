"""`craftkit schedule …`"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from craftkit.cli.options import AsJson
from craftkit.cli.output import Reply
from craftkit.cli.run import run_command

if TYPE_CHECKING:
    from craftkit.automation.schedule import ScheduleResult
    from craftkit.runtime.context import Context

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Have `reconcile --job` run by cron, a systemd timer or GitHub Actions, and what a commit"
    " should do by the hooks of git.",
)


class ScheduleTarget(StrEnum):
    cron = "cron"
    systemd = "systemd"
    github_actions = "github-actions"
    git_hooks = "git-hooks"


TargetOption = Annotated[ScheduleTarget, typer.Option("--target", help="What runs the job.")]
Every = Annotated[
    int, typer.Option("--every", metavar="MINUTES", min=1, max=1440, help="How often.")
]
Commit = Annotated[bool, typer.Option("--commit", help="The job commits ticked boxes.")]
Push = Annotated[
    bool,
    typer.Option("--push", help="The job pushes what it committed; always with GitHub Actions."),
]
Install = Annotated[
    str | None,
    typer.Option(
        "--install",
        metavar="REQUIREMENT",
        help="What `pip install` gets in GitHub Actions, e.g."
        " git+https://github.com/OWNER/craftkit@TAG; by default what it has there, else what this"
        " craftkit was installed from.",
        show_default=False,
    ),
]


@app.command("print", epilog="Example: craftkit schedule print --target cron")
def print_(
    target: TargetOption,
    every: Every = 30,
    commit: Commit = False,
    push: Push = False,
    requirement: Install = None,
    as_json: AsJson = False,
) -> int:
    """Print what `schedule install` would write."""

    def action(context: Context) -> Reply:
        from craftkit.automation import git_hook_files, schedule

        if target is ScheduleTarget.git_hooks:
            _refuse_job_options(every, commit, push, requirement)
            files = git_hook_files.preview(context)
        else:
            files = schedule.preview(context, target.value, every, commit, push, requirement)
        lines: list[str] = []
        for number, file in enumerate(files):
            if len(files) > 1:
                lines += [""] * bool(number) + [f"# {file.path}"]
            lines += file.text.splitlines()
        data = {"target": target.value, "files": [file._asdict() for file in files]}
        return Reply(data, lines)

    return run_command("schedule print", as_json, action)


@app.command(epilog="Example: craftkit schedule install --target systemd --every 15")
def install(
    target: TargetOption,
    every: Every = 30,
    commit: Commit = False,
    push: Push = False,
    requirement: Install = None,
    as_json: AsJson = False,
) -> int:
    """Write the schedule; a second time changes nothing."""

    def action(context: Context) -> Reply:
        from craftkit.automation import git_hook_files, schedule

        if target is ScheduleTarget.git_hooks:
            _refuse_job_options(every, commit, push, requirement)
            done = git_hook_files.install(context)
        else:
            done = schedule.install(context, target.value, every, commit, push, requirement)
        return _reply(done, "installed" if done.changed else "installed already")

    return run_command("schedule install", as_json, action)


@app.command(epilog="Example: craftkit schedule remove --target cron")
def remove(target: TargetOption, as_json: AsJson = False) -> int:
    """Take the schedule away again, with nothing left of it."""

    def action(context: Context) -> Reply:
        from craftkit.automation import git_hook_files, schedule

        hooks = target is ScheduleTarget.git_hooks
        done = git_hook_files.remove(context) if hooks else schedule.remove(context, target.value)
        return _reply(done, "removed" if done.changed else "not installed")

    return run_command("schedule remove", as_json, action)


@app.command(epilog="Example: craftkit schedule status")
def status(
    target: Annotated[
        ScheduleTarget | None, typer.Option("--target", help="Only this one; by default all.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Tell for each target whether the schedule is installed, was changed, or is absent."""

    def action(context: Context) -> Reply:
        from craftkit.automation import git_hook_files, schedule

        names = [target.value] if target is not None else [t.value for t in ScheduleTarget]
        found = [
            git_hook_files.status(context)
            if name == ScheduleTarget.git_hooks.value
            else schedule.status(context, name)
            for name in names
        ]
        lines = [f"{d.target:<15} {d.state:<10} {', '.join(d.places)}".rstrip() for d in found]
        data = {"schedules": [_as_dict(done) for done in found]}
        notes = [note for done in found for note in done.notes]
        return Reply(data, lines, notes)

    return run_command("schedule status", as_json, action)


def _refuse_job_options(every: int, commit: bool, push: bool, requirement: str | None) -> None:
    from craftkit.automation.schedule import EVERY
    from craftkit.errors import UsageProblem

    if every != EVERY or commit or push or requirement is not None:
        raise UsageProblem(
            "git runs its hooks itself, so they take no --every, --commit, --push or --install.",
            "leave them out, or take another target",
        )


def _reply(done: ScheduleResult, word: str) -> Reply:
    lines = [f"{done.target}: {word}: {', '.join(done.places)}"]
    data = _as_dict(done) | {"changed": done.changed, "notes": list(done.notes)}
    return Reply(data, lines, done.notes, int(done.failed))


def _as_dict(done: ScheduleResult) -> dict[str, object]:
    return {"target": done.target, "state": done.state, "places": list(done.places)}
