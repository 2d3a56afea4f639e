"""Resume, status and end of a session: compare, repair, and say where the work stands."""

from typing import Any, NamedTuple

from craftkit.errors import CraftkitError
from craftkit.loop import (
    choice,
    elsewhere,
    sessions,
    spec_identity,
    spec_index,
    task_lookup,
    task_status,
)
from craftkit.loop import conflicts as known_conflicts
from craftkit.model import IN_METADATA, IN_PROGRESS, MERGE_CONFLICT, Spec, Task
from craftkit.runtime.context import Context
from craftkit.store import claims, outbox
from craftkit.text import count, for_model, one_line, shell_word, typed

BRIEF_TOKENS, SHORT_TOKENS = 400, 120


class WorkStatus(NamedTuple):
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
    conflicts: list[dict[str, str]]
    others: list[dict[str, Any]]  # the active specs, where none could be chosen
    elsewhere: list[dict[str, str]]  # tasks of other specs that are in progress here
    held: list[dict[str, str]]  # tasks of this spec that other live sessions have in progress
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
            "attention": self.conflicts,
            "remaining": self.remaining,
            "outbox": self.outbox,
            "specs": self.others,
            "elsewhere": self.elsewhere,
            "held": self.held,
        }


def tokens(text: str) -> int:
    """A cautious estimate: four ASCII characters a token, one and a half tokens for any other."""
    ascii_count = sum(1 for c in text if c < "\x80")
    return -(-ascii_count // 4) + -(-3 * (len(text) - ascii_count) // 2)


def describe(
    context: Context,
    chosen: spec_index.Chosen,
    repaired: list[dict[str, str]] | None = None,
    conflicts: list[dict[str, str]] | None = None,
) -> WorkStatus:
    """Where the work on a spec stands; `conflicts` is what a merge left to a person."""
    spec = chosen.spec
    rows = spec_index.task_statuses(context, spec)
    now = task_lookup.current(context, spec, rows)
    following = task_status.next_ready(rows)
    left = task_status.open_required(rows)
    phase = spec_index.phase_of(context, spec)
    if now is not None:
        action, command = "done", f"craftkit task done {typed(now.task.ref)}{context.flag}"
    elif following is not None:
        action, command = "start", f"craftkit task start {typed(following.task.ref)}{context.flag}"
    elif left or spec.hunks:  # the list says what has to be resolved first
        action, command = "none", f"craftkit task list{context.flag}"
    elif spec.unread_open:
        action, command = "none", f"craftkit spec check {shell_word(spec.path)}"
    else:
        action, command = "none", _after_last_task(phase, spec)
    return WorkStatus(
        spec=spec,
        phase=phase,
        why=chosen.why,
        progress=task_status.progress(rows),
        current=_current_json(context, spec, now) if now else None,
        next_action=action,
        next_command=command,
        remaining=len(left),
        repaired=repaired or [],
        conflicts=_without_twice(
            known_conflicts.known(context, spec) if conflicts is None else conflicts,
            local_conflicts(context, spec, rows),
        ),
        others=[],
        elsewhere=_elsewhere(context, spec),
        held=_held(context, spec, rows),
        outbox=outbox.counts(context.store).as_dict(),
        next_title=one_line(following.task.title, 80) if following else "",
    )


def _elsewhere(context: Context, spec: Spec) -> list[dict[str, str]]:
    """What this session, or an ended one in this worktree, has in progress in other specs."""
    name = task_lookup.namer(context)
    return [
        {"spec": claim.spec_id, "task": name(claim.spec_id, claim.task_id)}
        for claim in claims.of_worktree(context.store, context.worktree)
        if claim.spec_id != spec.id
        and (
            claim.session == context.session.id
            or not sessions.is_live(context, claim.session, context.worktree)
        )
    ]


def _held(context: Context, spec: Spec, rows: list[task_status.TaskStatus]) -> list[dict[str, str]]:
    """What other live sessions have in progress, wherever they are: never the next thing here."""
    by_id = {row.task.id: row for row in rows if row.state == IN_PROGRESS}
    return [
        {
            "task": by_id[claim.task_id].task.ref,
            "session": claim.session,
            "agent": claim.agent,
            "worktree": claim.worktree,
            "since": claim.started_at,
        }
        for claim in claims.of_spec(context.store, spec.id)
        if claim.task_id in by_id and sessions.is_held_by_another(context, claim)
    ]


def _without_twice(
    conflicts: list[dict[str, str]], local: list[dict[str, str]]
) -> list[dict[str, str]]:
    """What the merge says of a task says more than what the file says of it."""
    told = {note["task"] for note in conflicts if note["task"]}
    return conflicts + [note for note in local if note.get("task", "") not in told]


def _after_last_task(phase: str, spec: Spec) -> str:
    edges = {
        "requirements": "design",
        "design": "implementation",
        "implementation": "review",
        "review": "completed",
    }
    return (
        f"craftkit spec phase {edges[phase]} --spec {shell_word(spec.id)}" if phase in edges else ""
    )


def _current_json(context: Context, spec: Spec, row: task_status.TaskStatus) -> dict[str, Any]:
    claim = claims.of_task(context.store, spec.id, row.task.id)
    return {
        "key": row.task.ref,
        "number": row.task.place,
        "title": one_line(row.task.title, 120),
        "issue": row.task.issue,
        "since": claim.started_at if claim else None,
        "session": claim.session if claim else None,
        "agent": claim.agent if claim else None,
        "branch": claim.branch if claim else None,
    }


def local_conflicts(
    context: Context, spec: Spec, rows: list[task_status.TaskStatus]
) -> list[dict[str, str]]:
    """Differences that only a person settles, each with its commands."""
    found: list[dict[str, str]] = []
    twin = spec_identity.twin(spec)
    if twin is not None:
        found.append({"code": "same_id", "message": twin.words, "hint": twin.hint})
    reopened = [row.task for row in rows if row.reopened]
    held = elsewhere.holders(context, spec, reopened) if reopened else {}
    _say_held(context, held, reopened)
    for row in rows:
        if row.reopened and row.task.id not in held:
            ref = row.task.ref
            found.append(
                {
                    "code": "box_open_again",
                    "task": ref,
                    "message": f"{ref} was done, but its box is open here",
                    "hint": f"`craftkit task done {typed(ref)}`"
                    f" or `craftkit task reopen {typed(ref)}`",
                }
            )
        if row.task.doubt:
            words, hint = task_lookup.doubt(row.task, spec)
            found.append(
                {"code": "contradicted", "task": row.task.ref, "message": words, "hint": hint}
            )
    for whole, part in task_status.open_parts(rows):
        found.append(
            {
                "code": "part_open",
                "task": part.ref,
                "message": f"{part.ref} is open, but {whole.ref}, of which it is a part, is done",
                "hint": f"`craftkit task done {typed(part.ref)}`"
                f" or `craftkit task reopen {typed(whole.ref)}`",
            }
        )
    unread = spec_index.unread_boxes(spec)
    if unread is not None:
        found.append(unread)
    for note in spec.diagnostics:
        if note.severity == "error" or note.code in ("dependency_cycle", "duplicate_key"):
            hint, line = note.hint or f"edit {note.target}", note.target.rpartition(":")[2]
            where = (
                f" (line {line})"
                if line.isdecimal() and note.code not in (MERGE_CONFLICT, IN_METADATA)
                else ""
            )
            found.append({"code": note.code, "message": f"{note.message}{where}", "hint": hint})
    return found


def _say_held(context: Context, held: dict[str, str], reopened: list[Task]) -> None:
    """What a merge will bring needs no command, only a word why its task is not the next one."""
    for where in sorted(set(held.values())):
        refs = [task.ref for task in reopened if held.get(task.id) == where]
        names = ", ".join(refs[:5]) + (", …" if len(refs) > 5 else "")
        verb = "is" if len(refs) == 1 else "are"
        words = f"{names} {verb} done {where}: a merge brings it here."
        context.note("info", "done_elsewhere", words)


def describe_without_spec(
    context: Context, error: CraftkitError, repaired: list[dict[str, str]]
) -> WorkStatus:
    others: list[dict[str, Any]] = []
    specs = spec_index.load_all(context)
    for spec in choice.in_order(context, specs):
        rows = spec_index.task_statuses(context, spec)
        phase = spec_index.phase_of(context, spec)
        if phase != "completed" and task_status.open_required(rows):
            others.append(
                {"id": spec_index.name_of(spec, specs), "path": spec.path, "phase": phase}
                | {"issue": spec.issue, "progress": task_status.progress(rows)}
            )
    left = sum(o["progress"]["total"] - o["progress"]["done"] for o in others)
    progress = {
        "done": sum(o["progress"]["done"] for o in others),
        "total": sum(o["progress"]["total"] for o in others),
    }
    if others:
        command = "craftkit spec use SPEC"
    else:
        command = "craftkit spec list" if specs else 'craftkit spec new "What to build"'
    return WorkStatus(
        spec=None,
        phase="",
        why=error.message,
        progress=progress,
        current=None,
        next_action="choose",
        next_command=command,
        remaining=left,
        repaired=repaired,
        conflicts=[],
        others=others,
        elsewhere=[],
        held=[],
        outbox=outbox.counts(context.store).as_dict(),
        next_title="",
    )


def brief(stand: WorkStatus, limit: int, now: str = "") -> str:
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


def _brief_line(other: dict[str, Any]) -> str:
    progress = other["progress"]
    issue = f", issue #{other['issue']}" if other["issue"] else ""
    named = for_model(other["id"], 60)
    return f"- {named}: {progress['done']}/{progress['total']}, {other['phase']}{issue}"


def _brief_lines(stand: WorkStatus) -> tuple[list[str], list[str]]:
    done, total = stand.progress["done"], stand.progress["total"]
    if stand.spec is None:
        must = [f"craftkit: {for_model(stand.why, 200)}", f"{done}/{total} tasks done in all."]
        asks = "Ask the user which spec is meant, then run" if stand.others else "Next:"
        must.append(f"{asks} `{stand.next_command}`")
        return must, [_brief_line(other) for other in stand.others]
    issue = f", issue #{stand.spec.issue}" if stand.spec.issue else ""
    must = [
        f"Spec {for_model(stand.spec.id, 60)} ({stand.phase}{issue}): {done}/{total} tasks done,"
        f" {stand.remaining} to go."
    ]
    now = stand.current
    if now:
        since = f" since {now['since'][:16]}Z" if now["since"] else ""
        must.append(f"In progress: {now['key']} {for_model(now['title'], 80)}{since}.")
    if stand.next_command:
        title = f" ({for_model(stand.next_title)})" if stand.next_action == "start" else ""
        verb = "When it is finished" if now else "Next"
        must.append(f"{verb}: `{stand.next_command}`{title}")
    for other in stand.held[:3]:
        must.append(
            f"{for_model(other['task'], 40)} is in progress in another session,"
            f" {for_model(other['session'], 40)} ({for_model(other['agent'], 20)}): leave it there."
        )
    for held in stand.elsewhere[:2]:
        must.append(
            f"Also in progress: {for_model(held['task'], 40)} of {for_model(held['spec'], 60)}:"
            f" `craftkit session-resume --spec {shell_word(held['spec'])}`"
        )
    may = ["After each task: `craftkit task done KEY`; it prints the next one."]
    may += [f"Repaired: {one_line(r['message'], 120)}." for r in stand.repaired[:5]]
    if len(stand.repaired) > 5:
        may.append(f"… and {count(len(stand.repaired) - 5, 'more repair')}: `craftkit history`")
    may += [
        f"Attention: {for_model(a['message'], 120)}: {one_line(a['hint'], 120)}"
        for a in stand.conflicts[:4]
    ]
    if len(stand.conflicts) > 4:
        may.append(f"… and {len(stand.conflicts) - 4} more to settle: `craftkit status`")
    if stand.outbox.get("queued"):
        may.append(f"{count(stand.outbox['queued'], 'GitHub write')} in the outbox.")
    why = "" if stand.why == spec_index.NAMED else f"Chosen because {for_model(stand.why, 120)}. "
    may.append(f"{why}All tasks: `craftkit task list`")
    return must, may
