"""Changes to issues that exist: many in one GraphQL request, or one by one over REST.

Ids that a mutation wants (of labels, the board, its field, its items) are looked up once and
remembered.  Where a remembered one turns out stale, it is forgotten and looked up again, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from craftkit.errors import CraftkitError
from craftkit.github import error_mapping, graphql_queries, mapping, node_id_cache
from craftkit.github.api_requests import ApiResult, segment
from craftkit.github.gateway import (
    CHANGES,
    CLOSED,
    COMPLETED,
    DUPLICATE,
    NOT_PLANNED,
    OPEN,
    ClosedOtherwise,
    Forbidden,
    GitHubError,
    Gone,
    Invalid,
    Issue,
    IssueChange,
    IssueGone,
    NotFound,
    UnknownOutcome,
    Unreachable,
)
from craftkit.github.graphql_queries import MutationStep
from craftkit.github.node_id_cache import Errors
from craftkit.github.repository_api import Access, chunks
from craftkit.text import one_line

_BLOCK = "addBlockedBy"
_CLOSE_REASONS = (COMPLETED, NOT_PLANNED, DUPLICATE)
_ANEW = ("reopen", "close")


class Impossible(Invalid):
    """Not refused by GitHub but never sent."""


class _Plan(NamedTuple):
    """One change as a mutation; `rests_on` are the remembered keys whose ids it uses."""

    k: int
    step: MutationStep
    rests_on: tuple[tuple[str, ...], ...]


def apply(access: Access, changes: Sequence[IssueChange]) -> list[CraftkitError | None]:
    """Make changes; the error of each, or None.  Raises nothing of the gateway's."""
    errors: Errors = {}
    pending: dict[int, IssueChange] = {}
    for k, change in enumerate(changes):
        objection = _objection(change)
        if objection:
            errors[k] = Impossible(objection, "this is an error in craftkit: please report it")
        else:
            pending[k] = change
    try:
        if pending:
            _carry_out(access, pending, errors)
    except GitHubError as error:
        for k in pending:
            errors.setdefault(k, error)
    _forgive(access, changes, errors)
    if _close_anew(access, changes, errors):
        _forgive(access, changes, errors)
    return [errors.get(k) for k in range(len(changes))]


def _carry_out(access: Access, pending: dict[int, IssueChange], errors: Errors) -> None:
    graphql = access.has_graphql()
    for k, change in pending.items():
        impossible = _impossible(access, change, graphql)
        if impossible is not None:
            errors[k] = impossible
    left = {k: change for k, change in pending.items() if k not in errors}
    if not graphql:
        _each_by_rest(access, left, errors)
        return
    for last in (False, True):
        left = _round(access, left, errors, last)
        if not left:
            return


def _objection(change: IssueChange) -> str:
    """Why a change is not even well formed; "" where it is."""
    if change.kind not in CHANGES:
        return f"There is no change named {one_line(change.kind, 40)}."
    if change.number <= 0:
        return "A change needs the number of an issue."
    if change.kind == "close" and change.value not in _CLOSE_REASONS:
        return f"An issue cannot be closed as {one_line(change.value, 40)}."
    if change.kind == "block" and not change.value.isdecimal():
        return "An issue is blocked by the number of another."
    if change.kind != "reopen" and not change.value.strip():
        return f"A change of kind {change.kind} needs a value."
    return ""


def _impossible(access: Access, change: IssueChange, graphql: bool) -> Impossible | None:
    """Why this server, or this configuration, cannot do it."""
    if change.kind == "block" and not access.capabilities().dependencies:
        return Impossible(
            f"{access.caller.server.host} has no dependencies between issues, so #{change.number} "
            f"is not marked as blocked by #{change.value}.",
            "the order still holds in craftkit itself; `craftkit outbox drop` removes this entry",
        )
    if change.kind == "status" and access.project is None:
        return Impossible(
            "No board is configured, so no status can be set.",
            "set `github.project: OWNER/NUMBER` in .craftkit/config.yaml",
        )
    if change.kind == "status" and not graphql:
        return Impossible(
            f"{access.caller.server.host} has no GraphQL, which a board's status needs.",
            "remove `github.project` from .craftkit/config.yaml",
        )
    return None


