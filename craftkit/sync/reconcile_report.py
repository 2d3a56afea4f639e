"""What a reconcile found and did, in figures, lines and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from craftkit.errors import EXIT_ATTENTION, EXIT_DRIFT, CraftkitError
from craftkit.loop import spec_identity
from craftkit.model import MERGE_CONFLICT, Spec
from craftkit.sync import connection, merge_model
from craftkit.text import count, shell_word


class SpecReport(NamedTuple):
    """One spec: what was found, and whether it was carried out."""

    spec: Spec
    plan: merge_model.MergePlan
    applied: bool
    unsent: frozenset[str | None] = frozenset()  # ids of tasks of which GitHub has not heard yet
    linked: bool = True  # the spec has a parent issue


class ReconcileReport(NamedTuple):
    specs: tuple[SpecReport, ...]
    sent: connection.DeliveryStatus
    requests: int
    failed: CraftkitError | None = None  # why GitHub could not be asked
    delivered: int = 0  # writes that waited before, or came of this
    recorded: tuple[str, ...] = ()  # what the boxes said

    def drift(self) -> dict[str, int]:
        """The figures by which spec and GitHub differ."""
        found = dict.fromkeys(DRIFT, 0)
        for report in self.specs:
            plan = report.plan
            for action in plan.actions:
                if action.kind in KIND_OF:
                    found[KIND_OF[action.kind]] += 1
            missing, orphans = unmatched(report, report.applied)
            found["missing"] += len(missing)
            found["orphan"] += len(orphans)
            found["attention"] += len(plan.conflicts) + bool(plan.stopped)
        found["queued"], found["dead"] = self.sent.queued, self.sent.dead
        return found


def unmatched(item: SpecReport, done: bool = True) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Task lines without an issue and sub-issues without a line, once the plan is `done`."""
    actions = item.plan.actions if done else ()
    made = {action.ref for action in actions if action.kind == merge_model.CREATE}
    adopted = {action.issue for action in actions if action.kind == merge_model.ADOPT}
    missing = tuple(ref for ref in item.plan.missing if ref not in made)
    return missing, tuple(n for n in item.plan.orphans if n not in adopted)


KIND_OF = {
    merge_model.CLOSE: "done_not_closed",
    merge_model.TICK: "closed_not_ticked",
    merge_model.UNTICK: "reopened_not_unticked",
    merge_model.REOPEN: "reopened_not_sent",
    merge_model.RETITLE: "title",
    merge_model.CLOSE_DUPLICATE: "duplicate",
    merge_model.LINK: "link_lost",
    merge_model.DROP: "closed_not_dropped",
}
DRIFT = (*KIND_OF.values(), "missing", "orphan", "attention", "queued", "dead")
BENIGN = ("orphan",)  # somebody else's sub-issues are not a difference to settle


VERBS = {
    merge_model.TICK: "ticked",
    merge_model.UNTICK: "unticked",
    merge_model.CLOSE: "closed",
    merge_model.REOPEN: "re-opened",
    merge_model.CREATE: "made",
    merge_model.LINK: "linked",
    merge_model.RETITLE: "renamed",
    merge_model.ADOPT: "adopted",
    merge_model.DROP: "dropped",
    merge_model.UNDROP: "taken up again",
    merge_model.CLOSE_DUPLICATE: "closed as duplicate",
}


# What is done on GitHub, so that it may have to wait.
SENT = frozenset(
    {
        merge_model.CLOSE,
        merge_model.REOPEN,
        merge_model.CREATE,
        merge_model.RETITLE,
        merge_model.CLOSE_DUPLICATE,
    }
)


def verb(item: SpecReport, action: merge_model.Action) -> str:
    """What was done, or that it waits still."""
    waits = action.kind in SENT and action.task in item.unsent
    return f"to be {VERBS[action.kind]} (queued):" if waits else VERBS[action.kind]


def label(action: merge_model.Action) -> str:
    """The task and its issue; a task without a key is named by its issue, once."""
    named = action.issue is None or action.ref in (f"gh{action.issue}", f"#{action.issue}")
    return action.ref if named else f"{action.ref} #{action.issue}"


def stop_reason(item: SpecReport) -> tuple[str, str]:
    """Why nothing is done with a spec, and what to do about it."""
    why, blocker = item.plan.stopped, item.spec.conflict
    if blocker is not None and not item.plan.overridable:
        return why, blocker.hint
    twin = spec_identity.twin(item.spec)
    if twin is not None:
        return why, twin.hint
    if item.plan.overridable:
        return why, "`craftkit reconcile --dry-run` shows all, `craftkit reconcile --yes` goes on"
    return why, "bring its task lines back, then run it again"


