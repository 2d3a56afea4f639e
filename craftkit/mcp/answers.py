"""What each tool, resource and prompt answers: thin over the use-cases, without GitHub's text.

Numbers, states, keys and the spec's own words are given, cleaned; only `issue` shows what people
wrote on GitHub.
"""

from __future__ import annotations

import os
from typing import Any, cast

from craftkit.commands import github_texts as texts
from craftkit.commands import reconcile as commands_reconcile
from craftkit.commands import recovery, session
from craftkit.commands import spec as specs_
from craftkit.commands import task as task_commands
from craftkit.errors import AmbiguousSpec, TaskNotNamed, UnknownSpec, UsageProblem
from craftkit.loop import spec_index, task_lookup, task_status, transitions, work_status
from craftkit.mcp.shapes import (
    IssueShape,
    Next,
    Object,
    OutcomeShape,
    ReportShape,
    Resumed,
    Status,
    TaskList,
    TaskShape,
)
from craftkit.model import DONE, DROPPED, Spec
from craftkit.runtime.context import Context
from craftkit.sync import merge_model, reconcile_report
from craftkit.text import one_line

MOST_TASKS = 200  # of one answer; then those that are settled are left out
MOST_NOTES = 10
MOST_WORDS = 100  # of one completion
WORD, LINE = 200, 400  # characters of an argument, and of a string in an answer


# Tools


def status(context: Context, spec: str) -> Status:
    repaired = recovery.repair(context)
    data = tidy(_standing(context, spec, repaired))
    data["notes"] = notes(context)
    data["place"] = _place(context, data["spec"]["path"] if data["spec"] else "")
    return cast(Status, {name: data[name] for name in Status.__annotations__})


def task_list(context: Context, spec: str) -> TaskList:
    recovery.repair(context)
    found, rows = _tasks(context, spec)
    shown = rows
    if len(shown) > MOST_TASKS:
        shown = [row for row in rows if row.state not in (DONE, DROPPED)][:MOST_TASKS]
    return {
        "spec": one_line(found.id, LINE),
        "progress": dict(task_status.progress(rows)),
        "tasks": [dict(_task(row)) for row in shown],
        "left_out": len(rows) - len(shown),
        "place": _place(context, found.path),
        "notes": notes(context),
    }


def task_next(context: Context, spec: str) -> Next:
    recovery.repair(context)
    found, rows = _tasks(context, spec)
    return {
        "spec": one_line(found.id, LINE),
        "next": _maybe(task_status.next_ready(rows)),
        "current": _maybe(task_lookup.current(context, found, rows)),
        "progress": dict(task_status.progress(rows)),
        "remaining": len(task_status.open_required(rows)),
        "place": _place(context, found.path),
        "notes": notes(context),
    }


def task_start(context: Context, key: str, spec: str) -> OutcomeShape:
    recovery.repair(context)
    wanted = named(context, spec)
    done = task_commands.start(context, wanted, key[:WORD], take_over=False, switch=False)
    return _outcome(context, done)


def task_done(context: Context, key: str, spec: str) -> OutcomeShape:
    recovery.repair(context)
    wanted = named(context, spec)
    word = _word(context, key, wanted, "finish", "task_done")
    return _outcome(context, task_commands.done(context, wanted, word))


def task_drop(context: Context, key: str, reason: str, spec: str) -> OutcomeShape:
    recovery.repair(context)
    why, wanted = one_line(reason, LINE).strip(), named(context, spec)
    if not any(char.isalnum() for char in why):
        raise UsageProblem(
            "A task cannot be dropped without a reason.", "say in `reason` why it will not be done"
        )
    word = _word(context, key, wanted, "drop", "task_drop")
    return _outcome(context, task_commands.drop(context, wanted, word, why))


def session_resume(context: Context, spec: str) -> Resumed:
    stand = session.resume(context, named(context, spec))
    return {
        "brief": work_status.brief(stand, work_status.BRIEF_TOKENS),
        "spec": one_line(stand.spec.id, LINE) if stand.spec else "",
        "progress": dict(stand.progress),
        "next_command": one_line(stand.next_command, LINE),
        "place": _place(context, stand.spec.path if stand.spec else ""),
        "notes": notes(context),
    }


def reconcile(context: Context, spec: str, *, change: bool) -> ReportShape:
    wanted = named(context, spec)
    policy = merge_model.Policy()
    found = commands_reconcile.reconcile(
        context, wanted, False, policy, change=change, max_writes=None
    )
    data = reconcile_report.as_dict(found)
    for item in data["specs"]:
        item["actions"] = [_action(action) for action in item["actions"]]
    return {
        "in_step": reconcile_report.exit_code(found, check=True) == 0,
        "specs": tidy(data["specs"]),
        "drift": data["drift"],
        "place": _place(context),
        "notes": notes(context),
    }


def issue(context: Context, number: int) -> IssueShape:
    return cast(IssueShape, texts.issue_text(context, number))


# Resources and the prompt


def state(context: Context) -> dict[str, Any]:
    """What `craftkit status --json` has as its data; reading a resource repairs nothing."""
    found: dict[str, Any] = tidy(_standing(context, "", []))
    return found


