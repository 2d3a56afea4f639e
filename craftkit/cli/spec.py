"""`craftkit spec …`"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from craftkit.cli.options import (
    AsJson,
    Offline,
    PublishSecrets,
    SpecArgument,
    SpecName,
    Yes,
    complete_spec,
)
from craftkit.cli.output import Reply, progress_bar
from craftkit.cli.prompt import agree, confirm, has_terminal
from craftkit.cli.run import run_command, run_plain
from craftkit.errors import UsageProblem
from craftkit.model import PHASES
from craftkit.text import typed

if TYPE_CHECKING:
    from craftkit.model import Spec
    from craftkit.runtime.context import Context
    from craftkit.sync.linking import LinkProposal

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make and inspect specs.")


@app.command(epilog="Example: craftkit spec new 'Log in with a passkey' --task 'Design the API'")
def new(
    name: Annotated[str, typer.Argument(help="What the spec is about.")],
    slug: Annotated[str | None, typer.Option(help="File name without .md.")] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="A first task; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Write a new spec file and make it the active one."""

    def action(context: Context) -> Reply:
        from craftkit.commands import spec as commands_spec

        spec = commands_spec.new(context, name, slug, task or [])
        first = spec.tasks[0].ref if spec.tasks else ""
        following = f"craftkit task start {typed(first)}" if first else "craftkit task add …"
        lines = [f"{commands_spec.shown_path(context, spec)} written", f"next: {following}"]
        return Reply({"spec": commands_spec.summary(context, spec)}, lines)

    return run_command("spec new", as_json, action)


class Trusted(StrEnum):
    numbers = "numbers"
    titles = "titles"
    keys = "keys"


@app.command("list", epilog="Example: craftkit spec list --json")
def list_(as_json: AsJson = False) -> int:
    """List the specs of this worktree."""

    def action(context: Context) -> Reply:
        from craftkit.commands import spec as commands_spec
        from craftkit.loop import archived, spec_index
        from craftkit.specs import discovery
        from craftkit.text import count

        found = [commands_spec.summary(context, s) for s in spec_index.load_all(context)]
        for path, why in discovery.misfits(context.worktree):
            words = f"{path} {why}, so it is not read."
            context.note("warning", "not_a_spec", words, "give it another name", path)
        finished = archived.changes(context) if archived.any_here(context) else {}
        lines = [_row(item) for item in found]
        if finished:
            lines.append(f"{count(len(finished), 'archived change')}, finished")
        notes = [] if found or finished else ['no spec yet: craftkit spec new "What to build"']
        data = {"specs": found, "archived": sorted(finished.values())}
        return Reply(data, lines, notes)

    return run_command("spec list", as_json, action, repair=True, only_reads=True)


def _row(item: dict[str, Any]) -> str:
    done = f"{item['progress']['done']}/{item['progress']['total']}"
    return f"{item['id']:<28} {item['phase']:<15} {done:>7}  {item['path']}"


def _named(argument: str | None, option: str | None) -> str | None:
    """The spec that the command line names.  Raises UsageProblem if it names two."""
    if argument and option and argument != option:
        raise UsageProblem(
            f"The argument names the spec {argument}, and `--spec` names {option}.",
            "leave one of the two out",
        )
    return argument or option


@app.command(epilog="Example: craftkit spec show login")
def show(spec: SpecArgument = None, spec_name: SpecName = None, as_json: AsJson = False) -> int:
    """Show one spec: phase, progress, acceptance criteria, remarks."""

    def action(context: Context) -> Reply:
        from craftkit.commands import spec as commands_spec
        from craftkit.loop import spec_index

        chosen = spec_index.choose_spec(context, _named(spec, spec_name))
        spec_index.record_snapshot(context, chosen.spec)
        data = commands_spec.summary(context, chosen.spec)
        lines = [
            f"{data['name']}",
            _row(data),
            f"criteria {data['criteria']['done']}/{data['criteria']['total']}; {chosen.why}",
        ]
        return Reply({"spec": data}, lines, diagnostics=chosen.spec.diagnostics)

    return run_command("spec show", as_json, action, repair=True, only_reads=True)


@app.command(epilog="Example: craftkit spec use login")
def use(
    spec: Annotated[
        str,
        typer.Argument(metavar="SPEC", help="ID, path or #N.", autocompletion=complete_spec),
    ],
    as_json: AsJson = False,
) -> int:
    """Choose the spec that commands in this worktree mean, if several are open."""

    def action(context: Context) -> Reply:
        from craftkit.commands import spec as commands_spec

        chosen, following = commands_spec.use(context, spec)
        data = {"spec": commands_spec.summary(context, chosen), "next_command": following}
        return Reply(
            data, [f"{chosen.id} is the active spec ({chosen.path})", f"next: {following}"]
        )

    return run_command("spec use", as_json, action, repair=True)


