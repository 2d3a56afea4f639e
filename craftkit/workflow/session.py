"""Resume, status and end of a session: compare, repair, and say where the work stands."""

import json
from typing import Any, NamedTuple

from craftkit import digests
from craftkit.errors import AmbiguousSpec, CraftkitError, UnknownSpec
from craftkit.model import Spec, Task
from craftkit.redact import clean, tame, word
from craftkit.specs import files
from craftkit.store import journal, outbox
from craftkit.words import count, typed
from craftkit.workflow import (
    catalog,
    choose,
    decisions,
    editing,
    later,
    runner,
    sessions,
    tasks,
)
from craftkit.workflow.context import Context

BRIEF_TOKENS, SHORT_TOKENS = 400, 120
DOUBTS = "doubts "  # begins the name under which those of a spec are remembered
WAITS = "process_waits"
NETWORK_SECONDS = 2.0  # a session does not wait longer for GitHub before it begins


class Standing(NamedTuple):
    """Where the work stands; `data()` is the JSON that other tools rely on."""

    spec: Spec | None
    phase: str
    why: str
    progress: dict[str, int]
    current: dict[str, Any] | None
    next_action: str
    next_command: str
    remaining: int
    repaired: list[dict[str, str]]
    attention: list[dict[str, str]]
    others: list[dict[str, Any]]  # the active specs, where none could be chosen
    elsewhere: list[dict[str, str]]  # tasks of other specs that are in progress here
    outbox: dict[str, int]
    next_title: str

    def data(self) -> dict[str, Any]:
        spec = self.spec
        return {
            "spec": None
            if spec is None
            else {
                "id": spec.id,
                "name": spec.name,
                "phase": self.phase,
                "issue": spec.issue,
                "path": spec.path,
                "dialect": spec.dialect,
                "why": self.why,
            },
            "progress": self.progress,
            "current": self.current,
            "next_action": self.next_action,
            "next_command": self.next_command,
            "repaired": self.repaired,
            "attention": self.attention,
            "remaining": self.remaining,
            "outbox": self.outbox,
            "specs": self.others,
            "elsewhere": self.elsewhere,
        }


