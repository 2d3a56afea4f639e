"""What a reconcile found and did, in figures, lines and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from craftkit.errors import EXIT_ATTENTION, EXIT_DRIFT, CraftkitError
from craftkit.model import Spec
from craftkit.redact import word
from craftkit.sync import planner
from craftkit.workflow import hub


class SpecReport(NamedTuple):
    """One spec: what was found, and whether it was carried out."""

    spec: Spec
    plan: planner.Plan
    applied: bool
    unsent: frozenset[str | None] = frozenset()  # ids of tasks of which GitHub has not heard yet
    linked: bool = True  # the spec has a parent issue


class Report(NamedTuple):
    specs: tuple[SpecReport, ...]
    sent: hub.Sent
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
            created = sum(a.kind == planner.CREATE for a in plan.actions) if report.applied else 0
            found["missing"] += len(plan.missing) - created
            found["orphan"] += len(plan.orphans)
            found["attention"] += len(plan.attention) + bool(plan.stopped)
        found["queued"], found["dead"] = self.sent.queued, self.sent.dead
        return found


KIND_OF = {
    planner.CLOSE: "done_not_closed",
    planner.TICK: "closed_not_ticked",
    planner.UNTICK: "reopened_not_unticked",
    planner.REOPEN: "reopened_not_sent",
    planner.RETITLE: "title",
    planner.CLOSE_DUPLICATE: "duplicate",
    planner.LINK: "link_lost",
}
DRIFT = (*KIND_OF.values(), "missing", "orphan", "attention", "queued", "dead")
BENIGN = ("orphan",)  # somebody else's sub-issues are no difference to settle


VERBS = {
    planner.TICK: "ticked",
    planner.UNTICK: "unticked",
    planner.CLOSE: "closed",
    planner.REOPEN: "re-opened",
    planner.CREATE: "made",
    planner.LINK: "linked",
    planner.RETITLE: "renamed",
    planner.ADOPT: "adopted",
    planner.UNDROP: "taken up again",
    planner.CLOSE_DUPLICATE: "closed as duplicate",
}


# What is done on GitHub, so that it may have to wait.
SENT = frozenset(
    {planner.CLOSE, planner.REOPEN, planner.CREATE, planner.RETITLE, planner.CLOSE_DUPLICATE}
)


def verb(item: SpecReport, action: planner.Action) -> str:
    """What was done, or that it waits still."""
    waits = action.kind in SENT and action.task in item.unsent
    return f"to be {VERBS[action.kind]} (queued):" if waits else VERBS[action.kind]


def lines(report: Report, *, evidence: bool) -> tuple[list[str], list[str]]:
    """What was done (or would be), and remarks."""
    out: list[str] = list(report.recorded)
    notes: list[str] = []
    if report.delivered:
        plural = "write" if report.delivered == 1 else "writes"
        notes.append(f"{report.delivered} GitHub {plural} delivered")
    for item in report.specs:
        name = item.spec.id
        for action in item.plan.actions:
            if action.kind in VERBS:
                does = verb(item, action) if item.applied else action.kind.replace("_", " ")
                number = f" #{action.issue}" if action.issue else ""
                why = f"  ({action.why})" if evidence or not item.applied else ""
                out.append(f"{name}: {does} {action.ref}{number}{why}")
        for doubt in item.plan.attention:
            fix = " or ".join(named(item.spec.id, doubt.commands))
            out.append(f"{name}: attention: {doubt.message}: {fix}")
        if item.plan.stopped:
            further = "; `--yes` goes on" if item.plan.overridable else ""
            out.append(f"{name}: stopped: {item.plan.stopped}{further}")
        if not item.linked:
            notes.append(f"{name}: has no issues on GitHub: `craftkit spec link` makes them")
        made = {a.ref for a in item.plan.actions if a.kind == planner.CREATE and item.applied}
        if set(item.plan.missing) - made:
            refs = ", ".join(item.plan.missing[:5])
            have = "task has" if len(item.plan.missing) == 1 else "tasks have"
            notes.append(f"{name}: {len(item.plan.missing)} {have} no issue ({refs}): `--create`")
        if item.plan.orphans:
            numbers = ", ".join(f"#{n}" for n in item.plan.orphans[:5])
            notes.append(
                f"{name}: sub-issues without a task line ({numbers}): `--adopt` appends them"
            )
    if not out and not report.delivered:
        notes.append("nothing to settle")
    return out, notes


def named(spec_id: str, commands: Sequence[str]) -> list[str]:
    """Commands that say which spec they mean: the active one may have the same keys."""
    return [
        f"{command} --spec {word(spec_id)}"
        if command.startswith(("craftkit task ", "craftkit spec ", RECONCILE))
        else command
        for command in commands
    ]


RECONCILE = "craftkit reconcile "


def exit_code(report: Report, check: bool) -> int:
    """3 for drift with --check, 5 where a person is needed, 1 where writes were given up."""
    drift = report.drift()
    if check:
        return EXIT_DRIFT if any(n for name, n in drift.items() if name not in BENIGN) else 0
    if any(item.plan.stopped or item.plan.attention for item in report.specs):
        return EXIT_ATTENTION
    return 1 if drift["dead"] else 0


def as_notes(report: Report) -> list[dict[str, str]]:
    """What was repaired, for the brief: numbers and keys only, no text that came from GitHub."""
    notes = []
    for item in report.specs:
        for action in item.plan.actions:
            if item.applied and action.kind in VERBS:
                number = f" (#{action.issue})" if action.issue else ""
                message = f"{action.ref}{number} {verb(item, action).removesuffix(':')}"
                notes.append({"code": f"merge_{action.kind}", "message": message})
    return notes


def doubts(item: SpecReport) -> list[dict[str, str]]:
    """What a person has to settle, in the same words as `reconcile` uses."""
    found = []
    for doubt in item.plan.attention:
        hint = " or ".join(
            f"`{command}`" if command.startswith("craftkit ") else command
            for command in named(item.spec.id, doubt.commands)
        )
        found.append(
            {"code": doubt.code, "task": doubt.ref, "message": doubt.message, "hint": hint}
        )
    if item.plan.stopped:
        hint = "`craftkit reconcile --dry-run` shows all"
        if item.plan.overridable:
            hint += ", `craftkit reconcile --yes` goes on"
        found.append({"code": "stopped", "task": "", "message": item.plan.stopped, "hint": hint})
    return found


def as_dict(report: Report) -> dict[str, Any]:
    return {
        "specs": [
            {
                "id": r.spec.id,
                "path": r.spec.path,
                "applied": r.applied,
                "stopped": r.plan.stopped,
                "actions": [a._asdict() for a in r.plan.actions],
                "attention": [a._asdict() for a in r.plan.attention],
                "missing": list(r.plan.missing),
                "orphans": list(r.plan.orphans),
            }
            for r in report.specs
        ],
        "drift": report.drift(),
        "outbox": {"queued": report.sent.queued, "dead": report.sent.dead},
        "recorded": list(report.recorded),
        "delivered": report.delivered,
        "requests": report.requests,
    }