# By GraphQL


def _round(
    access: Access, changes: dict[int, IssueChange], errors: Errors, last: bool
) -> dict[int, IssueChange]:
    """Carry changes out; those that rested on a stale id come back, unless this is the `last`."""
    changes = node_id_cache.look_up(access, changes, errors)
    plans, joining, singles = [], [], {}
    for k, change in changes.items():
        if change.kind == "status" and not access.recall(*node_id_cache.item_key(access, change)):
            joining.append(_join(access, k, change))
        elif change.kind == "status":
            plans.append(_status(access, k, change))
        elif change.kind == "block" and not access.blocks_by_graphql():
            singles[k] = change
        elif change.kind in ("label", "unlabel") and not access.recall(
            *node_id_cache.label_key(change)
        ):
            if change.kind == "label":  # REST makes a label that is not there
                singles[k] = change
            else:
                errors[k] = None
        else:
            plans.append(_plan(access, k, change))
    stale = _wave(access, [*plans, *joining], errors)
    joined = [p.k for p in joining if p.k not in stale and errors.get(p.k) is None]
    stale |= _wave(access, [_status(access, k, changes[k]) for k in joined], errors)
    _each_by_rest(access, singles, errors)
    for k, plan in stale.items():
        for key in plan.rests_on:
            access.forget(*key)
        if last or not plan.rests_on:
            errors[k] = access.missing(changes[k].number)
        else:
            errors.pop(k, None)
    return {k: changes[k] for k in stale if k not in errors}


def _wave(access: Access, plans: Sequence[_Plan], errors: Errors) -> dict[int, _Plan]:
    """Send mutations; those that rested on something that is not there, by change."""
    stale: dict[int, _Plan] = {}
    batches = list(chunks(plans, graphql_queries.STEPS_AT_ONCE))
    for n, batch in enumerate(batches):
        try:
            result = access.graphql(
                graphql_queries.mutations([plan.step for plan in batch]), write=True
            )
        except UnknownOutcome as unknown:
            errors |= {plan.k: unknown for plan in batch}
            for later in batches[n + 1 :]:
                errors |= {plan.k: _not_sent() for plan in later}
            return stale
        except (Forbidden, error_mapping.NotUnderstood) as refused:
            # A document is refused as a whole for one part: a scope that boards need, or a
            # mutation that this server does not know.
            suspects = [p for p in batch if "Project" in p.step.field or p.step.field == _BLOCK]
            errors |= {plan.k: refused for plan in suspects or batch}
            if suspects:
                stale |= _wave(access, [p for p in batch if p not in suspects], errors)
            continue
        except GitHubError as error:
            errors |= {plan.k: error for later in batches[n:] for plan in later}
            return stale
        for place, plan in enumerate(batch):
            problem = _error_of(access, result, f"c{place}")
            if isinstance(problem, NotFound):
                stale[plan.k] = plan
            else:
                payload = result.data.get(f"c{place}")
                # Two steps may be of one change: the first that fails says why.
                errors[plan.k] = errors.get(plan.k) or problem or _misjudged(access, plan, payload)
                _keep_item(access, plan, payload)
    return stale


def _error_of(access: Access, result: ApiResult, alias: str) -> GitHubError | None:
    for problem in result.problems:
        if problem.path[:1] == (alias,):
            return access.caller.error(problem, result.headers, write=True)
    if isinstance(result.data.get(alias), dict):
        return None
    for problem in result.problems:
        if not problem.path:
            return access.caller.error(problem, result.headers, write=True)
    return access.unknown("its answer says nothing of this change")


def _not_sent() -> Unreachable:
    return Unreachable(
        "It was not sent, because the request before it got no answer.",
        "run `craftkit reconcile` to send what is queued",
    )


