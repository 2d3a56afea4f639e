"""Send what waits in the outbox: in order per task, and in as few requests as may be.

Changes of issues that exist are idempotent and go in batches; a creation goes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from craftkit.clock import epoch_seconds
from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.store import issues, outbox, tasks
from craftkit.sync import comments, double_issues, ownership, presence, write_order
from craftkit.sync.context import Settings, SyncContext
from craftkit.sync.double_issues import Double
from craftkit.sync.issue_creation import MOVED, create
from craftkit.sync.retry_policy import HOPELESS, Stop, put_back
from craftkit.sync.write_order import Place
from craftkit.text import looks_secret

BATCH = 20  # changes in one request; GitHub stops a longer document after ten seconds
MOVES = 20  # further parents that one command makes
PROMPT = 15.0  # seconds after a decision in which its own command sends it
# Changes that only decorate an issue: a refusal of one holds up nothing else.
EXTRAS = ("label", "unlabel", "status")


class _Sending:
    """What one drain has met."""

    def __init__(self) -> None:
        self.held: set[Place] = set()  # a row of these failed: what follows it waits
        self.declined: set[Place] = set()  # a person has closed their issue as not to be done
        self.moved = False  # see `Drained`
        self.refused: CraftkitError | None = None  # what keeps single rows, and nothing else

    def hold(self, row: outbox.Row) -> None:
        if row.action in (*write_order.STATES, "create"):
            self.held.add((row.spec_id, row.task_id))


class Drained(NamedTuple):
    delivered: int
    stopped: CraftkitError | None  # why nothing more was sent
    outdone: frozenset[Place] = frozenset()  # (spec, task), see `_outdone`
    doubles: tuple[Double, ...] = ()  # second issues of a task, which are being closed
    moved: bool = False  # creations whose parent was full wait for a further one
    away: CraftkitError | None = None  # why some writes wait, though others were sent


def drain(sync: SyncContext, max_writes: int | None = None, *, lists: bool = True) -> Drained:
    """Send everything that may be sent now.  Never raises for what GitHub answers.

    With `lists`, it looks for double issues below each parent whose last issue was created.
    """
    done = _drain(sync, max_writes)
    for _ in range(MOVES):
        if not done.moved or max_writes is not None:
            break
        more = _drain(sync, None)
        done = more._replace(
            delivered=done.delivered + more.delivered,
            outdone=done.outdone | more.outdone,
            away=more.away or done.away,
        )
    looks = outbox.looks(sync.store, sync.clock())
    if not lists or not looks or done.stopped is not None or done.away is not None:
        return done
    found: list[Double] = []
    try:
        for row in looks:
            found += double_issues.look(sync, row)
    except Stop as stop:
        return done._replace(stopped=stop.error)
    more = _drain(sync, None) if found else Drained(0, None)
    return done._replace(
        delivered=done.delivered + more.delivered, stopped=more.stopped, doubles=tuple(found)
    )


def _drain(sync: SyncContext, max_writes: int | None) -> Drained:
    waiting = [row for row in outbox.waiting(sync.store) if row.action != outbox.LOOK]
    turn = write_order.sort_out(waiting, sync.clock(), sync.settings.grace)
    write_order.settle_overtaken(sync, turn.overtaken)
    rows = turn.rows[:max_writes]
    delivered, outdone = 0, frozenset[Place]()
    sending = _Sending()
    try:
        rows, away = _here(sync, rows)
        late = _outdone(sync, rows)
        outdone = frozenset((row.spec_id, row.task_id) for row in late)
        rows = _ours(sync, [row for row in rows if row not in late])
        rows = _public(sync, rows)
        for count in _deliver(sync, rows, sending):
            delivered += count
            if sync.progress is not None:
                sync.progress(delivered, len(rows))
    except Stop as stop:
        return Drained(delivered, stop.error, outdone | sending.declined)
    except CraftkitError as error:
        return Drained(delivered, error, outdone | sending.declined)
    away = away or sending.refused
    return Drained(delivered, None, outdone | sending.declined, moved=sending.moved, away=away)


def _deliver(sync: SyncContext, rows: Sequence[outbox.Row], sending: _Sending) -> Iterator[int]:
    """Make the issues, then change issues; yields how many rows each request delivered."""
    unmade: set[str] = set()  # specs of which an issue is still to be made: they come in order
    for row in rows:
        if row.action != "create":
            continue
        state = row.state if row.spec_id in unmade else _create(sync, row, sending)
        sending.moved |= state == MOVED
        if state != "delivered":
            sending.hold(row)
        if state not in ("delivered", "dead"):
            unmade.add(row.spec_id)
        yield int(state == "delivered")
    batch: list[outbox.Row] = []
    for row in rows:
        if row.action == "create" or (row.spec_id, row.task_id) in sending.held:
            continue
        alone = row.action == "comment" or _takes_back(batch, row, sync.settings)
        if alone or _size([*batch, row], sync) > _room([*batch, row]):
            yield _send(sync, batch, sending)
            batch = []
        if row.action != "comment":
            batch.append(row)
        elif (row.spec_id, row.task_id) not in sending.held:
            yield int(_comment(sync, row, sending))
    yield _send(sync, batch, sending)


def _create(sync: SyncContext, row: outbox.Row, sending: _Sending) -> str:
    """Make one issue; the state of its row now.  Raises Stop."""
    try:
        return create(sync, row)
    except gh.ParentGone as error:
        sending.refused = sending.refused or error
        return "queued"


def _room(rows: Sequence[outbox.Row]) -> int:
    """How many changes go in one request: the fewer, the more often one of them got no answer."""
    return max(1, BATCH >> max(row.attempts for row in rows))


def _here(
    sync: SyncContext, rows: Sequence[outbox.Row]
) -> tuple[list[outbox.Row], CraftkitError | None]:
    """Leave out what is meant for another repository than the configured one; and what to say."""
    repo = sync.settings.repo
    with sync.store.read() as connection:
        elsewhere = issues.linked_elsewhere(connection, repo)
    away = next((row.spec_id for row in rows if row.spec_id in elsewhere), None)
    error = ownership.refusal(away, elsewhere[away], repo) if away is not None else None
    return [row for row in rows if row.spec_id not in elsewhere], error


def _ours(sync: SyncContext, rows: Sequence[outbox.Row]) -> list[outbox.Row]:
    """Leave out what would change an issue that only a file names, and that is somebody else's.

    If the line alone cannot say whose the issue is, its write waits for the merge, which sees all
    lines and issues.
    """
    doubtful = [row for row in rows if row.issue is not None and "ownership_check" in row.payload]
    doubtful = [
        row for row in doubtful if not ownership.is_known(sync, row.spec_id, row.task_id, row.issue)
    ]
    if not doubtful:
        return list(rows)
    seen = sync.gateway.issues(sorted({row.issue for row in doubtful if row.issue is not None}))
    held = set()
    for row in doubtful:
        issue, check = seen.get(row.issue or 0), row.payload["ownership_check"]
        if not isinstance(issue, gh.Issue):
            continue  # what is gone is refused by itself
        titles, parents = check["titles"], {check["parent"]} - {None}
        judge = ownership.is_ours if row.task_id is None else ownership.is_tasks
        ours = judge(issue, row.spec_id, titles, parents) if not check.get("shared") else None
        if not ours:
            held.add(row.id)
        with sync.store.write() as tx:
            if ours:
                # With our title: one that a person gave it is not to be changed.
                facts = (row.spec_id, row.task_id, "", issue.id, issue.node_id, titles[-1])
                issues.remember(tx, sync.settings.repo, issues.LinkedIssue(issue.number, *facts))
            elif ours is None:
                what = "stands in two lines" if check.get("shared") else "has other words"
                why = f"#{row.issue} {what}: the next reconcile says whose it is"
                outbox.mark(tx, [row.id], "queued", sync.now(), error=why)
            else:
                why = f"#{row.issue} is not the issue of this task: it has another title"
                outbox.mark(tx, [row.id], "dead", sync.now(), error=why)
    return [row for row in rows if row.id not in held]


def _public(sync: SyncContext, rows: Sequence[outbox.Row]) -> list[outbox.Row]:
    """Hold back what would publish a title that looks like a secret, unless a person agreed."""
    if sync.settings.publish_secrets:
        return list(rows)
    secret = [row.id for row in rows if looks_secret(str(row.payload.get("title") or ""))]
    if secret:
        why = "its title looks like a secret: `craftkit outbox retry --publish-secrets` sends it"
        with sync.store.write() as tx:
            outbox.mark(tx, secret, "dead", sync.now(), error=why)
    return [row for row in rows if row.id not in secret]


def _outdone(sync: SyncContext, rows: Sequence[outbox.Row]) -> list[outbox.Row]:
    """Rows that waited while the issue was closed by somebody who decided later; not sent.

    Only what would take a completion back has to ask: `done` outranks what came in between.  An
    issue that a write of ours may have closed, whose answer was lost, says nothing.
    """
    rows = [row for row in rows if not outbox.follows_a_lost_one(sync.store, row)]
    old = {
        row.issue: row
        for row in rows
        if row.action in ("reopen", "drop")
        and row.issue is not None
        and sync.clock() - epoch_seconds(row.created_at) > PROMPT
    }
    seen = sync.gateway.issues(list(old)) if old else {}
    found = []
    for number, row in old.items():
        issue = seen.get(number)
        if isinstance(issue, gh.Issue) and issue.state == gh.CLOSED:
            closed = epoch_seconds(issue.closed_at) - sync.gateway.skew if issue.closed_at else 0.0
            found += [row] if closed > epoch_seconds(row.created_at) else []
    if found:
        why = "the issue was closed after this was decided"
        with sync.store.write() as tx:
            outbox.mark(tx, [row.id for row in found], "delivered", sync.now(), error=why)
    return found


def _takes_back(batch: Sequence[outbox.Row], row: outbox.Row, settings: Settings) -> bool:
    """Whether a row removes a label that the batch adds: the two must not be in one request.

    A label whose id is not known yet goes by a request of its own, after the batch.
    """
    gone = {c.value for c in changes_of(row, settings, 0, "") if c.kind == "unlabel"}
    return any(
        change.kind == "label" and change.value in gone
        for other in batch
        if (other.spec_id, other.task_id) == (row.spec_id, row.task_id)
        for change in changes_of(other, settings, 0, "")
    )


def changes_of(
    row: outbox.Row, settings: Settings, number: int, node_id: str
) -> list[gh.IssueChange]:
    """The changes of an existing issue that one row stands for."""

    def change(kind: str, value: str = "") -> gh.IssueChange:
        return gh.IssueChange(number, node_id, kind, value)

    label, payload = settings.in_progress_label, row.payload
    status = {"start": "In Progress", "close": "Done", "reopen": "Todo"}.get(row.action)
    found: list[gh.IssueChange] = []
    if row.action == "start" and payload.get("aside"):  # another was begun in its place
        found, status = [change("unlabel", label)], "Todo"
    elif row.action == "start":
        found = [change("label", label)]
    elif row.action == "close":
        leaves = () if payload.get("anyway") else (gh.NOT_PLANNED, gh.DUPLICATE)
        found = [gh.IssueChange(number, node_id, "close", gh.COMPLETED, leaves)]
        found.append(change("unlabel", label))
    elif row.action == "drop":
        found = [gh.IssueChange(number, node_id, "close", gh.NOT_PLANNED, (gh.DUPLICATE,))]
        found.append(change("unlabel", label))
    elif row.action == "reopen":
        found = [change("reopen"), change("unlabel", label)]
    elif row.action == "duplicate":
        found = [change("close", gh.DUPLICATE)]
    elif row.action == "retitle":
        found = [change("title", payload["title"])]
    elif row.action == "block":
        found = [change("block", str(payload.get("by", 0)))]
    elif row.action == "phase":
        found = [change("label", settings.phase_label + payload["to"])]
        if payload.get("from"):
            found.insert(0, change("unlabel", settings.phase_label + payload["from"]))
        if payload["to"] == "completed":
            found.append(change("close", gh.COMPLETED))
        elif payload.get("from") == "completed":
            found.append(change("reopen"))
    if status and settings.project:
        found.append(change("status", status))
    return found


def _size(rows: Sequence[outbox.Row], sync: SyncContext) -> int:
    return sum(len(changes_of(row, sync.settings, 0, "")) for row in rows)


def _send(sync: SyncContext, rows: Sequence[outbox.Row], sending: _Sending) -> int:
    """One request for a batch of idempotent rows; how many were delivered."""
    known = {
        (k.spec_id, k.task_id): k
        for spec in {row.spec_id for row in rows}
        for k in issues.of_spec(sync.store, sync.settings.repo, spec)
    }
    ready: list[tuple[outbox.Row, int, list[gh.IssueChange]]] = []
    for row in rows:
        place = known.get((row.spec_id, row.task_id))
        number = row.issue or (place.number if place else None)
        waits_for = row.payload.get("by_task")
        other = known.get((row.spec_id, waits_for)) if waits_for else None
        if number is None or (waits_for and other is None):
            sending.hold(row)  # its issue is still to be made
            continue
        if other is not None:
            row = row._replace(payload={"by": other.number})
        node_id = place.node_id if place and place.number == number else ""
        ready.append((row, number, changes_of(row, sync.settings, number, node_id)))
    if not ready:
        return 0
    with sync.store.write() as tx:
        outbox.mark(tx, [row.id for row, _, _ in ready], "sent", sync.now())
    try:
        results = sync.gateway.apply([c for _, _, parts in ready for c in parts])
    except CraftkitError as error:
        put_back(sync, [row for row, _, _ in ready], error)
        raise Stop(error) from error
    return _record_results(sync, ready, results, sending)


def _record_results(
    sync: SyncContext,
    ready: Sequence[tuple[outbox.Row, int, list[gh.IssueChange]]],
    results: Sequence[CraftkitError | None],
    sending: _Sending,
) -> int:
    delivered, at, stop = 0, 0, None
    for row, number, parts in ready:
        outcome = list(zip(parts, results[at:], strict=False))
        at += len(parts)
        errors = _errors_that_count(sync, row, outcome)
        refused = next((e for e in errors if isinstance(e, gh.ClosedOtherwise)), None)
        lasting = all(isinstance(error, HOPELESS) for error in errors)
        if refused is not None and row.action == "close" and lasting:
            _note_declined(sync, row, number, refused)
            sending.declined.add((row.spec_id, row.task_id))
            continue
        if (row.spec_id, row.task_id) in sending.held or errors:
            sending.hold(row)
            error = errors[0] if errors else CraftkitError("what came before it failed")
            error = put_back(sync, [row], error)
            if isinstance(error, gh.Forbidden) and all(c.kind in EXTRAS for c in parts):
                sending.refused = sending.refused or error  # what else waits may be permitted
            elif errors and not isinstance(error, HOPELESS):
                stop = error  # the next request would fare no better, and somebody has to be told
            continue
        with sync.store.write() as tx:
            outbox.mark(tx, [row.id], "delivered", sync.now())
            done = {"close": True, "reopen": False}.get(row.action)
            if done is not None and row.task_id is not None:
                tasks.set_synced(tx, row.spec_id, [row.task_id], done=done)
            if row.action == "retitle":
                issues.set_title(tx, sync.settings.repo, row.issue, row.payload["title"])
        delivered += 1
    if stop is not None:
        raise Stop(stop)
    return delivered


def _errors_that_count(
    sync: SyncContext,
    row: outbox.Row,
    outcome: Sequence[tuple[gh.IssueChange, CraftkitError | None]],
) -> list[CraftkitError]:
    """Why a row was not carried out; what failed of its decoration is only remarked on.

    A board only shows what the issue says.  A label counts if it is all that the row is about, or
    if it may still be set later.
    """
    failed = [(change, error) for change, error in outcome if error is not None]
    errors = [e for c, e in failed if c.kind not in EXTRAS]
    if row.action == "drop" and errors and _nothing_to_close(sync, errors):
        return []
    labels = [(c, e) for c, e in failed if c.kind in EXTRAS and c.kind != "status"]
    has_state = any(change.kind not in EXTRAS for change, _ in outcome)
    refused = [(c, e) for c, e in labels if isinstance(e, (*HOPELESS, gh.Forbidden))]
    if has_state and not errors and len(refused) == len(labels):
        labels = []
    remarks = [(c, e) for c, e in failed if c.kind == "status"] + (refused if not labels else [])
    if not errors and not labels and sync.remark is not None:
        for change, error in remarks:
            sync.remark(error, change.kind)
    return errors + [error for _, error in labels]


def _nothing_to_close(sync: SyncContext, errors: Sequence[CraftkitError]) -> bool:
    """Whether the issue of a dropped task is gone, or closed as a duplicate: so it may stay."""
    if all(isinstance(error, gh.ClosedOtherwise) for error in errors):
        return True
    return all(isinstance(error, gh.IssueGone) for error in errors) and not presence.away(sync)


def _note_declined(
    sync: SyncContext, row: outbox.Row, number: int, refused: gh.ClosedOtherwise
) -> None:
    """A person has closed the issue as not to be done: the merge says it until somebody decides."""
    reason = refused.reason.replace("_", " ")
    with sync.store.write() as tx:
        outbox.mark(tx, [row.id], "delivered", sync.now(), error=f"it was closed as {reason}")
    if sync.declined is not None:
        sync.declined(number, reason)


def _comment(sync: SyncContext, row: outbox.Row, sending: _Sending) -> bool:
    """Say something; whether it is there.  Raises Stop if nothing can be sent now."""
    error = comments.send(sync, row)
    if error is None:
        return True
    if isinstance(error, gh.Forbidden):
        sending.refused = sending.refused or error
    elif not isinstance(error, (*HOPELESS, comments.NotYet)):
        raise Stop(error)
    return False
