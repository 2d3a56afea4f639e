"""A spec moves from one phase to the next: the gate, the decision, its steps."""

import sqlite3
from typing import Any, NamedTuple

from craftkit.errors import (
    CraftkitError,
    IllegalPhase,
    SpecNeedsAttention,
    UsageProblem,
)
from craftkit.loop import (
    committed,
    github_writes,
    process_runner,
    sessions,
    spec_index,
    spec_writer,
    task_status,
)
from craftkit.loop.decisions import PhaseDecision
from craftkit.loop.process_runner import ProcessStep
from craftkit.model import PHASE_EDGES, PHASES, Spec
from craftkit.runtime.context import Context
from craftkit.specs import edit
from craftkit.specs.meta import INVALID
from craftkit.store import history as events
from craftkit.store import issues, outbox, specs
from craftkit.text import count, typed

KIND = "spec phase"


class PhaseMove(NamedTuple):
    """A spec after its move, and from where to where it went."""

    spec: Spec
    old: str
    new: str
    queued: bool = False  # it has something to say to GitHub


def move(
    context: Context, wanted_spec: str | None, target: str, *, force: bool, reason: str
) -> PhaseMove:
    """Move a spec along a legal edge.  Raises UsageProblem, IllegalPhase, SpecNeedsAttention."""
    if target not in PHASES:
        raise UsageProblem(f"There is no phase {target}.", f"one of {', '.join(PHASES)}")
    spec = spec_index.choose_spec(context, wanted_spec).spec
    edit.refuse_unmerged(spec, "change the phase of")
    broken = next((d for d in spec.diagnostics if d.code == INVALID), None)
    if broken is not None:  # the phase in it may not be what it says
        raise SpecNeedsAttention(broken.message, broken.hint, broken.target)
    spec_index.record_snapshot(context, spec)
    old = spec_index.phase_of(context, spec)
    if old == target:
        return PhaseMove(spec, old, target)
    _say_unreported(context, spec)
    if force and not reason:
        raise UsageProblem("--force needs a reason.", 'add `--reason "why"`')
    if not force:
        _gate(context, spec, old, target)
    if spec.phase is not None:
        edit.set_meta(spec, phase=target)  # raises now, not when the decision is on disk
    decision = PhaseDecision(spec.id, spec.path, old, target)
    facts = {"spec": spec.id, "path": spec.path, "from": old, "to": target}
    parents = {
        n: github_writes.ownership_check(context, spec, None, n) for n in _parents(context, spec)
    }

    def save(tx: sqlite3.Connection, process_id: int) -> None:
        sessions.touch(context, tx)
        now = context.now()
        events.record(tx, now, "spec.phase", context.session, spec.id, reason=reason, **facts)
        for number, asked in parents.items():
            payload = {"from": old, "to": target, **asked}
            outbox.queue(
                tx, now, spec.id, None, number, "phase", process_id=process_id, payload=payload
            )

    plan = steps(context, decision)
    process_id = process_runner.record(context, KIND, decision.to_json(), plan, save)
    try:
        process_runner.carry_out(context, process_id, plan)
    except CraftkitError as error:
        if not context.store.durable:
            raise
        process_runner.report_unapplied(context, spec.path, error)
    return PhaseMove(spec_index.load(context, spec.path), old, target, bool(parents))


def _say_unreported(context: Context, spec: Spec) -> None:
    """Name the open tasks that commits name, also if the move is refused because they are open."""
    tasks = committed.find(context, spec, spec_index.task_statuses(context, spec))
    if tasks:
        said = committed.note(tasks, context.flag)
        context.note("warning", said["code"], f"{said['message']}.", said["hint"], spec.path)


def _gate(context: Context, spec: Spec, old: str, target: str) -> None:
    if target not in PHASE_EDGES[old]:
        raise IllegalPhase(
            f"{spec.id} is in {old}, and from there goes only to {' or '.join(PHASE_EDGES[old])}.",
            f"`craftkit spec phase {PHASE_EDGES[old][0]}`, or `--force --reason …`",
        )
    if target != "completed":
        return
    left = task_status.open_required(spec_index.task_statuses(context, spec))
    if left:
        names = ", ".join(row.task.ref for row in left[:5]) + (", …" if len(left) > 5 else "")
        raise IllegalPhase(
            f"{spec.id} cannot be completed:"
            f" {count(len(left), 'task is', 'tasks are')} open ({names}).",
            f"finish or drop them, as in `craftkit task done {typed(left[0].task.ref)}`",
        )
    unread = spec_index.unread_boxes(spec)
    if unread is not None:
        raise IllegalPhase(f"{spec.id} cannot be completed: {unread['message']}.", unread["hint"])
    waiting = outbox.count(context.store, spec.id)
    if waiting:
        raise IllegalPhase(
            f"{spec.id} cannot be completed:"
            f" {count(waiting, 'GitHub write is', 'GitHub writes are')} not delivered yet.",
            "or `--force --reason …`",
        )


def _parents(context: Context, spec: Spec) -> list[int]:
    """The parent issues whose label follows the phase; none where no repository is configured."""
    repo = str(context.config["github.repo"]).lower()
    if not repo or not context.store.durable:
        return []
    known = issues.of_spec(context.store, repo, spec.id)
    numbers = {k.number for k in known if k.task_id is None}
    return sorted(numbers | ({spec.issue} if spec.issue is not None else set()))


def steps(context: Context, decision: PhaseDecision) -> tuple[ProcessStep, ...]:
    """The steps of a move: first the file, then what is remembered of the spec."""

    def write() -> dict[str, Any]:
        return spec_index.at_current_path(
            context,
            decision.spec,
            decision.path,
            lambda path: _write_phase(context, decision, path),
        )

    return (
        ProcessStep("write_phase", do=write),
        ProcessStep("settle", save=lambda tx, _: _remember(context, tx, decision)),
    )


def _write_phase(context: Context, decision: PhaseDecision, path: str) -> dict[str, Any]:
    def change(spec: Spec) -> str:
        spec_index.refuse_another(spec, decision.spec)
        if spec.phase is None or spec.phase == decision.new:
            return spec.text
        return edit.set_meta(spec, phase=decision.new, updated=context.now()[:19] + "Z")

    with spec_writer.edit_lock(context, path):
        written = spec_writer.rewrite(context, path, change)
    return {"changed": int(written.changed)}


def _remember(context: Context, tx: sqlite3.Connection, decision: PhaseDecision) -> None:
    specs.set_phase(tx, decision.spec, decision.new, context.now())
