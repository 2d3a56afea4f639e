"""Recorded processes: run the steps of an operation so that a kill at any point loses nothing.

A step has a part that acts outside the database (`do`, repeatable) and a part that writes to it
(`save`, in the transaction that marks the step as done).  A step marked done never runs again.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from craftkit.errors import CraftkitError, UnexpectedStep, UnknownProcess
from craftkit.runtime import log
from craftkit.runtime.context import Context
from craftkit.store import processes

Save = Callable[[sqlite3.Connection, dict[str, Any]], None]


class ProcessStep(NamedTuple):
    name: str
    do: Callable[[], dict[str, Any]] | None = None
    save: Save | None = None
    online: bool = False  # asks GitHub: not run ahead of a command that does without


class Recovered(NamedTuple):
    """What became of the processes that were interrupted here; those that failed are in neither."""

    finished: list[sqlite3.Row]
    waiting: list[sqlite3.Row]  # for a command that asks GitHub


Builder = Callable[[Context, int, dict[str, Any]], tuple[ProcessStep, ...]]
KINDS: dict[str, Builder] = {}
# Who registers a kind, by the kind or its first word: a recovery may meet a kind that nothing
# has loaded yet.
HOMES = {
    "task": "craftkit.loop.transitions",
    "spec phase": "craftkit.commands.spec",
    "spec link": "craftkit.sync.linking",
}


ENDED = ("success", "skipped")
WAITS = "what is left of it asks GitHub"

# What this operating-system process began and gave up, where not even that could be recorded:
# (database, id).  A server outlives its calls, so that its being alive says nothing.
_LEFT: set[tuple[str, int]] = set()


def owner() -> str:
    """This operating-system process: host, pid and, where known, when it started."""
    return f"{_host()}:{os.getpid()}:{_started(os.getpid())}"


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket  # 2 ms to load, so only where there is no uname

    return socket.gethostname()


def _started(pid: int) -> str:
    """When a process began; "" for a zombie: it is dead, though nobody asked how it ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            facts = file.read().rpartition(")")[2].split()
        return "" if facts[0] == "Z" else facts[19]
    except (OSError, IndexError):
        return ""


def is_alive(name: str) -> bool:
    """Whether the owner of a process still runs; another host's owner is taken to be alive."""
    host, pid, started = name.rsplit(":", 2)
    if host != _host():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return _started(int(pid)) == started


def _builder(kind: str) -> Builder:
    home = HOMES.get(kind) or HOMES.get(kind.split(" ")[0])
    if kind not in KINDS and home is not None:
        import_module(home)
    if kind not in KINDS:
        raise UnexpectedStep(
            f"This craftkit knows no operation {kind}.", "finish it with the version that began it"
        )
    return KINDS[kind]


def start(
    context: Context,
    kind: str,
    data: dict[str, Any],
    record: Callable[[sqlite3.Connection, int], None],
) -> int:
    """Record the decision and the process in one transaction: from here it cannot be lost."""
    now = context.now()
    names = [step.name for step in _builder(kind)(context, 0, data)]
    with context.store.write() as tx:
        process_id = processes.create(
            tx,
            kind,
            data,
            names,
            owner=owner(),
            worktree=context.worktree,
            session=context.session.id,
            now=now,
        )
        record(tx, process_id)
        processes.begin_step(tx, process_id, 1, names[0], now)
    return process_id


def run(context: Context, process_id: int) -> dict[str, Any]:
    """Run what is left of a process.  Returns each step's result by name.

    It stops before a step that may not ask GitHub now.  Raises UnknownProcess, UnexpectedStep, or
    the error of the step that failed; the failure is recorded, and the process can be resumed.
    """
    try:
        return _run(context, process_id)
    except BaseException:
        if context.store.durable:
            _LEFT.add((context.store.path, process_id))
        raise


def _run(context: Context, process_id: int) -> dict[str, Any]:
    store = context.store
    row = store.row("select * from processes where id = ?", process_id)
    if row is None:
        raise UnknownProcess(f"There is no process {process_id}.", "`craftkit process list`")
    steps = _steps(context, row)
    recorded = store.rows(
        "select * from process_steps where process_id = ? order by position", process_id
    )
    if [r["name"] for r in recorded] != [s.name for s in steps]:
        raise UnexpectedStep(
            f"Process {process_id} ({row['kind']}) was recorded with other steps than this craftkit"
            " has.",
            "finish it with the version that began it",
        )
    results = {r["name"]: json.loads(r["result"] or "{}") for r in recorded}
    for position, (step, old) in enumerate(zip(steps, recorded, strict=True), start=1):
        if old["status"] in ENDED:
            continue
        if step.online and not may_ask(context):
            with store.write() as tx:
                processes.set_status(tx, process_id, "interrupted", context.now(), WAITS)
            break
        results[step.name] = _run_step(context, process_id, position, step, steps)
    return results


