"""Recorded processes: carry out a decision so that a kill at any point loses nothing.

The decision is on the disk before its first step runs.  A step has a part that acts outside the
database (`do`, repeatable) and a part that writes to it (`save`, in the transaction that marks
the step as ended).  Steps are planned from the decision, again after a kill; a step that is
recorded as ended never runs again.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from craftkit.errors import AlreadyRecorded, CraftkitError, UnknownProcess
from craftkit.runtime import log
from craftkit.runtime.context import Context
from craftkit.store import processes
from craftkit.store.processes import ENDED, Process

Save = Callable[[sqlite3.Connection, dict[str, Any]], None]


class ProcessStep(NamedTuple):
    name: str
    do: Callable[[], dict[str, Any]] | None = None
    save: Save | None = None
    online: bool = False  # asks GitHub: not run ahead of a command that does without


Steps = Sequence[ProcessStep]
# Plans the steps of a recorded process.  Raises UnexpectedStep if its kind is not known.
Planner = Callable[[Context, Process], Steps]


class Recovered(NamedTuple):
    """What became of the processes that were interrupted here; those that failed are in neither."""

    finished: list[Process]
    waiting: list[Process]  # for a command that asks GitHub


WAITS = "the rest of it has to ask GitHub"

# What this operating-system process began and gave up, if not even that could be recorded:
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


def record(
    context: Context,
    kind: str,
    decision: str,
    steps: Steps,
    save: Callable[[sqlite3.Connection, int], None],
    decision_id: str | None = None,
) -> int:
    """Record a decision (JSON) with the steps that carry it out; the number of its process.

    `save` writes what belongs to it, in the same transaction: from here it cannot be lost.
    Raises AlreadyRecorded if the decision is known.
    """
    with context.store.write() as tx:
        process_id = processes.create(
            tx,
            kind,
            decision,
            [step.name for step in steps],
            owner=owner(),
            worktree=context.worktree,
            session=context.session.id,
            now=context.now(),
            decision_id=decision_id,
        )
        if process_id is None:
            raise AlreadyRecorded(f"The decision {decision_id} is recorded already.")
        save(tx, process_id)
    return process_id


def carry_out(
    context: Context,
    process_id: int,
    steps: Steps,
    ended: Mapping[str, dict[str, Any]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Run the steps that have not `ended`; each step's result by name.

    It stops before a step that may not ask GitHub now.  The failure of a step is recorded and
    raised, and the process can be resumed.
    """
    results = dict(ended or {})
    left = [step for step in steps if step.name not in results]
    try:
        while left:
            step = left[0]
            if step.online and not may_ask(context):
                with context.store.write() as tx:
                    processes.set_status(tx, process_id, "interrupted", context.now(), WAITS)
                break
            result = _do(context, process_id, step)
            # What acts on nothing outside is saved with the step before it, in one commit.
            count = next((n for n, later in enumerate(left) if n and later.do), len(left))
            for saved in left[:count]:
                results[saved.name] = result if saved is step else {}
            _save(context, process_id, left[:count], result, left[count:])
            left = left[count:]
    except BaseException:
        if context.store.durable:
            _LEFT.add((context.store.path, process_id))
        raise
    return results


def _do(context: Context, process_id: int, step: ProcessStep) -> dict[str, Any]:
    try:
        return step.do() if step.do else {}
    except BaseException as error:
        _fail(context, process_id, step, error)
        raise


def _save(
    context: Context, process_id: int, ended: Steps, result: dict[str, Any], left: Steps
) -> None:
    """Record steps as ended, with what they write, and that the next one begins."""
    now = context.now()
    with context.store.write() as tx:
        for step in ended:
            own = result if step is ended[0] else {}
            if step.save:
                step.save(tx, own)
            status = "skipped" if own.get("skipped") else "success"
            processes.end_step(tx, process_id, step.name, status, own, now)
        if left:
            processes.begin_step(tx, process_id, left[0].name, now)
            processes.set_step(tx, process_id, left[0].name, now)
        else:
            processes.complete(tx, process_id, ended[-1].name, now)
    for step in ended:
        log.write(context, "info", step.name, "step done", {"process": process_id})


def may_ask(context: Context) -> bool:
    """Whether a process may ask GitHub now.

    What is repaired at the beginning of a command may not keep that waiting.
    """
    return not (context.repairing or context.offline)