def spec(context: Context, wanted: str) -> dict[str, Any]:
    """What `craftkit spec show` and `task list` know of one spec."""
    found = spec_index.find_listed(context, wanted[:WORD])
    rows = spec_index.task_statuses(context, found)
    listed = [task_lookup.task_json(found, row) for row in rows]
    data: dict[str, Any] = tidy({**specs_.summary(context, found), "tasks": listed})
    return data


def brief(context: Context, spec: str) -> str:
    return session_resume(context, spec)["brief"]


def task(context: Context, wanted: str, key: str) -> dict[str, Any]:
    """What `craftkit task show` knows of one task."""
    found = spec_index.find_listed(context, wanted[:WORD])
    one = task_lookup.resolve(context, found, key[:WORD])
    row = next(r for r in spec_index.task_statuses(context, found) if r.task.id == one.id)
    data: dict[str, Any] = tidy({"spec": found.id, "task": task_lookup.task_json(found, row)})
    return data


def complete(context: Context, argument: str, begun: str, spec: str) -> list[str]:
    """The ids of specs, or the keys of open tasks, that begin with what was typed."""
    if argument == "key":
        found = spec_index.choose_spec(context, named(context, spec)).spec
        words = [task.ref for task in found.tasks if not task.checked]
    else:
        specs = spec_index.load_all(context)
        words = [spec_index.name_of(one, specs) for one in specs]
    fitting = [one_line(w, LINE) for w in words if w.casefold().startswith(begun.casefold())]
    return fitting[:MOST_WORDS]


# Parts


def _place(context: Context, path: str = "") -> Object:
    """The file that an answer is about, or its worktree, and what is checked out there."""
    return {
        "path": one_line(os.path.join(context.worktree, path) if path else context.worktree, LINE),
        "branch": one_line(context.session.branch or "", LINE),
    }


def _word(context: Context, key: str, wanted: str | None, verb: str, tool: str) -> str:
    """The word that names a task.  Raises TaskNotNamed, with the call for the session's own one."""
    if key.strip():
        return key[:WORD]
    task = task_lookup.own(context, wanted)
    raise TaskNotNamed(
        f"Cannot {verb} a task without its name.",
        f'call {tool} with key "{task.ref}", the task in progress'
        if task is not None
        else "task_list shows the names",
    )


def named(context: Context, wanted: str) -> str | None:
    """A spec of this worktree by its name, as the use-cases take it.

    They also take the path of any file, which a client has no business with.
    """
    if not wanted.strip():
        return None
    return os.path.join(
        context.worktree, spec_index.find_listed(context, wanted.strip()[:WORD]).path
    )


def notes(context: Context) -> list[str]:
    """The remarks of a call, each with its hint."""
    said = [f"{n.message} hint: {n.hint}" if n.hint else n.message for n in context.diagnostics]
    return [one_line(line, LINE) for line in dict.fromkeys(said)][:MOST_NOTES]


def tidy(value: Any) -> Any:
    """JSON-like data with every string as one harmless line."""
    if isinstance(value, str):
        return one_line(value, LINE)
    if isinstance(value, dict):
        return {one_line(str(key), LINE): tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(item) for item in value]
    return value


def _standing(context: Context, spec: str, repaired: list[dict[str, str]]) -> dict[str, Any]:
    try:
        chosen = spec_index.choose_spec(context, named(context, spec))
        spec_index.record_snapshot(context, chosen.spec)
        return work_status.describe(context, chosen, repaired).data()
    except (AmbiguousSpec, UnknownSpec) as error:
        if spec:
            raise
        return work_status.describe_without_spec(context, error, repaired).data()


def _tasks(context: Context, spec: str) -> tuple[Spec, list[task_status.TaskStatus]]:
    found = spec_index.choose_spec(context, named(context, spec)).spec
    spec_index.record_snapshot(context, found)
    spec_index.note_conflicts(context, found)
    return found, spec_index.task_statuses(context, found)


def _task(row: task_status.TaskStatus) -> TaskShape:
    return {
        "key": row.task.ref,
        "title": one_line(row.task.title, WORD),
        "state": row.state,
        "issue": row.task.issue,
        "ready": row.ready,
        "waits_for": list(row.waits_for),
    }


def _maybe(row: task_status.TaskStatus | None) -> Object | None:
    return dict(_task(row)) if row is not None else None


def _outcome(context: Context, done: transitions.TaskOutcome) -> OutcomeShape:
    return {
        "spec": one_line(done.spec.id, LINE),
        "task": _maybe(next((r for r in done.rows if r.task.id == done.task.id), None)),
        "changed": done.changed,
        "applied": done.applied,
        "delivered": done.delivered,
        "next": _maybe(done.next),
        "progress": dict(task_status.progress(done.rows)),
        "place": _place(context, done.spec.path),
        "notes": notes(context),
    }


def _action(action: dict[str, Any]) -> dict[str, Any]:
    """An action with its evidence; that of an untick names who re-opened the issue."""
    why = "" if action["kind"] == merge_model.UNTICK else action["why"]
    return {"kind": action["kind"], "task": action["ref"], "issue": action["issue"], "why": why}