def _steps(context: Context, row: sqlite3.Row) -> tuple[ProcessStep, ...]:
    return _builder(row["kind"])(context, row["id"], json.loads(row["input"]))


def may_ask(context: Context) -> bool:
    """Whether a process may ask GitHub now.

    What is repaired at the beginning of a command may not keep that waiting.
    """
    return not (context.repairing or context.offline)


def waits_for_github(context: Context, row: sqlite3.Row) -> bool:
    """Whether the next thing to do in an unfinished process is to ask GitHub."""
    try:
        steps = _steps(context, row)
    except CraftkitError:
        return False  # running it tells why
    return any(step.online for step in steps if step.name == row["current_step"])


def _run_step(
    context: Context,
    process_id: int,
    position: int,
    step: ProcessStep,
    steps: tuple[ProcessStep, ...],
) -> dict[str, Any]:
    try:
        result = step.do() if step.do else {}
    except BaseException as error:
        _fail(context, process_id, position, step, error)
        raise
    now = context.now()
    with context.store.write() as tx:
        if step.save:
            step.save(tx, result)
        status = "skipped" if result.get("skipped") else "success"
        processes.end_step(tx, process_id, position, status, result, now)
        if position == len(steps):
            processes.set_status(tx, process_id, "completed", now)
        else:
            processes.begin_step(tx, process_id, position + 1, steps[position].name, now)
    log.write(context, "info", step.name, "step done", {"process": process_id})
    return result


def report_unapplied(context: Context, path: str, error: CraftkitError) -> None:
    """Say that a decision is on disk, and that the next command carries it out."""
    context.note(
        "warning",
        "recorded_not_applied",
        f"Recorded, but {path} is not changed yet: {error.message}",
        error.hint,
    )


def _fail(
    context: Context, process_id: int, position: int, step: ProcessStep, error: BaseException
) -> None:
    now = context.now()
    facts = {
        "class": error.kind if isinstance(error, CraftkitError) else "system",
        "code": error.code if isinstance(error, CraftkitError) else type(error).__name__,
        "message": error.message if isinstance(error, CraftkitError) else str(error),
        "hint": error.hint if isinstance(error, CraftkitError) else "",
        "retryable": error.retryable if isinstance(error, CraftkitError) else False,
    }
    status, reason = "error", str(facts["message"])
    if isinstance(error, KeyboardInterrupt):
        status, reason = "interrupted", "interrupted by the user"
    try:
        with context.store.write() as tx:
            processes.fail_step(tx, process_id, position, facts, now)
            processes.set_status(tx, process_id, status, now, reason)
    except CraftkitError:
        return  # The row still says "running" with a dead owner: the next command takes it up.
    finally:
        log.write(context, "error", step.name, reason, {"process": process_id, **facts})


def unfinished(context: Context) -> list[sqlite3.Row]:
    """Processes of this worktree that nobody is running, oldest first."""
    rows = context.store.rows("select * from processes where status <> 'completed' order by id")
    mine = [
        r for r in rows if r["worktree"] == context.worktree or not os.path.isdir(r["worktree"])
    ]
    return [
        r
        for r in mine
        if r["status"] != "running" or not is_alive(r["owner"]) or _is_left(context, r)
    ]


def _is_left(context: Context, row: sqlite3.Row) -> bool:
    return row["owner"] == owner() and (context.store.path, row["id"]) in _LEFT


def resume(context: Context, row: sqlite3.Row) -> sqlite3.Row | None:
    """Take over one unfinished process and go on; its row then, None where somebody else has it."""
    reason = None if row["interrupt_reason"] else "its process was killed"
    with context.store.write() as tx:
        if not processes.take(tx, row["id"], row["owner"], owner(), context.now()):
            return None
        if reason:
            tx.execute(
                "update processes set interrupt_reason = ? where id = ?", (reason, row["id"])
            )
    _LEFT.discard((context.store.path, row["id"]))
    run(context, row["id"])
    return context.store.row("select * from processes where id = ?", row["id"])


def recover(context: Context, rows: Sequence[sqlite3.Row] | None = None) -> Recovered:
    """Finish what was interrupted here, or these; a failure is a diagnostic, never a stop."""
    finished: list[sqlite3.Row] = []
    waiting: list[sqlite3.Row] = []
    for row in unfinished(context) if rows is None else rows:
        if waits_for_github(context, row) and not may_ask(context):
            waiting.append(row)
            continue
        try:
            now = resume(context, row)
        except CraftkitError as error:
            context.note(
                "warning",
                "process_unfinished",
                f"Process {row['id']} ({row['kind']}) could not be finished: {error.message}",
                error.hint or f"`craftkit process resume {row['id']}`",
            )
            continue
        if now is not None:
            (finished if now["status"] == "completed" else waiting).append(now)
    return Recovered(finished, waiting)