def waits_for_github(context: Context, row: Process, planner: Planner) -> bool:
    """Whether the next thing to do in an unfinished process is to ask GitHub."""
    try:
        steps = planner(context, row)
    except CraftkitError:
        return False  # running it tells why
    return any(step.online for step in steps if step.name == row.current_step)


def report_unapplied(context: Context, path: str, error: CraftkitError) -> None:
    """Say that a decision is on disk, and that the next command carries it out."""
    context.note(
        "warning",
        "recorded_not_applied",
        f"Recorded, but {path} is not changed yet: {error.message}",
        error.hint,
    )


def _fail(context: Context, process_id: int, step: ProcessStep, error: BaseException) -> None:
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
            processes.fail_step(tx, process_id, step.name, facts, now)
            processes.set_status(tx, process_id, status, now, reason)
    except CraftkitError:
        return  # The row still says "running" with a dead owner: the next command takes it up.
    finally:
        log.write(context, "error", step.name, reason, {"process": process_id, **facts})


def unfinished(context: Context) -> list[Process]:
    """Processes of this worktree that nobody is running, oldest first."""
    return [
        row
        for row in processes.unfinished(context.store)
        if (row.worktree == context.worktree or not os.path.isdir(row.worktree))
        and (row.status != "running" or not is_alive(row.owner) or _is_left(context, row))
    ]


def _is_left(context: Context, row: Process) -> bool:
    return row.owner == owner() and (context.store.path, row.id) in _LEFT


def resume(context: Context, row: Process, planner: Planner) -> Process | None:
    """Take over an unfinished process and go on; it as it is then, None if somebody else has it.

    Raises UnexpectedStep if this craftkit does not know its kind, or the error of a step.
    """
    steps = planner(context, row)
    with context.store.write() as tx:
        if not processes.take(tx, row, owner(), context.now(), "its process was killed"):
            return None
        ended = _agree(context, tx, row.id, steps)
    _LEFT.discard((context.store.path, row.id))
    carry_out(context, row.id, steps, ended)
    return find(context, row.id)


def _agree(
    context: Context, tx: sqlite3.Connection, process_id: int, steps: Steps
) -> dict[str, dict[str, Any]]:
    """Bring the record in line with the plan; the results of the steps that have ended.

    An earlier version may have recorded other steps: what is not planned now is skipped.
    """
    recorded = processes.steps(context.store, process_id)
    planned = {step.name for step in steps}
    now = context.now()
    open_steps = [s.name for s in recorded if s.status not in ENDED and s.name not in planned]
    processes.skip_steps(tx, process_id, now, open_steps)
    missing = [s.name for s in steps if s.name not in {old.name for old in recorded}]
    if missing:
        processes.add_steps(tx, process_id, missing, after=len(recorded))
    ended = {s.name: json.loads(s.result or "{}") for s in recorded if s.status in ENDED}
    left = [step.name for step in steps if step.name not in ended]
    if left:
        processes.begin_step(tx, process_id, left[0], now)
        processes.set_step(tx, process_id, left[0], now)
    else:
        processes.complete(tx, process_id, steps[-1].name, now)
    return ended


def find(context: Context, process_id: int) -> Process:
    """A process by its number.  Raises UnknownProcess."""
    row = processes.find(context.store, process_id)
    if row is None:
        raise UnknownProcess(f"There is no process {process_id}.", "`craftkit process list --all`")
    return row


def recover(context: Context, planner: Planner, rows: Sequence[Process] | None = None) -> Recovered:
    """Finish what was interrupted here, or these; a failure is a diagnostic, never a stop."""
    finished: list[Process] = []
    waiting: list[Process] = []
    for row in unfinished(context) if rows is None else rows:
        if waits_for_github(context, row, planner) and not may_ask(context):
            waiting.append(row)
            continue
        try:
            now = resume(context, row, planner)
        except CraftkitError as error:
            context.note(
                "warning",
                "process_unfinished",
                f"Process {row.id} ({row.kind}) could not be finished: {error.message}",
                error.hint or f"`craftkit process resume {row.id}`",
            )
            continue
        if now is not None:
            (finished if now.status == "completed" else waiting).append(now)
    return Recovered(finished, waiting)
