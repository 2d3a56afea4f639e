"""`doctor`: prove the installation, and with `--fix` put right what can be put right."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from craftkit import repo as git
from craftkit.commands import interrupted, place
from craftkit.errors import (
    EXIT_AUTH,
    EXIT_FAILED,
    EXIT_OK,
    CannotWrite,
    CraftkitError,
    DatabaseUnusable,
    NotSetUp,
)
from craftkit.github.gateway import NoToken
from craftkit.loop import process_runner, sessions, spec_identity, spec_index, spec_writer
from craftkit.model import Spec
from craftkit.runtime import clone
from craftkit.runtime.config import DEFAULTS
from craftkit.runtime.context import Context, here, open_context, unreachable_state
from craftkit.specs import discovery
from craftkit.store import claims, db, outbox, private, spool_folder, version
from craftkit.text import count, one_line, shell_word

if TYPE_CHECKING:
    from craftkit.github.diagnose import Finding

Check = dict[str, str]
ACCESS = ("token", "access", "sso", "scopes", "permission", "project")
SERVED_OTHERWISE = ("graphql", "sub_issues", "dependencies")  # what a server may lack
PERMIT = (
    "give the token *Issues: read and write*, or ask the owner for the role *Triage*; then "
    "`craftkit reconcile`"
)
NO_TEXT = ("not_utf8", "nul_bytes")
STALE = 3600.0  # seconds after which nobody writes a file any more
DATABASES = tuple(n + s for n in (db.DATABASE, db.SANDBOX) for s in ("", "-journal"))
SECONDS = 15.0  # that an examination waits for GitHub


def _check(name: str, status: str, message: str, hint: str = "") -> Check:
    return {"name": name, "status": status, "message": message, "hint": hint}


def exit_code(found: Sequence[Check]) -> int:
    """0 where no check failed; EXIT_AUTH where all that failed is about token and permission."""
    failed = {check["name"] for check in found if check["status"] == "error"}
    if not failed:
        return EXIT_OK
    return EXIT_AUTH if failed <= set(ACCESS) else EXIT_FAILED


def examine(
    fix: bool,
    offline: bool = False,
    hooks: Callable[[Context], list[tuple[str, str, str]]] = lambda context: [],
    sandboxes: Callable[[Context], list[tuple[str, str, str]]] = lambda context: [],
) -> tuple[list[Check], dict[str, int]]:
    """Every check in order, and the figures by which specs and GitHub differ, where known.

    `hooks` looks whether agents' hooks run, `sandboxes` whether agents may write the state: status,
    message and hint of each of their findings.

    Raises NotSetUp or BadConfig where there is nothing to examine.
    """
    context = _open()
    context.offline = offline
    found = [_check("set-up", "ok", f"root {context.repo.root}")]
    found += [_check("state", *said) for said in place.findings(context)]
    found += [_check("sandbox", *said) for said in sandboxes(context)]
    found.append(_configuration(context))
    found.append(_trust(context))
    found.append(_modes(context, fix))
    found.append(_database(context, fix))
    if found[-1]["status"] == "error":
        return found, {}
    found.append(_processes(context, fix))
    found.append(_specs(context, fix))
    found += [_check("hooks", *said) for said in hooks(context)]
    found += _remote(context)
    if not context.config["github.repo"]:
        words = "no repository is configured; nothing is sent"
        return [*found, _check("github", "ok", words)], {}
    found += _destination(context)
    found.append(_outbox(context))
    if offline:
        return found, {}
    checks, drift = _github(context)
    return found + checks, drift


def _open() -> Context:
    """The context; where craftkit is not set up, what is not supported there is said, too."""
    try:
        return open_context()
    except NotSetUp as error:
        unsupported = place.unsupported(here(), os.environ)
        if not unsupported:
            raise
        raise NotSetUp(f"{error.message} {unsupported[0][0]}", unsupported[0][1]) from error


def _modes(context: Context, fix: bool) -> Check:
    loose = []
    for name in ("", *DATABASES, clone.KEY, clone.FILE):
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
            f"{path} cannot be changed ({error.strerror}).",
            f"check the permissions of {os.path.dirname(path)}",
        ) from error


def _database(context: Context, fix: bool) -> Check:
    try:
        problem = context.store.problem()
        if not problem and context.store.durable:
            return _check(
                "database",
                "ok",
                f"schema {version.SCHEMA_VERSION}, sqlite {sqlite3.sqlite_version}",
            )
        if not context.store.durable:
            return _unwritable(context)
    except DatabaseUnusable as error:
        problem = error.message
    except CraftkitError as error:
        return _check("database", "error", error.message, error.hint)
    if not fix:
        return _check("database", "error", problem, "`craftkit doctor --fix` rebuilds it")
    path = os.path.join(context.state_dir, context.database)
    aside = f"{path}.damaged-{time.strftime('%Y%m%d%H%M%S')}"
    with _written(path):
        for suffix in ("", "-journal"):
            if os.path.exists(path + suffix):
                os.replace(path + suffix, aside + suffix)
    context._store = None
    for spec in spec_index.load_all(context):
        spec_index.record_snapshot(context, spec)
    words = (
        "rebuilt from the spec files; notes, history, dropped tasks, claims and what waited for"
        f" GitHub were lost with the old one, which is {aside}"
    )
    return _check("database", "warning", words, "look into the old one with `sqlite3 … .recover`")


def _unwritable(context: Context) -> Check:
    if context.standing != clone.ON:
        why = unreachable_state(context.repo, context.standing)
        return _check("database", "error", why.message, why.hint)
    hint = f"check the permissions of {context.state_dir}, unless a sandbox means it so"
    if not context.store.readable:
        return _check("database", "error", "the database can be neither read nor written", hint)
    words = "the database is read-only here, so that decisions wait in the spool"
    return _check("database", "warning", words, hint)


def _processes(context: Context, fix: bool) -> Check:
    if fix:
        interrupted.recover(context)
    left = process_runner.unfinished(context)
    if not left:
        return _check("processes", "ok", "nothing is interrupted")
    return _check(
        "processes", "warning", f"{len(left)} interrupted", "`craftkit doctor --fix` resumes them"
    )


def _specs(context: Context, fix: bool) -> Check:
    specs = spec_index.load_all(context)
    if fix:
        spec_writer.remove_stale_temp_files(context, specs)
        for folder in (context.state_dir, spool_folder.directory(context.worktree)):
            private.remove_stale(folder, context.clock() - STALE)
    unreadable = _unreadable(context, specs)
    if unreadable:
        path, words, hint = unreadable[0]
        more = f" (and {len(unreadable) - 1} more)" if len(unreadable) > 1 else ""
        return _check("specs", "warning", f"{path} {words}{more}", hint)
    bad = [s.path for s in specs if any(d.severity == "error" for d in s.diagnostics)]
    if bad:
        return _check(
            "specs", "warning", f"errors in {bad[0]}", f"`craftkit spec check {shell_word(bad[0])}`"
        )
    twin = next(filter(None, map(spec_identity.twin, specs)), None)
    if twin is not None:
        return _check("specs", "warning", twin.words, twin.hint)
    doubtful = sum(row.reopened for s in specs for row in spec_index.task_statuses(context, s))
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
    listed = set(discovery.discover(context.worktree)) - {spec.path for spec in specs}
    listed -= {path for path in listed if spec_index.is_known(context, path)}  # documents
    notes = {note.target: note.hint for note in context.diagnostics if note.severity == "warning"}
    found = [(path, "cannot be read", notes.get(path, "")) for path in listed]
    hint = "give it another name"
    found += [(path, why, hint) for path, why in discovery.misfits(context.worktree)]
    for spec in specs:
        if any(note.code in NO_TEXT for note in spec.diagnostics):
            hint = f"`craftkit spec check {shell_word(spec.path)}`"
            found.append((spec.path, "is not plain UTF-8 text", hint))
    return sorted(found)


def _configuration(context: Context) -> Check:
    unknown = sorted(name for name in context.config if name not in DEFAULTS)
    if unknown:
        words = f"config.yaml sets {', '.join(unknown)}, which nothing reads"
        return _check("config", "warning", words, f"known: {', '.join(sorted(DEFAULTS))}")
    return _check("config", "ok", "every setting is known")


def _trust(context: Context) -> Check:
    """What is set and does not hold, because nobody has agreed to it in this clone."""
    if not context.waiting:
        return _check("trust", "ok", "nothing waits for your agreement")
    one = context.waiting[0]
    more = f" (and {len(context.waiting) - 1} more)" if len(context.waiting) > 1 else ""
    words = f"{one.source} sets {one.name}: {one_line(one.value, 120)}, which nobody agreed to"
    return _check("trust", "warning", words + more, "`craftkit trust` shows it and asks")


def _remote(context: Context) -> list[Check]:
    """Why the git remote names no repository of ours; nothing where it does, or is none."""
    from craftkit.github import address
    from craftkit.sync import destination

    remote = git.remote(context.repo)
    if remote is None:
        return []
    try:
        server = destination.find_server(context)
    except CraftkitError as error:
        return [_check("remote", "error", error.message, error.hint)]
    if address.is_host_of(server, remote[0]):
        other = destination.other_remote(context)
        return [] if other is None else [_check("remote", "warning", *other)]
    words, hint = address.foreign(server, remote[0])
    at = one_line("/".join(remote), 120)
    configured = str(context.config["github.repo"])
    if configured:
        return [_check("remote", "ok", f"{at} is passed over for {configured}. {words}")]
    return [_check("remote", "warning", f"{at} is passed over. {words}", hint)]


def _destination(context: Context) -> list[Check]:
    """Which repository and host this clone speaks to, with which token, and why."""
    from craftkit.github import tokens
    from craftkit.sync import destination

    try:
        found = destination.find(context)
    except CraftkitError as error:
        return [_check("destination", "error", error.message, error.hint)]
    where = f"{found.owner}/{found.name} on {destination.host_of(found.server)}"
    why = "agreed to in this clone (`craftkit trust list`)"
    named = [name for name in tokens.variables_for(found.server) if context.env.get(name)]
    source = f"the token is in {named[0]}" if named else "the token comes from `gh auth token`"
    return [_check("destination", "ok", f"{where}, {why}; {source}")]


def _outbox(context: Context) -> Check:
    counts = outbox.counts(context.store)
    if counts.dead:
        words = f"{count(counts.dead, 'GitHub write was', 'GitHub writes were')} given up"
        return _check("outbox", "error", words, "`craftkit outbox list` shows why")
    if counts.queued:
        words = count(counts.queued, "GitHub write waits", "GitHub writes wait")
        return _check("outbox", "warning", words, "`craftkit outbox list`")
    return _check("outbox", "ok", "nothing waits for GitHub")


def _github(context: Context) -> tuple[list[Check], dict[str, int]]:
    """Token, permissions, what the server can do, and how far specs and GitHub differ."""
    from craftkit.github.diagnose import diagnose
    from craftkit.sync import connection, reconcile, reconcile_report
    from craftkit.sync.merge_model import Policy

    linked = [s for s in spec_index.load_all(context) if s.issue or any(t.issue for t in s.tasks)]
    refused: list[CraftkitError] = []

    def connect() -> Any:
        try:
            return connection.connect(context, SECONDS)
        except CraftkitError as error:
            refused.append(error)
            raise

    told = diagnose(connect)
    barred = [f for f in told if f.ok is False and f.code not in SERVED_OTHERWISE]
    # Who has linked nothing needs neither a token nor the network.
    if not linked and (isinstance(refused[0], NoToken) if refused else _unreached(barred)):
        return [_check(f.code, "warning", f.sentence, f.hint) for f in told], {}
    found = []
    for finding in told:
        status = "ok" if finding.ok else "error" if finding in barred else "warning"
        check = _check(finding.code, status, finding.sentence, finding.hint)
        found.append(_by_writes(context, check) if finding.code == "permission" else check)
    if not linked or barred:
        return found, {}
    report = reconcile.run(context, linked, Policy(), change=False, seconds=SECONDS)
    if report.failed is not None:
        return [*found, _check("drift", "warning", report.failed.message, report.failed.hint)], {}
    drift = report.drift() | {"stale_claim": _stale_claims(context)}
    apart = {name: n for name, n in drift.items() if n and name not in reconcile_report.BENIGN}
    if not apart:
        words = f"{count(len(linked), 'spec')} in step with GitHub"
        return [*found, _check("drift", "ok", words)], drift
    words = ", ".join(f"{name.replace('_', '-')} {n}" for name, n in apart.items())
    hint = "`craftkit reconcile --all --dry-run` shows each"
    return [*found, _check("drift", "warning", words, hint)], drift


def _unreached(barred: Sequence[Finding]) -> bool:
    return any(finding.code == "connection" for finding in barred)


def _by_writes(context: Context, check: Check) -> Check:
    """The check of the permission, with what writes have shown: more than asking can."""
    from craftkit.github.error_mapping import says_refused

    if check["status"] == "error":
        return check
    for row in outbox.waiting(context.store):
        if row.error and says_refused(row.error):
            words = f"a write was refused ({_minute(row.updated_at)}): {row.error}"
            return _check("permission", "error", words, PERMIT)
    taken = outbox.last_creation(context.store)
    if check["status"] == "warning" and check["hint"] and taken:
        words = f"{check['message']} The last issue was made {_minute(taken)}."
        return _check("permission", "ok", words)
    return check


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"


def _stale_claims(context: Context) -> int:
    """Tasks in progress whose session has not been seen for long."""
    found = claims.everywhere(context.store)
    return sum(not sessions.is_live(context, c.session, c.worktree) for c in found)
