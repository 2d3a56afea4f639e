"""The merge of one task, in every combination, against the rules as data.

A rule says what a combination has to be and what follows; the first that fits decides.  They are
written here as people are told them, and share no line with the planner.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

from craftkit.sync.merge_model import Base, RemoteIssue, SpecSnapshot, SpecTask
from craftkit.sync.planner import plan_merge

NONE, OPEN, DONE = "none", "open", "done"
COMPLETED, DECLINED, DUPLICATE = "completed", "not planned", "duplicate"
GONE, UNSEEN = "gone", "unseen"
REOPEN, DROP, ANYWAY = "reopen", "drop", "anyway"
QUEUED, SENT = "not sent yet", "on its way"
HERE, ELSEWHERE = "nowhere else", "in another worktree"


class Case(NamedTuple):
    """One combination."""

    base: str  # NONE, OPEN or DONE: what spec and GitHub agreed on
    box: str  # OPEN or DONE
    github: str
    decision: str  # NONE, or what somebody decided here and GitHub has not confirmed
    way: str  # whether its write may have arrived
    held: str  # whether another worktree or branch has the ticked box
    decided: str  # OPEN, DONE or DROP: what was decided here last, confirmed or not


BASES = (NONE, OPEN, DONE)
BOXES = (OPEN, DONE)
STATES = (OPEN, COMPLETED, DECLINED, DUPLICATE, GONE, UNSEEN)
DECISIONS = (NONE, DONE, ANYWAY, REOPEN, DROP)
CASES = [
    Case(*values)
    for values in itertools.product(
        BASES, BOXES, STATES, DECISIONS, (QUEUED, SENT), (HERE, ELSEWHERE), (OPEN, DONE, DROP)
    )
]

NOTHING: tuple[str, ...] = ()
CLOSED = (COMPLETED, DECLINED, DUPLICATE)
REFUSED = (DECLINED, DUPLICATE)
ALL: tuple[str, ...] = ()


class Rule(NamedTuple):
    """What has to be so (nothing: it does not matter), and what follows: actions, or a conflict."""

    says: str
    then: tuple[str, ...]
    base: tuple[str, ...] = ALL
    box: tuple[str, ...] = ALL
    github: tuple[str, ...] = ALL
    decision: tuple[str, ...] = ALL
    held: tuple[str, ...] = ALL
    decided: tuple[str, ...] = ALL

    def fits(self, case: Case) -> bool:
        wanted = (
            (self.base, case.base),
            (self.box, case.box),
            (self.github, case.github),
            (self.decision, case.decision),
            (self.held, case.held),
            (self.decided, case.decided),
        )
        return all(not allowed or value in allowed for allowed, value in wanted)


OPENED, D, N = (OPEN,), (DONE,), (NONE,)
THERE, NOWHERE = (ELSEWHERE,), (HERE,)
WANTS = (DONE, ANYWAY)
DECLINED_RULE = "a person closed it as not to be done, and it is done here: attention"
RULES = (
    Rule("an issue that was not listed is no evidence", NOTHING, github=(UNSEEN,)),
    Rule("what is dropped needs no issue", NOTHING, github=(GONE,), decided=(DROP,)),
    Rule("an issue that is gone is attention, never made again", ("?issue_gone",), github=(GONE,)),
    # A command outranks everything but a person's word on GitHub.
    Rule(DECLINED_RULE, ("?closed_as_not_planned",), github=REFUSED, decision=D),
    Rule("done: a merge brings the box", ("close",), OPENED, OPENED, OPENED, WANTS, THERE),
    Rule("done: tick and close", ("tick", "close"), (), OPENED, OPENED, WANTS, NOWHERE),
    Rule("done: close", ("close",), (), (), OPENED, WANTS),
    Rule("done, and closed: agreed", ("agree_done",), (), D, CLOSED, WANTS),
    Rule(
        "done and closed: a merge brings the box", ("agree_done",), (), OPENED, CLOSED, WANTS, THERE
    ),
    Rule("done, and closed: tick", ("tick", "agree_done"), (), OPENED, CLOSED, WANTS),
    Rule("re-opened by a command: untick", ("untick", "agree_open"), (), D, OPENED, (REOPEN,)),
    Rule("re-opened by a command: agreed", ("agree_open",), (), OPENED, OPENED, (REOPEN,)),
    Rule("re-opened by a command", ("untick", "reopen"), (), D, CLOSED, (REOPEN,)),
    Rule("re-opened by a command", ("reopen",), (), OPENED, CLOSED, (REOPEN,)),
    Rule("dropped by a command: its own write closes it", NOTHING, decision=(DROP,)),
    # Open on GitHub.
    Rule("open again: taken up", ("undrop",), (), OPENED, OPENED, decided=(DROP,)),
    Rule("open again, and done", ("undrop", "close"), (), D, OPENED, decided=(DROP,)),
    Rule("done and open again: untick", ("untick",), D, D, OPENED),
    Rule("done here: close", ("close",), (NONE, OPEN), D, OPENED),
    Rule("another worktree has it: that one's affair", NOTHING, D, OPENED, OPENED, held=THERE),
    Rule("another worktree has it", NOTHING, (), OPENED, OPENED, held=THERE, decided=D),
    Rule("both are open again: agreed", ("agree_open",), D, OPENED, OPENED),
    Rule("done before GitHub heard, and lost", ("?box_open_again",), (), OPENED, OPENED, decided=D),
    Rule("open, as agreed", NOTHING, OPENED, OPENED, OPENED),
    Rule("open, at first sight", ("agree_open",), N, OPENED, OPENED),
    # Closed.
    Rule("a merge brings the box", NOTHING, D, OPENED, CLOSED, held=THERE),
    Rule("an old branch or a real untick", ("?box_open_again",), D, OPENED, CLOSED),
    Rule("done, as agreed", NOTHING, D, D, CLOSED),
    Rule("both are done: agreed", ("agree_done",), (), D, (COMPLETED,)),
    Rule(
        "dropped, and somebody did it",
        ("undrop", "tick"),
        (),
        OPENED,
        (COMPLETED,),
        decided=(DROP,),
    ),
    Rule("somebody else did it: tick", ("tick",), (), OPENED, (COMPLETED,)),
    Rule("adopted with a ticked box: done", ("agree_done",), N, D, REFUSED),
    Rule(DECLINED_RULE, ("?closed_as_not_planned",), OPENED, D, REFUSED),
    Rule("dropped on both sides", NOTHING, (), OPENED, REFUSED, decided=(DROP,)),
    Rule("a merge brings the box", NOTHING, (), OPENED, REFUSED, held=THERE, decided=D),
    Rule("done here, declined, and lost", ("?box_open_again",), (), OPENED, REFUSED, decided=D),
    Rule("not planned: dropped here too", ("drop",), (), OPENED, (DECLINED,)),
    Rule("a duplicate: attention", ("?closed_as_duplicate",), (), OPENED, (DUPLICATE,)),
)


def expected(case: Case) -> tuple[str, ...]:
    for rule in RULES:
        if rule.fits(case):
            return rule.then
    raise AssertionError(f"no rule says what follows from {case}")


def view(case: Case) -> SpecSnapshot:
    """The combination as the planner sees it."""
    synced = {NONE: None, OPEN: False, DONE: True}[case.base]
    base = Base(synced, 525, "t", case.decided == DROP, case.decided == DONE)
    issues = {}
    if case.github not in (GONE, UNSEEN):
        closed = case.github in CLOSED
        facts = (closed, case.github == COMPLETED, "t")
        issues[525] = RemoteIssue(525, *facts, duplicate=case.github == DUPLICATE)
    return SpecSnapshot(
        [SpecTask("T001", "T001", "t", case.box == DONE, 525)],
        {"T001": base},
        issues,
        {525: "deleted"} if case.github == GONE else {},
        {} if case.decision == NONE else {"T001": case.decision},
        True,
        held=frozenset({"T001"} if case.held == ELSEWHERE else ()),
    )


def outcome(case: Case) -> tuple[str, ...]:
    plan = plan_merge(view(case))
    assert not plan.stopped
    return (*(a.kind for a in plan.actions), *(f"?{c.code}" for c in plan.conflicts))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("github", STATES)
def test_i1_the_table_in_every_combination(base: str, box: str, github: str) -> None:
    for case in CASES:
        if (case.base, case.box, case.github) == (base, box, github):
            assert outcome(case) == expected(case), case


def test_every_rule_decides_something() -> None:
    used = {next(rule for rule in RULES if rule.fits(case)) for case in CASES}
    assert [rule for rule in RULES if rule not in used] == []


def test_i5_nothing_automatic_reopens_and_an_untick_needs_its_reason() -> None:
    for case in CASES:
        found = outcome(case)
        if "reopen" in found:
            assert case.decision == REOPEN, case
        if "untick" in found and case.decision != REOPEN:
            assert (case.base, case.box, case.github) == (DONE, DONE, OPEN), case
        if case.decision != ANYWAY and case.github in REFUSED:
            assert "close" not in found, case  # it would have to be opened first


def test_i6_what_is_not_seen_changes_nothing() -> None:
    for case in CASES:
        if case.github in (GONE, UNSEEN):
            assert {kind[0] for kind in outcome(case)} <= {"?"}, case


def test_what_is_on_its_way_from_here_is_no_news() -> None:
    """A close of ours, or the one before a later re-opening, ticks nothing and drops nothing."""
    for case in CASES:
        if case.decision in (REOPEN, DROP) and case.github in CLOSED:
            assert not {"tick", "drop", "undrop"} & set(outcome(case)), case
        assert outcome(case) == outcome(case._replace(way=QUEUED)), case


def test_what_another_worktree_holds_is_never_advice_to_reopen() -> None:
    for case in CASES:
        if case.held == ELSEWHERE and case.decision == NONE and case.box == OPEN:
            plan = plan_merge(view(case))
            done = case.base == DONE or case.decided == DONE
            commands = [word for c in plan.conflicts for word in c.commands]
            if done and case.github != GONE:
                assert not [word for word in commands if "reopen" in word], case
                assert not {"agree_open", "untick"} & {a.kind for a in plan.actions}, case
