"""GitHub gets into a state in the middle of a command, and out of it again: nothing is lost.

Issues are switched off, the repository is away, a label is refused, a conversation is locked, the
parent is deleted, the server hangs: the cause is named, nothing is given up for it, and nobody is
advised to forget what is there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import sampling
import test_online_faults as faults  # type: ignore[import-not-found]

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Desk = Any
LABELS = ({"graphql": "addLabelsToLabelable"}, {"method": "POST", "path": r"/labels$"})
COMMENTS = ({"graphql": "addComment"}, {"method": "POST", "path": r"/comments$"})
LOCKED = "Unable to create comment because issue is locked."
SILENCE = "no answer|not answer|time set aside for GitHub is used up"
FORGETS = r"task drop|spec unlink"


class Kind(NamedTuple):
    """A state: how it comes, how it goes, what a command says of it."""

    begin: Callable[[Desk], None]
    words: str
    end: Callable[[Desk], None] = lambda desk: None
    single: bool = False  # only some writes meet it, and they may be given up


def rules(desk: Desk, *matches: dict[str, str], **rule: Any) -> None:
    for match in matches:
        desk.server.fault({**rule, "match": match, "times": 0})


def no_rules(desk: Desk) -> None:
    desk.server.state.rules = []


def lose_parent(desk: Desk) -> None:
    parents = [n for n, i in desk.issues().items() if i["parent"] is None and i["children"]]
    if parents:
        desk.delete(parents[0])


KINDS = {
    "repository away": Kind(
        lambda d: rules(d, {}, action="not_found"), "is not there, or the token", no_rules
    ),
    "issues off": Kind(
        lambda d: d.set_repo(has_issues=False),
        "[Ii]ssues are switched off",
        lambda d: d.set_repo(has_issues=True),
    ),
    "label refused": Kind(
        lambda d: rules(d, *LABELS, action="invalid", message="Label limit"), "", no_rules, True
    ),
    "locked": Kind(
        lambda d: rules(d, *COMMENTS, action="invalid", message=LOCKED), "", no_rules, True
    ),
    "parent gone": Kind(lose_parent, "", single=True),
    "hangs": Kind(lambda d: rules(d, {}, action="timeout", seconds=60.0), SILENCE, no_rules),
}


def hurry() -> None:
    """In the child: a server that hangs is waited for a moment only."""
    from craftkit.commands import session
    from craftkit.sync import connection, linking, reconcile

    connection.HOT_SECONDS, connection.SECONDS = 0.4, 0.5
    linking.SECONDS, session.NETWORK_SECONDS = 0.6, 0.4
    assert reconcile.run.__kwdefaults__ is not None
    reconcile.run.__kwdefaults__["seconds"] = connection.SECONDS


def sooner(desk: Desk) -> None:
    """The short memory of a silent server is over."""
    desk.ask("delete from remembered where name = 'silent'")


class Case:
    def __init__(self, desk: Desk, scenario: str, kind: str) -> None:
        self.desk, self.kind, self.name = desk, KINDS[kind], f"{scenario}, {kind}"
        desk.env["CRAFTKIT_GITHUB_COMMENTS"] = "true"
        self.args, self.kept, self.requests = faults.rehearse(desk, scenario)
        self.recover()
        self.wanted = self.end()

    def recover(self) -> None:
        again = [self.args] if self.args[0] == "spec" else []
        for command in [*again, ("outbox", "retry"), faults.CREATE, ("session-resume",)]:
            self.desk.ck(*command)

    def end(self) -> dict[str, Any]:
        """What has to be the same in the end: the state of each task's issue, by its title."""
        found = self.desk.end()
        issues = [i for i in found["issues"].values() if i["reason"] != "duplicate"]
        facts = [(i["title"], i["state"], i["reason"]) for i in issues]
        tasks = sorted(fact for fact in facts if fact[0] != "Demo")
        boxes = re.findall(r"- \[.\] [^(\n]*", found["spec"])
        left = [row for row in found["outbox"] if row[0] in ("close", "reopen", "create")]
        return {"issues": tasks, "boxes": boxes, "outbox": left}

    def try_at(self, nth: int) -> list[str]:
        """The state begins with the `nth` request, and ends after the command."""
        desk, kind, wrong = self.desk, self.kind, []
        desk.back(self.kept)
        first = desk.requests()

        begun: list[int] = []

        def begin(*_: Any) -> None:
            if not begun and desk.requests() - first >= nth - 1:
                begun.append(nth)
                kind.begin(desk)

        desk.state.observers.append(begin)
        begin()
        prepare = hurry if self.name.endswith("hangs") else None
        said = desk.ck(*self.args, prepare=prepare)
        desk.state.observers.remove(begin)
        if not begun:
            kind.begin(desk)
        again = desk.ck("reconcile", prepare=prepare)
        if kind.words and not re.search(kind.words, said.out + said.err + again.err + again.out):
            wrong.append(f"the cause is not named: {again.words}")
        if not kind.single:
            dead = desk.ask("select action, error from outbox where state = 'dead'")
            wrong += [f"given up: {row}" for row in dead]
            advice = re.search(FORGETS, said.out + said.err + again.out + again.err)
            wrong += [f"advises {advice[0]}"] if advice else []
        kind.end(desk)
        sooner(desk)
        if self.name.endswith("parent gone"):
            if "issue: 1\n" in desk.text:
                desk.replace("issue: 1\n", "")
            desk.ck("spec", "link", "--yes")
        self.recover()
        now = self.end()
        wrong += [f"{k}: {now[k]!r}, not {v!r}" for k, v in self.wanted.items() if now[k] != v]
        wrong += [f"twice: {marker}" for marker in desk.doubles()]
        return [f"{self.name} from request {nth} of {self.requests}: {one}" for one in wrong]


CASES = [(scenario, kind) for kind in KINDS for scenario in faults.SCENARIOS]


@pytest.mark.parametrize(("scenario", "kind"), sampling.some(CASES, 5))
def test_i14_a_state_that_comes_and_goes_loses_nothing(
    desk: Desk, scenario: str, kind: str
) -> None:
    case = Case(desk, scenario, kind)
    points = sampling.few(range(1, case.requests + 1), 2)
    assert not (wrong := [one for nth in points for one in case.try_at(nth)]), "\n".join(wrong)
