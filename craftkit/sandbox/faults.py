"""Faults as data: which request is hit, and what goes wrong with it.

A rule is a JSON object; everything but `action` is optional:

    {"match": {"method": "POST", "path": "/issues$", "graphql": "createIssue", "alias": "a2",
               "login": "octo-dev"},
     "nth": 1, "times": 1, "action": "status", "status": 502, "apply": true}

`path` is a regular expression that is searched for in path and query; `graphql` is the name of an
operation or of one of its root fields; `nth` is the first matching request to be hit, counted from
the moment the rule was added, `times` how many are hit then (0: all).  The first rule that hits
decides.  `apply` says whether the request is carried out although its answer is lost or spoilt.

ACTIONS below lists what can go wrong, each with the further keys it takes and their defaults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from craftkit.errors import UsageProblem
from craftkit.sandbox.schema import Operation
from craftkit.sandbox.state import Request

ACTIONS: dict[str, dict[str, Any]] = {
    # The connection.
    "refuse": {},  # dropped at once, never carried out
    "reset": {"apply": False},  # reset instead of an answer
    "timeout": {"apply": False, "seconds": 60.0},  # held for so long, then dropped
    "delay": {"seconds": 1.0},  # held for so long, then carried out and answered
    "offline": {"seconds": 1.0},  # answered; after it nobody listens for so long
    "truncated": {"apply": True, "short": False},  # half the body; short: less than announced
    "slow": {"apply": True, "seconds": 5.0},  # the answer drips in over so long
    # Another answer.
    "status": {"apply": False, "status": 502, "headers": {}, "body": None},
    "html": {"apply": True},  # 200 and a page
    "huge": {"apply": True, "bytes": 10_000_000},  # the answer and so much white space
    "wrong_type": {"apply": True, "value": None},  # JSON, but a list for an object and so on
    # What GitHub says.  On GraphQL the last five fail the matched root fields only.
    "unauthorized": {},
    "secondary": {"retry_after": 60.0, "status": 403},  # from now on, for so long
    "exhausted": {"reset_in": 60.0},  # from now on, for so long
    "forbidden": {"permission": "issues=write"},
    "not_found": {},
    "gone": {},
    "moved": {"number": 1},  # to that number of the same repository
    "invalid": {"message": "Validation Failed"},
    # Time.
    "late": {"answer": 502, "after_requests": 1, "after_seconds": None, "seconds": 1.0},
    "stale": {"writes": 1},  # a read answers as of so many writes ago
}
# An answer for `late` besides a status: "reset", or "timeout" (held for `seconds`).
LATE_ANSWERS = ("reset", "timeout")
_MATCH = ("method", "path", "graphql", "alias", "login")


class Rule(NamedTuple):
    match: Mapping[str, str]
    nth: int
    times: int
    action: str
    options: Mapping[str, Any]
    seen: int = 0  # matching requests so far

    def shown(self) -> dict[str, Any]:
        return {
            "match": dict(self.match),
            "nth": self.nth,
            "times": self.times,
            "action": self.action,
            **self.options,
            "seen": self.seen,
        }


def rules(given: Any) -> list[Rule]:
    """One rule or a list of them; a mistake is a UsageProblem that names it."""
    return [_rule(item) for item in (given if isinstance(given, list) else [given])]


def _rule(given: Any) -> Rule:
    if not isinstance(given, dict) or given.get("action") not in ACTIONS:
        raise UsageProblem("A fault has no known action.", f"known are {', '.join(ACTIONS)}")
    action = given["action"]
    options = dict(ACTIONS[action])
    match = given.get("match", {})
    if unknown := match.keys() - set(_MATCH):
        raise UsageProblem(f"A fault cannot match by {', '.join(sorted(unknown))}.")
    for key, value in given.items():
        if key in options:
            options[key] = value
        elif key not in ("match", "nth", "times", "action"):
            raise UsageProblem(f"The fault {action} knows no {key}.")
    try:
        re.compile(match.get("path", ""))
        nth, times = int(given.get("nth", 1)), int(given.get("times", 1))
    except (re.error, TypeError, ValueError) as error:
        raise UsageProblem(f"The fault {action} is not as it should be: {error}.") from error
    return Rule(match, nth, times, action, options)


def matches(rule: Rule, request: Request, asked: Operation | None, login: str) -> bool:
    match = rule.match
    if match.get("method", request.method).upper() != request.method:
        return False
    if not re.search(match.get("path", ""), request.path):
        return False
    if match.get("login", login) != login:
        return False
    if rule.action == "stale" and not _reads(request, asked):
        return False
    return not ("graphql" in match or "alias" in match) or bool(hit_fields(rule, asked))


def _reads(request: Request, asked: Operation | None) -> bool:
    return request.method == "GET" or (asked is not None and not asked.mutation)


def hit_fields(rule: Rule, asked: Operation | None) -> list[str]:
    """The answer keys of the root fields that a rule hits."""
    if asked is None:
        return []
    name, alias = rule.match.get("graphql"), rule.match.get("alias")
    return [
        key
        for key, field in asked.fields
        if name in (None, asked.name, field) and alias in (None, key)
    ]


def choose(
    known: list[Rule], request: Request, asked: Operation | None, login: str
) -> tuple[list[Rule], Rule | None]:
    """The rules with their new counts, and the one that hits, if any."""
    counted, hit = [], None
    for rule in known:
        if matches(rule, request, asked, login):
            rule = rule._replace(seen=rule.seen + 1)
            inside = rule.seen >= rule.nth
            inside = inside and (not rule.times or rule.seen < rule.nth + rule.times)
            if hit is None and inside:
                hit = rule
        counted.append(rule)
    return counted, hit
