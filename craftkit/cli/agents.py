"""`craftkit agents …`"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from craftkit.cli.options import AsJson
from craftkit.cli.output import Reply, print_note
from craftkit.cli.prompt import confirm, has_terminal
from craftkit.cli.run import run_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from craftkit.agents.detection import Detection, Scope
    from craftkit.agents.installer import InstallJob, InstallResult
    from craftkit.model import Diagnostic

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Give coding agents craftkit's skill, commands, hooks and MCP server.",
)


class ScopeName(StrEnum):
    project = "project"
    user = "user"


class Language(StrEnum):
    en = "en"
    ja = "ja"


NAMES = "claude, codex, copilot, cursor, gemini, opencode, or all"
Agents = Annotated[
    list[str] | None, typer.Option("--agent", metavar="NAME", help=f"{NAMES}; repeatable.")
]
OneScope = Annotated[
    ScopeName, typer.Option("--scope", help="This repository, or everything that you work on.")
]
LanguageOption = Annotated[
    Language | None, typer.Option("--language", help="Of the texts; by default as before, else en.")
]
Force = Annotated[bool, typer.Option("--force", help="Also what somebody changed.")]
FollowLinks = Annotated[
    bool, typer.Option("--follow-links", help="Write through symlinks of your own, in your home.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show it; write nothing.")]


@app.command(epilog="Example: craftkit agents install --agent claude")
def install(
    agent: Agents = None,
    scope: OneScope = ScopeName.project,
    language: LanguageOption = None,
    force: Force = False,
    follow_links: FollowLinks = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Write what the agents need; by default for those that are found."""

    def action() -> Reply:
        from craftkit.agents import detection, installer

        work = _work(scope, force, dry_run, language)
        clues = detection.chosen(agent, work.scope, work.env)
        names = [clue.agent for clue in clues]
        work = _follow(work, names, follow_links, as_json)
        done = installer.install_all(work, names)
        reply = _reply(work, done, clues)
        return reply._replace(diagnostics=[*reply.diagnostics, *_offer_codex(work, done, as_json)])

    return run_plain("agents install", as_json, action)