@app.command(epilog="Example: craftkit spec check specs/*.md")
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files to read.")],
    as_json: AsJson = False,
) -> int:
    """Print what craftkit understands of a file and what looks wrong; needs no set-up."""

    def action() -> Reply:
        from craftkit import repo
        from craftkit.commands import spec as commands_spec
        from craftkit.runtime.context import here
        from craftkit.text import count

        found = repo.find(here())
        read = commands_spec.check(files, found.worktree if found else None, [])
        data = [
            {
                "path": s.path,
                "dialect": s.dialect,
                "tasks": len(s.tasks),
                "done": s.done,
                "linked": sum(1 for t in s.tasks if t.issue),
                "checklist": s.criteria_total,
                "unread": len(s.unread),
                "diagnostics": [d.as_dict() for d in s.diagnostics],
            }
            for s in read
        ]
        lines = []
        for spec, item in zip(read, data, strict=True):
            lines.append(
                f"{spec.path}: {spec.dialect}, {count(len(spec.tasks), 'task')},"
                f" {item['done']} done, {item['linked']} linked"
                + (f", {count(len(spec.unread), 'box', 'boxes')} not read" if spec.unread else "")
            )
            for d in spec.diagnostics:
                lines.append(f"  {d.target or spec.path}: {d.severity} {d.code}: {d.message}")
        bad = any(d.severity == "error" for s in read for d in s.diagnostics)
        return Reply({"files": data}, lines, exit_code=1 if bad else 0)

    return run_plain("spec check", as_json, action)


@app.command(epilog="Example: craftkit spec phase implementation login")
def phase(
    target: Annotated[
        str, typer.Argument(metavar="PHASE", help=", ".join(PHASES), autocompletion=lambda: PHASES)
    ],
    spec: SpecArgument = None,
    spec_name: SpecName = None,
    force: Annotated[bool, typer.Option("--force", help="Pass the gate; needs --reason.")] = False,
    reason: Annotated[str, typer.Option(help="Why the gate is passed.")] = "",
    offline: Offline = False,
    as_json: AsJson = False,
) -> int:
    """Move a spec to its next phase; `review` tells what its pull request should say.

    `completed` wants every task done.
    """

    def action(context: Context) -> Reply:
        from craftkit.commands import spec as commands_spec

        wanted = _named(spec, spec_name)
        moved, old, new = commands_spec.phase(context, wanted, target, force=force, reason=reason)
        data = {"spec": commands_spec.summary(context, moved), "from": old, "to": new}
        words = f"{moved.id}: {old} → {new}" if old != new else f"{moved.id} is in {new} already"
        lines = [words]
        if new == "review":
            from craftkit.commands import github_texts

            advice = github_texts.pull_request(context, moved)
            data["pull_request"] = advice
            lines += github_texts.pull_request_lines(advice)
        return Reply(data, lines)

    return run_command("spec phase", as_json, action, offline=offline, repair=True)


@app.command(epilog="Example: craftkit spec link login --dry-run")
def link(
    spec: SpecArgument = None,
    spec_name: SpecName = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; ask and send nothing.")
    ] = False,
    take: Annotated[
        list[int] | None,
        typer.Option(
            "--take", metavar="N", min=1, help="#N in a line is the task's issue; repeatable."
        ),
    ] = None,
    yes: Yes = False,
    publish_secrets: PublishSecrets = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="With --dry-run: do not ask what is there already.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make a parent issue for a spec and a Sub Issue for each task that has none."""

    def action(context: Context) -> Reply:
        from craftkit.commands import recovery
        from craftkit.loop import spec_index
        from craftkit.sync import linking
        from craftkit.text import count

        recovery.repair(context, online=not dry_run)
        wanted = _named(spec, spec_name)
        found = linking.propose(context, wanted, dry=dry_run, take=take or ())
        if found.mentions and not dry_run:
            found = _ask_whose(context, wanted, found)
        data = linking.as_dict(found)
        _mention_cycles(context, found.spec)
        spec_index.note_unread(context, found.spec)
        if dry_run:
            return Reply(data, linking.preview(found))
        if found.is_empty():
            done = linking.link(context, found)
            waits = linking.waiting_creations(context, found.spec)
            _mention_gone(context, linking.linked(context, found.spec))
            words = f"{found.spec.id} is linked already; nothing to make"
            if waits:
                words = f"{found.spec.id}: {count(waits, 'issue')} still to be made"
            failed = linking.could_not_create(context, found.spec, done)
            return Reply(data, [words], exit_code=int(failed))
        agree(linking.question(context, found), yes, "Nothing was sent.")
        context.publish_secrets = publish_secrets or _may_publish(linking.secret_titles(found))
        with progress_bar("issues", as_json) as progress:
            done = linking.link(context, found, progress)
        data = linking.linked(context, found.spec)
        gone = _mention_gone(context, data)
        lines = [_linked(t) for t in data["tasks"] if t["issue"] and t["key"] not in gone]
        numbers = zip(data["parents"], data["urls"], strict=True)
        lines += [f"parent: #{number} {url}" for number, url in numbers]
        if data["parents"]:
            lines.append(f"next: craftkit task next{context.flag}")
        failed = linking.could_not_create(context, found.spec, done)
        return Reply(data, lines, exit_code=int(failed))

    return run_command("spec link", as_json, action, offline=offline)


