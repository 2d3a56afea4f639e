"""`doctor`: prove the installation, and with `--fix` put right what can be put right."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator

from craftkit.errors import CannotWrite, CraftkitError, DatabaseUnusable
from craftkit.model import Spec
from craftkit.redact import word
from craftkit.specs import files
from craftkit.store import db, outbox
from craftkit.words import count
from craftkit.workflow import catalog, editing, runner, sessions
from craftkit.workflow.context import DEFAULTS, Context, open_context

Check = dict[str, str]
SERVED_OTHERWISE = ("graphql", "sub_issues", "dependencies")  # what a server may lack
NO_TEXT = ("not_utf8", "nul_bytes")
SECONDS = 15.0  # that an examination waits for GitHub


def _check(name: str, status: str, message: str, hint: str = "") -> Check:
    return {"name": name, "status": status, "message": message, "hint": hint}


def examine(
    fix: bool,
    offline: bool = False,
    hooks: Callable[[Context], list[tuple[str, str, str]]] = lambda context: [],
) -> tuple[list[Check], dict[str, int]]:
    """Every check in order, and the figures by which specs and GitHub differ, where known.

    `hooks` looks whether agents' hooks run: status, message and hint of each of its findings.

    Raises NotSetUp or BadConfig where there is nothing to examine.
    """
    context = open_context()
    context.offline = offline
    found = [_check("set-up", "ok", f"root {context.repo.root}")]
    found.append(_configuration(context))
    found.append(_modes(context, fix))
    found.append(_database(context, fix))
    if found[-1]["status"] == "error":
        return found, {}
    found.append(_processes(context, fix))
    found.append(_specs(context, fix))
    found += [_check("hooks", *said) for said in hooks(context)]
    if not context.config["github.repo"]:
        words = "no repository is configured; nothing is sent"
        return [*found, _check("github", "ok", words)], {}
    found.append(_outbox(context))
    if offline:
        return found, {}
    checks, drift = _github(context)
    return found + checks, drift


def _modes(context: Context, fix: bool) -> Check:
    loose = []
    for name in ("", "craftkit.db", "craftkit.db-wal", "craftkit.db-shm"):
        path = os.path.join(context.state_dir, name).rstrip(os.sep)
        try:
            mode = stat.S_IMODE(os.lstat(path).st_mode)
        except OSError:
            continue
        if os.name == "posix" and mode & 0o077:
            loose.append(path)
            if fix:
                with _written(path):
                    os.chmod(path, 0o600 if name else 0o700)
    if not loose:
        return _check("modes", "ok", "state is readable by you alone")
    if fix:
        return _check("modes", "ok", f"{count(len(loose), 'mode')} tightened")
    return _check("modes", "warning", f"others can read {loose[0]}", "`craftkit doctor --fix`")


@contextlib.contextmanager
def _written(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be changed ({error.strerror}).", "check the permissions of .craftkit"
        ) from error


def _database(context: Context, fix: bool) -> Check:
    try:
        result = context.store.value("pragma integrity_check")
        orphans = len(context.store.rows("pragma foreign_key_check"))
        if result == "ok" and not orphans and context.store.durable:
            return _check(
                "database", "ok", f"schema {db.SCHEMA_VERSION}, sqlite {sqlite3.sqlite_version}"
            )
        if not context.store.durable:
            return _check("database", "error", "the database cannot be written", "check .craftkit")
        problem = str(result)
    except DatabaseUnusable as error:
        problem = error.message
    except CraftkitError as error:
        return _check("database", "error", error.message, error.hint)
    if not fix:
        return _check("database", "error", problem, "`craftkit doctor --fix` rebuilds it")
    path = os.path.join(context.state_dir, db.DATABASE)
    aside = f"{path}.damaged-{time.strftime('%Y%m%d%H%M%S')}"
    with _written(path):
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(path + suffix):
                os.replace(path + suffix, aside + suffix)
    context._store = None
    for spec in catalog.load_all(context):
        catalog.observe(context, spec)
    return _check("database", "ok", f"rebuilt from the spec files; the old one is {aside}")


def _processes(context: Context, fix: bool) -> Check:
    if fix:
        runner.recover(context)
    left = runner.unfinished(context)
    if not left:
        return _check("processes", "ok", "nothing is interrupted")
    return _check(
        "processes", "warning", f"{len(left)} interrupted", "`craftkit doctor --fix` resumes them"
    )


def _specs(context: Context, fix: bool) -> Check:
    specs = catalog.load_all(context)
    if fix:
        editing.tidy(context, specs)
    unreadable = _unreadable(context, specs)
    if unreadable:
        path, words, hint = unreadable[0]
        more = f" (and {len(unreadable) - 1} more)" if len(unreadable) > 1 else ""
        return _check("specs", "warning", f"{path} {words}{more}", hint)
    bad = [s.path for s in specs if any(d.severity == "error" for d in s.diagnostics)]
    if bad:
        return _check("specs", "warning", f"errors in {bad[0]}", f"`craftkit spec check {bad[0]}`")
    first: dict[str, str] = {}
    for spec in specs:
        if first.setdefault(spec.id, spec.path) != spec.path:
            words = f"{first[spec.id]} and {spec.path} have the same id"
            return _check("specs", "warning", words, "give one of them another `id`")
    doubtful = sum(row.reopened for s in specs for row in catalog.task_views(context, s))
    if doubtful:
        words = (
            "1 task was done, but its box is open here"
            if doubtful == 1
            else f"{doubtful} tasks were done, but their boxes are open here"
        )
        return _check("specs", "warning", words, "`craftkit status` shows how to settle them")
    return _check("specs", "ok", f"{len(specs)} read")


def _unreadable(context: Context, specs: list[Spec]) -> list[tuple[str, str, str]]:
    """Path, what is wrong and hint of whatever is named like a spec and cannot be read as one."""
    listed = set(files.discover(context.worktree)) - {spec.path for spec in specs}
    notes = {note.target: note.hint for note in context.diagnostics if note.severity == "warning"}
    found = [(path, "cannot be read", notes.get(path, "")) for path in listed]
    hint = "give it another name"
    found += [(path, "is not a regular file", hint) for path in files.misfits(context.worktree)]
    for spec in specs:
        if any(note.code in NO_TEXT for note in spec.diagnostics):
            hint = f"`craftkit spec check {word(spec.path)}`"
            found.append((spec.path, "is not plain UTF-8 text", hint))
    return sorted(found)


def _configuration(context: Context) -> Check:
    unknown = sorted(name for name in context.config if name not in DEFAULTS)
    if unknown:
        words = f"config.yaml sets {', '.join(unknown)}, which nothing reads"
        return _check("config", "warning", words, f"known: {', '.join(sorted(DEFAULTS))}")
    return _check("config", "ok", "every setting is known")


def _outbox(context: Context) -> Check:
    counts = outbox.counts(context.store)
    if counts["dead"]:
        words = f"{count(counts['dead'], 'GitHub write was', 'GitHub writes were')} given up"
        return _check("outbox", "error", words, "`craftkit outbox list` shows why")
    if counts["queued"]:
        words = count(counts["queued"], "GitHub write waits", "GitHub writes wait")
        return _check("outbox", "warning", words, "`craftkit outbox list`")
    return _check("outbox", "ok", "nothing waits for GitHub")


def _github(context: Context) -> tuple[list[Check], dict[str, int]]:
    """Token, permissions, what the server can do, and how far specs and GitHub differ."""
    from craftkit.github.diagnose import diagnose
    from craftkit.sync.planner import Policy
    from craftkit.workflow import findings, hub, reconcile

    linked = [s for s in catalog.load_all(context) if s.issue or any(t.issue for t in s.tasks)]
    told = diagnose(lambda: hub.connect(context, SECONDS))
    barred = [f for f in told if f.ok is False and f.code not in SERVED_OTHERWISE]
    found = []
    for finding in told:
        # Who has linked nothing needs no token.
        status = "ok" if finding.ok else "error" if finding in barred and linked else "warning"
        found.append(_check(finding.code, status, finding.sentence, finding.hint))
    if not linked or barred:
        return found, {}
    report = reconcile.run(context, linked, Policy(), change=False, seconds=SECONDS)
    if report.failed is not None:
        return [*found, _check("drift", "warning", report.failed.message, report.failed.hint)], {}
    drift = report.drift() | {"stale_claim": _stale_claims(context)}
    apart = {name: n for name, n in drift.items() if n and name not in findings.BENIGN}
    if not apart:
        words = f"{count(len(linked), 'spec')} in step with GitHub"
        return [*found, _check("drift", "ok", words)], drift
    words = ", ".join(f"{name.replace('_', '-')} {n}" for name, n in apart.items())
    hint = "`craftkit reconcile --all --dry-run` shows each"
    return [*found, _check("drift", "warning", words, hint)], drift


def _stale_claims(context: Context) -> int:
    """Tasks in progress whose session has not been seen for long."""
    rows = context.store.rows("select session, worktree from claims")
    return sum(not sessions.is_live(context, r["session"], r["worktree"]) for r in rows)
