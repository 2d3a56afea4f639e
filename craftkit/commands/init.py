"""`init`: switch craftkit on in a clone, without breaking what is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from craftkit import disk
from craftkit import repo as git
from craftkit.commands import agreement, move_state, remotes
from craftkit.commands.agreement import NO_WORD, Word
from craftkit.errors import CannotWrite, NotSetUp, OldState, UsageProblem
from craftkit.loop import spec_index
from craftkit.model import Diagnostic
from craftkit.runtime import clone, trust
from craftkit.runtime.config import FILE, config_file
from craftkit.runtime.context import (
    Context,
    build_context,
    here,
    identify,
    unreachable_state,
)
from craftkit.store import claims, db, history, outbox, private, sessions, worktrees
from craftkit.text import count

CONFIG = """\
# craftkit's configuration; every value can be overridden by CRAFTKIT_<SECTION>_<KEY>.
github:
  repo: {repo}
session:
  live_minutes: 60
"""

# Tracked by git, a decision would be refused when it is read in.
IGNORED = "/.craftkit/spool/"


def init(
    cwd: str | None = None, word: Word = NO_WORD
) -> tuple[dict[str, Any], list[str], list[Diagnostic]]:
    """Switch craftkit on around `cwd`, else in the directory itself; data, words and remarks.

    Raises CannotWrite, ForeignState, GitDirectoryMissing, or UsageProblem in a bare repository and
    beside an agent that was not permitted to.
    """
    where = os.path.realpath(cwd or here())
    found = git.find(where)
    if (found is None and git.is_git_directory(where)) or (found and git.is_bare(found)):
        raise UsageProblem(
            f"{where} is a bare git repository, which has no files to work on.",
            "run `craftkit init` in a worktree or a clone of it",
        )
    found = found or git.Repo(where, where, None, None)
    standing, recorded = clone.standing(found)
    if standing in (clone.MISSING, clone.FOREIGN):
        raise unreachable_state(found, standing)
    _refuse_agent(found, standing, word)
    if clone.switch_on_again(found.state_dir):
        standing, recorded = clone.standing(found)
    named = remotes.find(found, word)
    repo = named.chosen
    databases = [os.path.join(found.state_dir, name) for name in (db.DATABASE, db.SANDBOX)]
    fresh = recorded is None and not any(map(os.path.exists, databases))
    _write_files(found, fresh, repo)
    if standing in (clone.COPY, clone.OFF):  # whatever lies there was not agreed to here
        trust.forget_all(found.state_dir)
    context = build_context(found, os.environ)
    context.clone = recorded
    lines = _take_over(context, standing)
    agreed = agreement.at_init(context, named.repos, word)
    if agreed:
        context.close()
        context = _with_agreement(found, context)
    lines += [f"agreed: {one.name} {one.value} ({one.source})" for one in agreed]
    repo = _say_which_repository(context, repo, named.remark)
    specs = spec_index.load_all(context)
    for spec in specs:
        spec_index.record_snapshot(context, spec)
    data = {
        "root": found.root,
        "state": found.state_dir,
        "config": config_file(found),
        "created": fresh,
        "repo": repo or None,
        "agreed": [one._asdict() for one in agreed],
        "waiting": [one._asdict() for one in context.waiting],
        "git": found.git_dir is not None,
        "specs": len(specs),
    }
    lines.insert(0, "craftkit is set up already")
    if fresh:
        lines[0] = f"craftkit is set up in {found.worktree}"
    if repo:
        lines.append(f"GitHub repository: {repo}")
    if found.git_dir is None:
        lines.append("This is not a git repository; craftkit works here all the same.")
    lines.append(
        f"{count(len(specs), 'spec')} found: craftkit status"
        if specs
        else 'next: craftkit spec new "What to build"'
    )
    return data, lines, context.diagnostics


def _say_which_repository(context: Context, named: str, passed_over: Diagnostic | None) -> str:
    """The repository that counts; says what waits for an agreement, and what was passed over."""
    repo = str(context.config["github.repo"])
    if passed_over is not None and (not repo or passed_over.code == "other_remotes"):
        context.diagnostics.append(passed_over)
    if named and not repo:
        context.note(
            "info",
            "no_repository",
            f"The git remote names {named}, but no repository is configured: nothing is sent.",
            f"set `github.repo: {named}` in .craftkit/config.yaml, then `craftkit trust`",
        )
    for one in context.waiting:
        context.note(*agreement.waits(one))
    return repo


def switch_off(cwd: str | None = None) -> str:
    """Take back `init`: the state stays, and nothing is done with it; where.  Raises NotSetUp."""
    found = git.find(cwd or here())
    if found is None or not clone.switch_off(found.state_dir):
        raise NotSetUp("craftkit is off here already.", "`craftkit init` switches it on")
    return found.worktree


def _refuse_agent(found: git.Repo, standing: str, word: Word) -> None:
    """Switching on is a person's word; beside an agent it has to be said."""
    agent = identify(found, os.environ).agent
    if agent != "person" and standing != clone.ON and not word.yes:
        raise UsageProblem(
            f"{agent} is at work here, and switching craftkit on is a person's word.",
            "run `craftkit init` yourself, or permit the agent `craftkit init --yes`",
        )