def lines(report: ReconcileReport, *, evidence: bool) -> tuple[list[str], list[str]]:
    """What was done (or would be), and remarks."""
    out: list[str] = list(report.recorded)
    notes: list[str] = []
    if report.delivered:
        plural = "write" if report.delivered == 1 else "writes"
        notes.append(f"{report.delivered} GitHub {plural} delivered")
    for item in report.specs:
        name = item.spec.id if not item.spec.twin_of else item.spec.path
        for action in item.plan.actions:
            if action.kind in VERBS:
                does = verb(item, action) if item.applied else action.kind.replace("_", " ")
                why = f"  ({action.why})" if evidence or not item.applied else ""
                out.append(f"{name}: {does} {label(action)}{why}")
        for conflict in item.plan.conflicts:
            fix = " or ".join(named(item.spec.id, conflict.commands))
            out.append(f"{name}: attention: {conflict.message}: {fix}")
        if item.plan.stopped:
            why, hint = stop_reason(item)
            further = "`--yes` goes on" if item.plan.overridable else hint
            out.append(f"{name}: stopped: {why}; {further}")
        if not item.linked:
            notes.append(f"{name}: has no issues on GitHub: `craftkit spec link` makes them")
        missing, orphans = unmatched(item)
        if missing:
            refs = ", ".join(missing[:5])
            have = "task has" if len(missing) == 1 else "tasks have"
            notes.append(f"{name}: {len(missing)} {have} no issue ({refs}): `--create`")
        loose = [n for n in orphans if n not in item.plan.outsiders]
        if loose:
            notes.append(
                f"{name}: sub-issues without a task line ({_numbers(loose)}): `--adopt` appends"
                " them"
            )
        notes += [f"{name}: {words}" for words in _of_outsiders(item.plan)]
    if not out and not report.delivered:
        notes.append("nothing to settle")
    return out, notes


def _of_outsiders(plan: merge_model.MergePlan) -> list[str]:
    """What was left alone because its author may not push, or nobody could tell."""
    kinds = (("sub-issue", plan.outsiders, "appended"), ("marker", plan.ignored, "believed"))
    return [
        f"{count(len(of), what)} of people who may not push {'was' if len(of) == 1 else 'were'}"
        f" not {done} ({_numbers(of)})"
        for what, of, done in kinds
        if of
    ]


def _numbers(found: Sequence[int]) -> str:
    return ", ".join(f"#{n}" for n in found[:5]) + (", …" if len(found) > 5 else "")


def named(spec_id: str, commands: Sequence[str]) -> list[str]:
    """Commands that say which spec they mean: the active one may have the same keys."""
    return [
        f"{command} --spec {shell_word(spec_id)}"
        if command.startswith(("craftkit task ", "craftkit spec ", RECONCILE))
        else command
        for command in commands
    ]


RECONCILE = "craftkit reconcile "


def exit_code(report: ReconcileReport, check: bool) -> int:
    """3 for drift with --check, 5 where a person is needed, 1 where writes were given up."""
    drift = report.drift()
    if check:
        return EXIT_DRIFT if any(n for name, n in drift.items() if name not in BENIGN) else 0
    if any(item.plan.stopped or item.plan.conflicts for item in report.specs):
        return EXIT_ATTENTION
    return 1 if drift["dead"] else 0


def as_notes(report: ReconcileReport) -> list[dict[str, str]]:
    """What was repaired, for the brief: numbers and keys only, no text that came from GitHub."""
    notes = []
    for item in report.specs:
        for action in item.plan.actions:
            if item.applied and action.kind in VERBS:
                task, _, number = label(action).partition(" ")
                number = f" ({number})" if number else ""
                message = f"{task}{number} {verb(item, action).removesuffix(':')}"
                notes.append({"code": f"merge_{action.kind}", "message": message})
    return notes


def conflict_notes(item: SpecReport) -> list[dict[str, str]]:
    """What a person has to settle, in the same words as `reconcile` uses."""
    found = []
    for conflict in item.plan.conflicts:
        if conflict.code == MERGE_CONFLICT:
            continue  # what the file says itself is read anew
        hint = " or ".join(
            f"`{command}`" if command.startswith("craftkit ") else command
            for command in named(item.spec.id, conflict.commands)
        )
        found.append(
            {"code": conflict.code, "task": conflict.ref, "message": conflict.message, "hint": hint}
        )
    if item.plan.stopped and (item.plan.overridable or item.spec.conflict is None):
        message, hint = stop_reason(item)
        found.append({"code": "stopped", "task": "", "message": message, "hint": hint})
    return found


def as_dict(report: ReconcileReport) -> dict[str, Any]:
    return {
        "specs": [
            {
                "id": r.spec.id,
                "path": r.spec.path,
                "applied": r.applied,
                "stopped": r.plan.stopped,
                "actions": [a._asdict() for a in r.plan.actions],
                "attention": [a._asdict() for a in r.plan.conflicts],
                "missing": list(missing),
                "orphans": list(orphans),
                "outsiders": list(r.plan.outsiders),
                "ignored_markers": list(r.plan.ignored),
            }
            for r in report.specs
            for missing, orphans in [unmatched(r, r.applied)]
        ],
        "drift": report.drift(),
        "outbox": {"queued": report.sent.queued, "dead": report.sent.dead},
        "recorded": list(report.recorded),
        "delivered": report.delivered,
        "requests": report.requests,
    }