def _plan(access: Access, k: int, change: IssueChange) -> _Plan:
    issue = node_id_cache.node(access, change.number, change.node_id)
    kind, value = change.kind, change.value
    if kind == "close":
        closing = {"issueId": issue, "stateReason": value.upper()}
        return _Plan(
            k, MutationStep("closeIssue", closing, graphql_queries.closed(access.shape())), ()
        )
    if kind == "reopen":
        return _Plan(k, MutationStep("reopenIssue", {"issueId": issue}), ())
    if kind == "title":
        return _Plan(k, MutationStep("updateIssue", {"id": issue, "title": value}), ())
    if kind == "comment":
        return _Plan(k, MutationStep("addComment", {"subjectId": issue, "body": value}), ())
    if kind == "block":
        blocker = node_id_cache.node(access, int(value), "")
        return _Plan(k, MutationStep(_BLOCK, {"issueId": issue, "blockingIssueId": blocker}), ())
    field = "addLabelsToLabelable" if kind == "label" else "removeLabelsFromLabelable"
    key = node_id_cache.label_key(change)
    given = {"labelableId": issue, "labelIds": [access.recall(*key)]}
    return _Plan(k, MutationStep(field, given), (key,))


def _join(access: Access, k: int, change: IssueChange) -> _Plan:
    """Put the issue on the board; one that is there already stays (assumed of GitHub)."""
    board = node_id_cache.board_key(access)
    issue = node_id_cache.node(access, change.number, change.node_id)
    given = {"projectId": access.recall(*board), "contentId": issue}
    return _Plan(k, MutationStep("addProjectV2ItemById", given, "item { id }"), (board,))


def _status(access: Access, k: int, change: IssueChange) -> _Plan:
    keys = (
        node_id_cache.board_key(access),
        node_id_cache.item_key(access, change),
        node_id_cache.board_key(access, "field"),
        node_id_cache.option_key(access, change.value),
    )
    board, item, field, option = (access.recall(*key) for key in keys)
    given = {
        "projectId": board,
        "itemId": item,
        "fieldId": field,
        "value": {"singleSelectOptionId": option},
    }
    return _Plan(k, MutationStep("updateProjectV2ItemFieldValue", given), keys)


def _misjudged(access: Access, plan: _Plan, payload: Any) -> ClosedOtherwise | None:
    """What is wrong with a close that GitHub has carried out; None for all else."""
    wanted = str(plan.step.input.get("stateReason", "")).lower()
    issue = payload.get("issue") if isinstance(payload, dict) else None
    return _otherwise(access, wanted, mapping.closed_as(issue, "stateReason")) if wanted else None


def _keep_item(access: Access, plan: _Plan, payload: Any) -> None:
    """Remember the board's item for the issue that has just been put there."""
    if plan.step.field == "addProjectV2ItemById" and isinstance(payload, dict):
        item = payload.get("item")
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            key = node_id_cache.board_key(access, "item", str(plan.step.input["contentId"]))
            access.remember(item["id"], *key)


# By REST


def _each_by_rest(
    access: Access, changes: dict[int, IssueChange], errors: Errors, *, anew: bool = False
) -> None:
    """One after the other, until one fails in a way that the next would too."""
    for k, change in changes.items():
        try:
            if anew:
                _by_rest(access, change._replace(kind="reopen"))
            _by_rest(access, change)
            errors[k] = None
        except (Invalid, IssueGone) as error:
            errors[k] = error
        except UnknownOutcome as error:
            errors[k] = error
            errors |= {other: _not_sent() for other in changes if other not in errors}
            return
        except GitHubError as error:
            errors |= {other: error for other in changes if other not in errors}
            return


def _by_rest(access: Access, change: IssueChange) -> None:
    number, value = change.number, change.value
    at = f"issues/{number}"
    if change.kind == "label":
        access.send("POST", f"{at}/labels", {"labels": [value]}, _label_reader(access), number)
    elif change.kind == "unlabel":
        _unlabel(access, number, value)
    elif change.kind == "comment":
        access.send("POST", f"{at}/comments", {"body": value}, mapping.anything, number)
    elif change.kind == "block":
        blocker = access.rest_issue(int(value))
        if isinstance(blocker, Gone):
            raise error_mapping.gone(access.caller.about, blocker.number, blocker.why)
        body: dict[str, Any] = {"issue_id": blocker.id}
        access.send("POST", f"{at}/dependencies/blocked_by", body, mapping.anything, number)
    elif change.kind == "close":
        body = {"state": CLOSED, "state_reason": value}
        reason = access.send("PATCH", at, body, mapping.closing(number), number)
        otherwise = _otherwise(access, value, reason)
        if otherwise is not None:
            raise otherwise
    else:
        body = {"state": OPEN} if change.kind == "reopen" else {"title": value}
        access.send("PATCH", at, body, mapping.same_issue(number), number)