@app.command(epilog="Example: craftkit agents update")
def update(
    agent: Agents = None,
    scope: OneScope = ScopeName.project,
    language: LanguageOption = None,
    force: Force = False,
    follow_links: FollowLinks = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Rewrite what an older craftkit wrote; by default for all agents that have something."""

    def action() -> Reply:
        from craftkit.agents import installer

        work = _work(scope, force, dry_run, language)
        names = _installed(work, agent)
        work = _follow(work, names, follow_links, as_json)
        done = installer.install_all(work, names, restore=False)
        return _reply(work, done)

    return run_plain("agents update", as_json, action)


@app.command(epilog="Example: craftkit agents remove --agent codex")
def remove(
    agent: Agents = None,
    scope: OneScope = ScopeName.project,
    force: Force = False,
    follow_links: FollowLinks = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Take away what was written, and leave all else byte for byte as it is."""

    def action() -> Reply:
        from craftkit.agents import installer

        work = _work(scope, force, dry_run, None)
        names = _installed(work, agent)
        work = _follow(work, names, follow_links, as_json)
        return _reply(work, installer.remove_all(work, names))

    return run_plain("agents remove", as_json, action)


@app.command("list", epilog="Example: craftkit agents list --scope user")
def list_(
    agent: Agents = None,
    scope: Annotated[
        ScopeName | None, typer.Option("--scope", help="Only this one; by default both.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Tell for each agent what is installed, changed, outdated or missing."""

    def action() -> Reply:
        from craftkit.agents import detection
        from craftkit.errors import NotSetUp

        detection.check(agent)
        rows: list[dict[str, Any]] = []
        notes: list[Diagnostic] = []
        for name in [scope] if scope else list(ScopeName):
            try:
                work = _work(name, False, True, None)
            except NotSetUp:
                if scope:
                    raise
                continue
            rows += _rows(work, agent, notes)
        lines = [line for row in rows for line in _row_lines(row)]
        code = 1 if any(row["state"] == "unreadable" for row in rows) else 0
        return Reply({"agents": rows}, lines, exit_code=code, diagnostics=notes)

    return run_plain("agents list", as_json, action)


def _work(scope: ScopeName, force: bool, dry_run: bool, language: Language | None) -> InstallJob:
    from craftkit.agents.detection import scope as scope_of
    from craftkit.agents.installer import InstallJob
    from craftkit.runtime.context import here

    where = scope_of(scope.value, here(), os.environ)
    return InstallJob(where, os.environ, force, dry_run, language.value if language else "")


def _follow(work: InstallJob, agents: list[str], agreed: bool, as_json: bool) -> InstallJob:
    """Follow the symlinks of the person's own that they say yes to."""
    from craftkit.agents import installer

    ask = has_terminal() and not (as_json or work.dry_run)
    links = installer.links_of(work, agents) if agreed or ask else []
    if not agreed:
        question = "{} is a symlink to {}. Write through it?"
        links = [at for at in links if confirm(question.format(at, os.path.realpath(at)))]
    return work._replace(scope=work.scope._replace(follow=frozenset(links)))


def _installed(work: InstallJob, names: list[str] | None) -> list[str]:
    """The agents that are named, else those that the manifest names, else those that have all."""
    from craftkit.agents import detection, installer, targets

    detection.check(names)
    if names and "all" not in names:
        return list(dict.fromkeys(names))
    known = installer.load(work.scope).agents
    if known and not names:
        return [name for name in known if name in targets.TARGETS]
    return [name for name in targets.TARGETS if name in known or _state(work, name) != "absent"]


def _state(work: InstallJob, agent: str) -> str:
    from craftkit.agents import installer

    return installer.summary(work, installer.states(work, agent))


# What is said


def _reply(
    work: InstallJob, done: Sequence[InstallResult], clues: Sequence[Detection] = ()
) -> Reply:
    from craftkit.agents import install_report

    notes = install_report.remarks(work, done)
    lines = install_report.lines(work, done, {clue.agent: clue.why for clue in clues})
    data = {
        "scope": work.scope.name,
        "dry_run": work.dry_run,
        "agents": [install_report.as_dict(one, clues) for one in done],
    }
    words = install_report.next_steps(done) if clues and not work.dry_run else []
    failed = next((one.error.exit_code for one in done if one.error is not None), 0)
    return Reply(data, lines, words, failed, notes)


def _rows(
    work: InstallJob, names: list[str] | None, notes: list[Diagnostic]
) -> list[dict[str, Any]]:
    from craftkit.agents import detection, install_report, installer, targets

    rows = []
    for clue in detection.detections(work.scope, work.env):
        if names and clue.agent not in names and "all" not in names:
            continue
        done = installer.states(work, clue.agent)
        notes += install_report.failures([done])
        rows.append(
            {
                "agent": clue.agent,
                "title": targets.TARGETS[clue.agent].title,
                "scope": work.scope.name,
                "state": installer.summary(work, done),
                "found": clue.why or None,
                "plugin": done.plugin,
                "pieces": [install_report.piece(outcome) for outcome in done.outcomes],
            }
        )
    return rows


def _row_lines(row: dict[str, Any]) -> list[str]:
    why = row["found"] or "not found"
    lines = [f"{row['agent']:<9} {row['scope']:<8} {row['state']:<11} {why}"]
    if row["state"] not in ("absent", "installed", "unreadable"):
        odd = [p for p in row["pieces"] if p["state"] != "installed"]
        names = [f"  {p['state']:<10} {p['path']} ({p['what']})" for p in odd]
        lines += list(dict.fromkeys(names))
    return lines


def _offer_codex(
    work: InstallJob, done: Sequence[InstallResult], as_json: bool
) -> list[Diagnostic]:
    """Offer the line with which Codex's sandbox may write the state: asked, or only said."""
    from craftkit.agents import codex_sandbox
    from craftkit.errors import CraftkitError
    from craftkit.model import Diagnostic

    repo = work.scope.repo
    if repo is None or all(one.agent != "codex" or one.error for one in done):
        return []
    if not codex_sandbox.lacks_permission(repo, work.env):
        return []
    path, line = codex_sandbox.config_file(work.env), codex_sandbox.line(repo.state_dir)
    if has_terminal() and not (as_json or work.dry_run):
        print_note(f"Codex's sandbox cannot write {repo.state_dir}: decisions go to the spool.")
        if confirm(f"Add `{line}` to {path}?"):
            try:
                codex_sandbox.permit(repo, work.env)
            except CraftkitError as error:
                return [Diagnostic("warning", error.code, error.message, error.hint)]
            return []
    words = f"Codex's sandbox cannot write {repo.state_dir}, so that decisions go to the spool."
    hint = f"to permit it, put into {path}, below [{codex_sandbox.TABLE}]: {line}"
    return [Diagnostic("info", "codex_sandbox", words, hint)]


# For `craftkit init`


def at_init(wanted: bool | None, as_json: bool) -> tuple[dict[str, Any] | None, list[str], Reply]:
    """Install for the agents that are found, if that is wanted; data, lines and the rest."""
    from craftkit.agents import detection, installer

    work = _work(ScopeName.project, False, False, None)
    advice = "for your coding agent: craftkit agents install"
    if wanted is None and (as_json or not has_terminal()):
        return None, [] if _is_known(work.scope) else [advice], Reply({})
    clues = [] if wanted is False else detection.detections(work.scope, work.env)
    clues = [clue for clue in clues if clue.why]
    if wanted is None and clues:
        for clue in clues:
            print_note(f"found {clue.agent}: {clue.why}")
        if not confirm("Write craftkit's skill, commands, hooks and MCP server?"):
            clues = []
    if not clues:
        return None, [] if wanted is False else [advice], Reply({})
    done = installer.install_all(work, [c.agent for c in clues])
    reply = _reply(work, done, clues)
    notes = [*reply.diagnostics, *_offer_codex(work, done, as_json)]
    return reply.data, list(reply.lines), reply._replace(diagnostics=notes)


def _is_known(scope: Scope) -> bool:
    return os.path.exists(scope.manifest)