def tokens(text: str) -> int:
    """A cautious estimate: four ASCII characters a token, one and a half tokens for any other."""
    ascii_count = sum(1 for c in text if c < "\x80")
    return -(-ascii_count // 4) + -(-3 * (len(text) - ascii_count) // 2)


def repair(context: Context, *, online: bool = False) -> list[dict[str, str]]:
    """Finish what was interrupted and take in what was spooled.  Every command begins with it.

    What has to ask GitHub is left to a command that asks it anyway: an `online` one.
    """
    notes: list[dict[str, str]] = []
    if not context.store.durable:
        return notes
    from craftkit.workflow import intake  # hooks settle boxes without it

    context.repairing = True
    try:
        found = runner.recover(context)
        notes += _finished(found)
        later.mention_dead(context)
        taken = intake.take_in_spool(context)
    finally:
        context.repairing = False
    if taken:
        notes.append({"code": "spool_taken_in", "message": f"took in {taken} spooled decision(s)"})
    if online and not context.offline:
        return notes + (finish(context) if found.waiting else [])
    for row in found.waiting:
        context.note(
            "info",
            WAITS,
            f"Process {row['id']} ({row['kind']}) was interrupted, and {runner.WAITS}.",
            "`craftkit reconcile` finishes it",
        )
    return notes


def finish(context: Context) -> list[dict[str, str]]:
    """Finish what was interrupted and has to ask GitHub."""
    rows = [r for r in runner.unfinished(context) if runner.waits_for_github(context, r)]
    return _finished(runner.recover(context, rows))


def _finished(found: runner.Recovered) -> list[dict[str, str]]:
    notes = []
    for row in found.finished:
        what = f"{row['kind']} {json.loads(row['input']).get('refs', '')}".strip()
        notes.append({"code": "process_resumed", "message": f"finished `{what}`"})
    return notes


def resume(context: Context, wanted_spec: str | None) -> Standing:
    """Re-read the spec, repair what was forgotten, and return where the work stands."""
    context.network_until = context.clock() + NETWORK_SECONDS
    repaired = repair(context, online=True)
    try:
        chosen = catalog.choose_spec(context, wanted_spec)
    except (AmbiguousSpec, UnknownSpec) as error:
        if wanted_spec:
            raise
        return without_spec(context, error, repaired)
    spec = chosen.spec
    if context.store.durable:
        editing.tidy(context, [spec])
    doubts: list[dict[str, str]] | None = None
    if spec.blocked_by is None:
        repaired += settle_boxes(context, spec)
        merged, doubts = _refresh(context, catalog.load(context, spec.path))
        repaired += merged
        spec = catalog.load(context, spec.path)
        repaired += _clear_stale(context, spec)
    with context.store.write() as tx:
        sessions.touch(context, tx)
        row = tasks.current(context, spec, catalog.task_views(context, spec))
        sessions.save_state(
            context, tx, spec.id, row.task if row else None, "done" if row else "start"
        )
        journal.record(tx, context.now(), "session.resumed", context.session, spec.id)
    return standing(context, catalog.Chosen(spec, chosen.why), repaired, doubts)


def changed_specs(context: Context) -> list[Spec]:
    """Specs whose files are not as they were seen last; the unreadable ones are left out."""
    seen = {
        row["path"]: row["digest"]
        for row in context.store.rows(
            "select path, digest from views where worktree = ?", context.worktree
        )
    }
    found = []
    for path in files.discover(context.worktree):
        try:
            if digests.sha256(files.read(context.worktree, path)) != seen.get(path):
                found.append(catalog.load(context, path))
        except CraftkitError as error:
            context.note("warning", error.code, error.message, error.hint, path)
    return found


def only_reminds(context: Context) -> bool:
    """Whether a ticked box that a hook sees is left to `task done`."""
    return bool(context.config["agents.auto_done"] == "explicit")


def ticked_unrecorded(context: Context, spec: Spec) -> list[Task]:
    """Tasks whose box is ticked though nobody recorded them as done."""
    known = {
        row["task_id"]
        for row in context.store.rows(
            "select task_id from tasks where spec_id = ? and base_done = 0", spec.id
        )
    }
    return [task for task in spec.tasks if task.checked and task.id in known]


def settle_boxes(context: Context, spec: Spec) -> list[dict[str, str]]:
    """The local half of the merge: record what the boxes say; at first sight it is the base."""
    first_sight = not context.store.value("select 1 from specs where id = ?", spec.id)
    catalog.observe(context, spec)
    return [] if first_sight else _complete_ticked(context, spec)


def _refresh(
    context: Context, spec: Spec
) -> tuple[list[dict[str, str]], list[dict[str, str]] | None]:
    """GitHub's half, within NETWORK_SECONDS: what was settled, and what a person has to settle.

    Where that fails, what is known answers: the second is None.
    """
    if context.offline or not context.config["github.repo"] or not context.store.durable:
        return [], None
    if spec.issue is None and all(task.issue is None for task in spec.tasks):
        return [], None
    from craftkit.sync.planner import Policy
    from craftkit.workflow import reconcile
    from craftkit.workflow.findings import as_notes, doubts

    report = reconcile.run(context, [spec], Policy(), seconds=NETWORK_SECONDS)
    if report.failed is not None:
        since = reconcile.synced_at(context)
        known = f"; this is as of {since[:16]}Z" if since else ""
        message = report.failed.message.rstrip(".")
        context.note("warning", report.failed.code, f"{message}{known}.", report.failed.hint)
        return [], None
    return as_notes(report), [note for item in report.specs for note in doubts(item)]


def _complete_ticked(context: Context, spec: Spec) -> list[dict[str, str]]:
    """Boxes ticked by hand are completed through the very path of `task done`."""
    notes = []
    for task in ticked_unrecorded(context, spec):
        try:
            tasks.complete(context, spec, task, "box")
        except decisions.Overtaken:
            continue  # another session is settling it at this moment
        notes.append({"code": "box_ticked", "message": f"{task.ref} was ticked: recorded done"})
    return notes


def _clear_stale(context: Context, spec: Spec) -> list[dict[str, str]]:
    """Claims on tasks that are done, or whose line is gone, are cleared."""
    by_id = {task.id: task for task in spec.tasks}
    stale = [
        row["task_id"]
        for row in context.store.rows(
            "select task_id from claims where spec_id = ? and worktree = ?",
            spec.id,
            context.worktree,
        )
        if row["task_id"] not in by_id or by_id[row["task_id"]].checked
    ]
    notes = []
    for task_id in stale:
        with context.store.write() as tx:
            tx.execute("delete from claims where spec_id = ? and task_id = ?", (spec.id, task_id))
            sessions.forget_current(tx, spec.id, [task_id], context.now())
        name = by_id[task_id].ref if task_id in by_id else task_id
        why = "is done" if task_id in by_id else "has no line any more"
        notes.append({"code": "stale_current", "message": f"{name} {why}: no longer current"})
    return notes


def standing(
    context: Context,
    chosen: catalog.Chosen,
    repaired: list[dict[str, str]] | None = None,
    doubts: list[dict[str, str]] | None = None,
) -> Standing:
    """Where the work on a spec stands; `doubts` are what a merge with GitHub left to a person."""
    spec = chosen.spec
    rows = catalog.task_views(context, spec)
    now = tasks.current(context, spec, rows)
    following = choose.next_ready(rows)
    left = choose.open_required(rows)
    phase = catalog.phase_of(context, spec)
    if now is not None:
        action, command = "done", f"craftkit task done {typed(now.task.ref)}{context.flag}"
    elif following is not None:
        action, command = "start", f"craftkit task start {typed(following.task.ref)}{context.flag}"
    elif left:
        action, command = "none", f"craftkit task list{context.flag}"
    else:
        action, command = "none", _after_last_task(phase, spec)
    return Standing(
        spec=spec,
        phase=phase,
        why=chosen.why,
        progress=choose.progress(rows),
        current=_current_json(context, spec, now) if now else None,
        next_action=action,
        next_command=command,
        remaining=len(left),
        repaired=repaired or [],
        attention=_without_twice(
            known_doubts(context, spec) if doubts is None else doubts,
            attention(context, spec, rows),
        ),
        others=[],
        elsewhere=_elsewhere(context, spec),
        outbox=outbox.counts(context.store),
        next_title=clean(following.task.title, 80) if following else "",
    )


def _elsewhere(context: Context, spec: Spec) -> list[dict[str, str]]:
    """What this session, or an ended one in this worktree, has in progress in other specs."""
    rows = context.store.rows(
        "select spec_id, task_id, session from claims where worktree = ? and spec_id <> ?"
        " order by started_at",
        context.worktree,
        spec.id,
    )
    return [
        {"spec": row["spec_id"], "task": row["task_id"]}
        for row in rows
        if row["session"] == context.session.id
        or not sessions.is_live(context, row["session"], context.worktree)
    ]


def known_doubts(context: Context, spec: Spec) -> list[dict[str, str]]:
    """What the last comparison with GitHub left to a person, save what was decided on since."""
    repo = str(context.config["github.repo"]).lower()
    row = context.store.row(
        "select value, at from remembered where place = ? and name = ?", repo, DOUBTS + spec.id
    )
    if row is None:
        return []
    ids = {task.ref: task.id for task in spec.tasks}
    settled = {
        found["task_id"]
        for found in context.store.rows(
            "select task_id from intents where spec_id = ? and created_at > ?", spec.id, row["at"]
        )
    }
    notes: list[dict[str, str]] = json.loads(row["value"])
    return [note for note in notes if ids.get(note["task"]) not in settled]


def _without_twice(
    doubts: list[dict[str, str]], local: list[dict[str, str]]
) -> list[dict[str, str]]:
    """What the merge says of a task says more than what the file says of it."""
    told = {note["task"] for note in doubts if note["task"]}
    return doubts + [note for note in local if note.get("task", "") not in told]


def _after_last_task(phase: str, spec: Spec) -> str:
    edges = {
        "requirements": "design",
        "design": "implementation",
        "implementation": "review",
        "review": "completed",
    }
    return f"craftkit spec phase {edges[phase]} --spec {word(spec.id)}" if phase in edges else ""


def _current_json(context: Context, spec: Spec, row: choose.View) -> dict[str, Any]:
    claim = context.store.row(
        "select * from claims where spec_id = ? and task_id = ?", spec.id, row.task.id
    )
    return {
        "key": row.task.ref,
        "number": row.task.place,
        "title": clean(row.task.title, 120),
        "issue": row.task.issue,
        "since": claim["started_at"] if claim else None,
        "session": claim["session"] if claim else None,
        "agent": claim["agent"] if claim else None,
        "branch": claim["branch"] if claim else None,
    }


def attention(context: Context, spec: Spec, rows: list[choose.View]) -> list[dict[str, str]]:
    """Differences that only a person settles, each with its commands."""
    found = []
    for row in rows:
        if row.reopened:
            ref = row.task.ref
            found.append(
                {
                    "code": "box_open_again",
                    "task": ref,
                    "message": f"{ref} was done, but its box is open here",
                    "hint": "nothing to do if a merge brings it; else"
                    f" `craftkit task done {typed(ref)}`"
                    f" or `craftkit task reopen {typed(ref)}`",
                }
            )
    for note in spec.diagnostics:
        if note.severity == "error" or note.code in ("dependency_cycle", "duplicate_key"):
            hint, line = note.hint or f"edit {note.target}", note.target.rpartition(":")[2]
            where = f" (line {line})" if line.isdecimal() else ""
            found.append({"code": note.code, "message": f"{note.message}{where}", "hint": hint})
    return found


def without_spec(
    context: Context, error: CraftkitError, repaired: list[dict[str, str]]
) -> Standing:
    others: list[dict[str, Any]] = []
    specs = catalog.load_all(context)
    for spec in specs:
        rows = catalog.task_views(context, spec)
        phase = catalog.phase_of(context, spec)
        if phase != "completed" and choose.open_required(rows):
            others.append(
                {"id": catalog.name_of(spec, specs), "path": spec.path, "phase": phase}
                | {"progress": choose.progress(rows)}
            )
    left = sum(o["progress"]["total"] - o["progress"]["done"] for o in others)
    progress = {
        "done": sum(o["progress"]["done"] for o in others),
        "total": sum(o["progress"]["total"] for o in others),
    }
    if others:
        command = f"craftkit session-resume --spec {word(others[0]['id'])}"
    else:
        command = "craftkit spec list" if specs else 'craftkit spec new "What to build"'
    return Standing(
        spec=None,
        phase="",
        why=error.message,
        progress=progress,
        current=None,
        next_action="choose",
        next_command=command,
        remaining=left,
        repaired=repaired,
        attention=[],
        others=others,
        elsewhere=[],
        outbox=outbox.counts(context.store),
        next_title="",
    )


def brief(stand: Standing, limit: int, now: str = "") -> str:
    """The resume brief within `limit` tokens; totals and the next command always stay."""
    must, may = _brief_lines(stand)
    lines = list(must)
    for line in may:
        if tokens("\n".join([*lines, line])) <= limit:
            lines.append(line)
    text = "\n".join(lines)
    while tokens(text) > limit and len(text) > 20:
        text = text[: int(len(text) * 0.9)].rstrip() + "…"
    return text


def _brief_lines(stand: Standing) -> tuple[list[str], list[str]]:
    done, total = stand.progress["done"], stand.progress["total"]
    if stand.spec is None:
        must = [f"craftkit: {tame(stand.why, 200)}", f"{done}/{total} tasks done in all."]
        must.append(f"Next: `{stand.next_command}`")
        may = [
            f"- {tame(o['id'], 60)}: {o['progress']['done']}/{o['progress']['total']}, {o['phase']}"
            for o in stand.others
        ]
        return must, may
    issue = f", issue #{stand.spec.issue}" if stand.spec.issue else ""
    must = [
        f"Spec {tame(stand.spec.id, 60)} ({stand.phase}{issue}): {done}/{total} tasks done,"
        f" {stand.remaining} to go."
    ]
    now = stand.current
    if now:
        since = f" since {now['since'][:16]}Z" if now["since"] else ""
        must.append(f"In progress: {now['key']} {tame(now['title'], 80)}{since}.")
    if stand.next_command:
        title = f" ({tame(stand.next_title)})" if stand.next_action == "start" else ""
        verb = "When it is finished" if now else "Next"
        must.append(f"{verb}: `{stand.next_command}`{title}")
    for held in stand.elsewhere[:2]:
        must.append(
            f"Also in progress: {tame(held['task'], 40)} of {tame(held['spec'], 60)}:"
            f" `craftkit session-resume --spec {word(held['spec'])}`"
        )
    may = ["After each task: `craftkit task done KEY`; it prints the next one."]
    may += [f"Repaired: {clean(r['message'], 120)}." for r in stand.repaired[:5]]
    if len(stand.repaired) > 5:
        may.append(f"… and {count(len(stand.repaired) - 5, 'more repair')}: `craftkit history`")
    may += [
        f"Attention: {tame(a['message'], 120)}: {clean(a['hint'], 120)}"
        for a in stand.attention[:4]
    ]
    if len(stand.attention) > 4:
        may.append(f"… and {len(stand.attention) - 4} more to settle: `craftkit status`")
    if stand.outbox.get("queued"):
        may.append(f"{count(stand.outbox['queued'], 'GitHub write')} in the outbox.")
    why = "" if stand.why == catalog.NAMED else f"Chosen because {tame(stand.why, 120)}. "
    may.append(f"{why}All tasks: `craftkit task list`")
    return must, may


def end(context: Context, reason: str) -> dict[str, Any]:
    """Record the end of this session, why, and what it leaves unfinished."""
    rows = context.store.rows(
        "select spec_id, task_id from claims where session = ? and worktree = ?",
        context.session.id,
        context.worktree,
    )
    unfinished = [{"spec": r["spec_id"], "task": r["task_id"]} for r in rows]
    now = context.now()
    with context.store.write() as tx:
        sessions.touch(context, tx)
        tx.execute(
            "update sessions set ended_at = ?, end_reason = ? where id = ? and worktree = ?",
            (now, reason, context.session.id, context.worktree),
        )
        journal.record(
            tx,
            now,
            "session.ended",
            context.session,
            reason=reason,
            unfinished=unfinished,
        )
    return {"session": context.session.id, "reason": reason, "unfinished": unfinished}