def _label_reader(access: Access) -> Callable[[Any], None]:
    """Reads the issue's labels after one was added, and remembers its id."""

    def read(data: Any) -> None:
        for label in mapping.objects(data):
            name, node = label.get("name"), label.get("node_id")
            if isinstance(name, str) and isinstance(node, str):
                access.remember(node, "label", name.casefold())

    return read


def _unlabel(access: Access, number: int, name: str) -> None:
    tail = f"issues/{number}/labels/{segment(name)}"
    try:
        access.send("DELETE", tail, None, mapping.anything, number)
    except IssueGone:  # or the label is not on it, which is what was wanted
        if isinstance(access.issues([number])[number], Gone):
            raise


# Closed already, for another reason


def _otherwise(access: Access, wanted: str, reason: str | None) -> ClosedOtherwise | None:
    """The error of an issue that is closed for another reason; one that is not said is none."""
    if reason in (None, wanted):
        return None
    if wanted == DUPLICATE and access.has_graphql() and not access.shape().duplicate:
        return None  # this server calls a duplicate not planned
    return ClosedOtherwise(str(reason))


def _close_anew(access: Access, changes: Sequence[IssueChange], errors: Errors) -> bool:
    """Re-open what was closed for another reason, and close it again; whether there was any.

    GitHub looks at a reason only where the state changes.  Whoever is interrupted between the two
    sends the close again: its issue is open then.
    """
    wrong = {
        k: changes[k]
        for k, error in errors.items()
        if isinstance(error, ClosedOtherwise) and error.reason not in changes[k].leaves
    }
    for k in wrong:
        del errors[k]
    if not wrong:
        return False
    try:
        if access.has_graphql():
            steps = [(k, c._replace(kind=kind)) for k, c in wrong.items() for kind in _ANEW]
            for k in _wave(access, [_plan(access, k, change) for k, change in steps], errors):
                errors[k] = access.missing(wrong[k].number)
        else:
            _each_by_rest(access, wrong, errors, anew=True)
    except GitHubError as error:
        for k in wrong:
            errors.setdefault(k, error)
    return True


# Refused, but so already


def _forgive(access: Access, changes: Sequence[IssueChange], errors: Errors) -> None:
    """Take back the errors of changes that GitHub refuses because nothing would change."""
    doubtful = {
        k: changes[k]
        for k, error in errors.items()
        if type(error) is Invalid and changes[k].kind != "status"
    }
    try:
        now = access.issues([c.number for c in doubtful.values()]) if doubtful else {}
        for k, change in doubtful.items():
            issue = now[change.number]
            if isinstance(issue, Issue) and _is_so(access, change, issue):
                closes = change.kind == "close"
                errors[k] = _otherwise(access, change.value, issue.reason) if closes else None
    except GitHubError:
        return  # the refusals stand


def _is_so(access: Access, change: IssueChange, issue: Issue) -> bool:
    labels = [name.casefold() for name in issue.labels]
    if change.kind == "close":
        return issue.state == CLOSED
    if change.kind == "reopen":
        return issue.state == OPEN
    if change.kind == "title":
        return issue.title == change.value
    if change.kind == "label":
        return change.value.casefold() in labels
    if change.kind == "unlabel":
        return change.value.casefold() not in labels
    if change.kind == "block":
        tail = f"issues/{change.number}/dependencies/blocked_by"
        blockers = access.items(tail, lambda page: False)
        return any(item.get("number") == int(change.value) for item in blockers)
    return False