def _with_agreement(found: git.Repo, before: Context) -> Context:
    context = build_context(found, os.environ)
    context.clone = before.clone
    context.diagnostics = before.diagnostics
    return context


def _write_files(found: git.Repo, fresh: bool, repo: str) -> None:
    """Write git's ignore line, and the configuration if there is none on any branch."""
    state = found.state_dir
    config = config_file(found)
    try:
        db.prepare_state_dir(state)
        _ignore_spool(found)
        # On another branch the configuration is not missing: it is on the branch that has it.
        if not os.path.exists(config) and (fresh or not git.branch_with(found, FILE)):
            text = CONFIG.format(repo=repo or '""')
            top = config.removesuffix(os.sep + FILE)
            private.write_below(top, FILE.split(os.sep), text.encode(), 0o644)
    except OSError as error:
        raise CannotWrite(
            f"{error.filename or state} cannot be written ({error.strerror}).",
            "check the permissions of the folder",
        ) from error


def _ignore_spool(found: git.Repo) -> None:
    """Let git ignore the spool, which lies in the worktree.  Raises OSError."""
    if found.common_dir is None:
        return
    path = os.path.join(found.common_dir, "info", "exclude")
    try:
        text = disk.read_regular(path, 1 << 20).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        text = ""
    if IGNORED in text.splitlines():
        return
    private.make_folder(os.path.dirname(path), 0o755)
    line = f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{IGNORED}\n"
    private.write_whole(path, line.encode("utf-8", "surrogateescape"), 0o644)


def _take_over(context: Context, standing: str) -> list[str]:
    """Make the state this clone's own: moved in, begun anew after a copy, or as it is."""
    lines: list[str] = []
    if standing == clone.OLD:
        try:
            moved = move_state.move(context)
        except OldState as error:
            context.note_error(error)
            _record(context)
        else:
            lines.append(f"The state moved from {moved.folder} to {context.state_dir}.")
            if moved.held:
                lines.append(
                    f"{count(moved.held, 'GitHub write')} came along and will not be sent before"
                    " you say so: `craftkit outbox send --yes`"
                )
    if standing in (clone.ON, clone.OFF):
        held = _hold(context) if standing == clone.OFF else 0
        _record(context)
        if held:
            lines.append(
                f"{count(held, 'GitHub write')} lay in the database already and will not be sent"
                " before you say so: `craftkit outbox send --yes`"
            )
    if standing == clone.COPY:
        _begin_anew(context)
        lines.append("This copy of a clone has a state of its own now; nobody holds a task here.")
    return lines


def _databases(context: Context) -> Iterator[db.Store]:
    """The databases that are here: of what is real, and of what was tried on a sandbox."""
    for name in (db.DATABASE, db.SANDBOX):
        if os.path.lexists(os.path.join(context.state_dir, name)):
            store = db.open_store(context.state_dir, name)
            try:
                yield store
            finally:
                store.connection.close()


def _hold(context: Context) -> int:
    """Hold what is queued in a database of which nobody knows who wrote it; how much that is."""
    held = 0
    for store in _databases(context):
        with store.write() as tx:
            held += outbox.hold(tx, context.now())
    return held


def _record(context: Context) -> None:
    """Write down which clone this is.  Raises CannotWrite."""
    known = context.clone
    try:
        if known is None or known != clone.observe(context.repo, known.id):
            context.clone = clone.record(context.repo, known.id if known else context.ids())
    except OSError as error:
        raise CannotWrite(
            f"{error.filename or context.state_dir} cannot be written ({error.strerror}).",
            "check the permissions of the folder",
        ) from error


def _begin_anew(context: Context) -> None:
    """Another clone has the same history: nothing that it may do is done here as well."""
    clone.make_key(context.state_dir, anew=True)
    context.clone = clone.record(context.repo, context.ids())
    for store in _databases(context):
        with store.write() as tx:
            now = context.now()
            claims.release_all(tx)
            worktrees.forget_all(tx)
            sessions.forget_all(tx)
            outbox.doubt_creations(tx, now)
            history.record(tx, now, "clone.copied", context.session)
