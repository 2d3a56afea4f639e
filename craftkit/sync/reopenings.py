"""Issues of done tasks that are open again: whose work that is, and when it is one too many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from craftkit.github import gateway as gh
from craftkit.store.key_values import KeyValueCache
from craftkit.sync.context import SyncContext
from craftkit.sync.merge_model import UNTICK, Action, Conflict, MergePlan
from craftkit.text import one_line, typed

ROUNDS = 2  # so often one account may re-open what was done here, until a person is asked


class Round(NamedTuple):
    """Who re-opened an issue that was done here, how often in a row, and the last event."""

    login: str
    times: int
    event: str


def confirm(
    plan: MergePlan, by: Mapping[int, gh.Reopening], before: Mapping[int, Round]
) -> MergePlan:
    """A plan that unticks only what somebody has re-opened.  Pure.

    Lists lag behind: an issue that was closed a moment ago may still be open in one; `by` has the
    issues that are open indeed.  An account that does it again and again is a program: closing and
    re-opening would go on for ever, so a person is asked.
    """
    actions: list[Action] = []
    conflicts: list[Conflict] = []
    for action in plan.actions:
        number = action.issue
        if action.kind != UNTICK or number is None:
            actions.append(action)
        elif number in by:
            who = one_line(by[number].login, 40)
            if next_round(before.get(number), by[number]).times > ROUNDS:
                conflicts.append(_again(action, number, who))
            else:
                actions.append(action._replace(why=f"{action.why}, re-opened by {who}"))
    return plan._replace(actions=tuple(actions), conflicts=(*plan.conflicts, *conflicts))


def next_round(before: Round | None, seen: gh.Reopening) -> Round:
    """The round that a re-opening is, after those `before`; seen again, it is the same one."""
    if before is None or before.login != seen.login:
        return Round(seen.login, 1, seen.event)
    if before.event == seen.event:
        return before
    return Round(seen.login, before.times + 1, seen.event)


def _again(action: Action, number: int, who: str) -> Conflict:
    words = f"{who} re-opens #{number} of {action.ref} each time that it is done"
    commands = (
        f"craftkit task reopen {typed(action.ref)}",
        f"craftkit task done {typed(action.ref)}",
    )
    return Conflict("reopened_again", action.task, action.ref, number, words, commands)


def look(sync: SyncContext, plan: MergePlan) -> dict[int, gh.Reopening]:
    """Who re-opened the issues that a plan would untick: one request for them, and one for each."""
    numbers = [a.issue for a in plan.actions if a.kind == UNTICK and a.issue is not None]
    now = sync.gateway.issues(numbers) if numbers else {}
    found: dict[int, gh.Reopening] = {}
    for number, issue in now.items():
        if isinstance(issue, gh.Issue) and issue.state == gh.OPEN:
            who = sync.gateway.reopened_by(number)
            if who is not None:
                found[number] = who
    return found


PREFIX = "reopened #"  # begins the name under which the rounds of an issue are remembered


def known(box: KeyValueCache, numbers: Iterable[int]) -> dict[int, Round]:
    """The rounds of issues so far."""
    found = {}
    for number in numbers:
        parts = box.get(f"{PREFIX}{number}", "").split(" ", 2)
        if len(parts) == 3:
            found[number] = Round(parts[2], int(parts[0]), parts[1])
    return found


def remember(box: KeyValueCache, number: int, seen: gh.Reopening) -> None:
    """A round has ended: what was done is open again."""
    last = next_round(known(box, [number]).get(number), seen)
    box[f"{PREFIX}{number}"] = f"{last.times} {last.event} {last.login}"