def _ask_whose(context: Context, wanted: str | None, found: LinkProposal) -> LinkProposal:
    """Ask of each number in a line without an issue whether it is the task's; `--yes` is not
    an answer to that."""
    from craftkit.sync import linking

    taken = list(found.taken)
    for one in found.mentions:
        if one.spec:
            words = f"{one.task.ref} mentions #{one.number}, an issue of the spec {one.spec}."
            context.note("info", "mentioned", words, "nothing is to be done", found.spec.path)
            continue
        author = f" by {one.author}" if one.author else ""
        what = f"{one.task.ref} carries #{one.number}, “{one.title}”{author}."
        if has_terminal() and confirm(f"{what} Is that the issue of this task?"):
            taken.append(one.number)
            continue
        words = f"#{one.number} is not the issue of {one.task.ref}: it stays a mention."
        hint = f"if it is, `craftkit spec link{context.flag} --take {one.number}`"
        context.note("info", "mentioned", words, hint, found.spec.path)
    if len(taken) == len(found.taken):
        return found
    return linking.propose(context, wanted, take=taken)


def _may_publish(titles: list[str]) -> bool:
    """Ask about titles that look like secrets; `--yes` is not an answer to that.

    Raises UsageProblem without a terminal or an agreement.
    """
    if not titles:
        return False
    from craftkit.errors import UsageProblem

    what = f"{', '.join(titles)} would publish what looks like a secret."
    if has_terminal() and confirm(f"{what} Publish it all the same?"):
        return True
    hint = "take it out of the title, or add `--publish-secrets`"
    raise UsageProblem(f"{what} Nothing was sent.", hint)


def _linked(task: dict[str, Any]) -> str:
    number = f"#{task['issue']}"
    key = "" if task["key"] == f"gh{task['issue']}" else f"{task['key']} "
    return f"{number:<7} {key}{task['title']}"


def _mention_gone(context: Context, data: dict[str, Any]) -> set[str]:
    """Say which lines name an issue that is not there; their keys."""
    gone = [note for note in data["attention"] if note["code"] == "issue_gone"]
    for note in gone:
        context.note("warning", note["code"], note["message"], note["hint"])
    return {note["task"] for note in gone}


def _mention_cycles(context: Context, spec: Spec) -> None:
    for note in spec.diagnostics:
        if note.code == "dependency_cycle":
            words = f"{note.message} wait for each other, so GitHub does not get these dependencies"
            context.note("warning", note.code, words, note.hint, note.target)


@app.command(epilog="Example: craftkit spec unlink password-reset")
def unlink(
    spec: SpecArgument = None,
    spec_name: SpecName = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="KEY", help="Only the issue of this task.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Forget the issues of a spec, here and in its file; GitHub is not touched."""

    def action(context: Context) -> Reply:
        from craftkit.sync import unlinking

        data = unlinking.unlink(context, _named(spec, spec_name), task)
        links = "link" if data["forgotten"] == 1 else "links"
        words = f"{data['path']}: {data['forgotten']} {links} forgotten; GitHub is as it was"
        return Reply(data, [words])

    return run_command("spec unlink", as_json, action, repair=True)


@app.command(epilog="Example: craftkit spec update password-reset")
def update(
    spec: SpecArgument = None,
    spec_name: SpecName = None,
    trust: Annotated[
        Trusted | None,
        typer.Option("--trust", help="What counts in lines that contradict themselves."),
    ] = None,
    new_id: Annotated[
        bool, typer.Option("--new-id", help="Make the copy of another spec a spec of its own.")
    ] = False,
    offline: Offline = False,
    as_json: AsJson = False,
) -> int:
    """Take in a spec file that was edited: check it, settle its boxes, tell what changed."""

    def action(context: Context) -> Reply:
        from craftkit.commands import spec_update

        data, lines, notes = spec_update.update(
            context, _named(spec, spec_name), trust.value if trust else None, new_id=new_id
        )
        bad = any(d["severity"] == "error" for d in data["diagnostics"])
        return Reply(data, lines, notes, int(bad))

    return run_command("spec update", as_json, action, offline=offline, repair=True)


@app.command(epilog="Example: craftkit spec delete password-reset --yes")
def delete(
    spec: SpecArgument = None,
    spec_name: SpecName = None,
    yes: Yes = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Though somebody is at work on it, or writes are unsent."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Delete a spec file that git can bring back; GitHub is not touched."""

    def action(context: Context) -> Reply:
        from craftkit.commands import spec_delete

        found = spec_delete.propose(context, _named(spec, spec_name), force)
        agree(spec_delete.question(found), yes, "Nothing was deleted.")
        data = spec_delete.delete(context, found)
        lines = [f"{data['path']} deleted; git has it: {data['restore']}"]
        return Reply(data, lines, spec_delete.remarks(data))

    return run_command("spec delete", as_json, action, repair=True)
