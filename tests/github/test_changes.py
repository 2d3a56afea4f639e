"""Changes to issues that exist: how many requests they take, and whose error is whose."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses
from replies import (
    API,
    BIG,
    GRAPHQL,
    REPO,
    REST_ONLY,
    Clock,
    answer_graphql,
    known,
    make_client,
    node,
    preflight,
    problem,
    repository,
    rest,
    rest_repository,
    sent,
)

from craftkit.errors import CraftkitError
from craftkit.github.address import Project
from craftkit.github.gateway import Capabilities, Forbidden, Invalid, IssueChange, IssueGone

ISSUES = f"{REPO}/issues"
EVIL = 'x") { viewer { login } } # \u202e'

LABEL = {"label in-progress": "LA_1"}
BOARD = {
    "board octo/3": "P_1",
    "board octo/3 field": "F_1",
    "board octo/3 option status done": "O_done",
    "board octo/3 option status in progress": "O_prog",
    "board octo/3 item I_7": "IT_7",
}
DONE: list[IssueChange] = [
    IssueChange(7, "I_7", "close", "completed"),
    IssueChange(7, "I_7", "unlabel", "In-Progress"),
    IssueChange(7, "I_7", "status", "Done"),
]


def all_well(body: dict[str, Any]) -> dict[str, Any]:
    """Every mutation succeeds; an issue put on the board gets an item."""
    count = len(body["variables"])
    payload = {"clientMutationId": None, "item": {"id": "IT_new"}}
    return {"data": {f"c{k}": payload for k in range(count)}}


@responses.activate
def test_close_unlabel_and_status_take_one_request() -> None:
    answer_graphql(all_well)
    client = make_client(remembered=known(**LABEL, **BOARD), project=Project("octo", 3))
    assert client.apply(DONE) == [None, None, None] and client.requests == 1
    variables = sent()["variables"]
    assert variables["v0"] == {"issueId": "I_7", "stateReason": "COMPLETED"}
    assert variables["v1"] == {"labelableId": "I_7", "labelIds": ["LA_1"]}
    assert variables["v2"] == {
        "projectId": "P_1",
        "itemId": "IT_7",
        "fieldId": "F_1",
        "value": {"singleSelectOptionId": "O_done"},
    }


@responses.activate
def test_label_and_status_of_an_issue_that_is_not_on_the_board_take_two() -> None:
    answer_graphql(all_well)
    remembered = known(**LABEL, **BOARD)
    client = make_client(remembered=remembered, project=Project("octo", 3))
    changes = [
        IssueChange(8, "I_8", "label", "in-progress"),
        IssueChange(8, "I_8", "status", "In Progress"),
    ]
    assert client.apply(changes) == [None, None] and client.requests == 2
    assert "addLabelsToLabelable" in sent(0)["query"] and "addProjectV2ItemById" in sent(0)["query"]
    assert sent(1)["variables"]["v0"]["itemId"] == "IT_new"
    assert "IT_new" in remembered.values()


@responses.activate
def test_a_label_is_added_by_name_in_one_request_and_its_id_is_kept() -> None:
    responses.add("POST", f"{ISSUES}/7/labels", json=[{"name": "in-progress", "node_id": "LA_9"}])
    remembered = known()
    client = make_client(remembered=remembered)
    assert client.apply([IssueChange(7, "", "label", "in-progress")]) == [None]
    assert client.requests == 1 and "LA_9" in remembered.values()


@responses.activate
def test_node_ids_and_labels_that_are_not_known_are_looked_up_together() -> None:
    replies: list[dict[str, Any]] = [
        repository(i0={"id": "I_7"}, l0={"id": "LA_1"}),
        {"data": {"c0": {"clientMutationId": None}, "c1": {"clientMutationId": None}}},
    ]
    answer_graphql(lambda body: replies.pop(0))
    client = make_client()
    changes = [IssueChange(7, "", "close", "completed"), IssueChange(7, "", "unlabel", EVIL)]
    assert client.apply(changes) == [None, None] and client.requests == 2
    assert EVIL not in sent(0)["query"] and sent(0)["variables"]["l0"] == EVIL


@responses.activate
def test_taking_off_a_label_that_the_repository_does_not_have_is_done_already() -> None:
    responses.add("POST", GRAPHQL, json=repository(l0=None))
    client = make_client()
    assert (
        client.apply([IssueChange(7, "I_7", "unlabel", "gone")]) == [None] and client.requests == 1
    )


@responses.activate
def test_the_board_is_found_once() -> None:
    found = {
        "repositoryOwner": {
            "projectV2": {
                "id": "P_1",
                "field": {"id": "F_1", "options": [{"id": "O_done", "name": "Done"}]},
            }
        }
    }
    replies: list[Any] = [{"data": found}]
    answer_graphql(lambda body: replies.pop(0) if replies else all_well(body))
    client = make_client(project=Project("octo", 3))
    assert (
        client.apply([IssueChange(7, "I_7", "status", "done")]) == [None] and client.requests == 3
    )
    assert (
        client.apply([IssueChange(7, "I_7", "status", "Done")]) == [None] and client.requests == 4
    )
    (error,) = client.apply([IssueChange(7, "I_7", "status", "Nowhere")])
    assert error is not None


@responses.activate
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"data": {"repositoryOwner": {"projectV2": None}}}, Invalid),
        ({"data": {"repositoryOwner": {"projectV2": {"id": "P", "field": {}}}}}, Invalid),
        ({"errors": [problem("INSUFFICIENT_SCOPES", message="read:project")]}, Forbidden),
    ],
)
def test_a_board_that_fails_holds_nothing_else_up(answer: Any, kind: type[CraftkitError]) -> None:
    replies = [answer]
    answer_graphql(lambda body: replies.pop(0) if replies else all_well(body))
    client = make_client(remembered=known(**LABEL), project=Project("octo", 3))
    errors = client.apply(DONE)
    assert errors[:2] == [None, None] and isinstance(errors[2], kind)


@responses.activate
def test_a_scope_that_only_the_board_lacks_holds_nothing_else_up() -> None:
    refused = {"errors": [problem("INSUFFICIENT_SCOPES", message="needs project")]}
    answer_graphql(lambda body: refused if "Project" in body["query"] else all_well(body))
    client = make_client(remembered=known(**LABEL, **BOARD), project=Project("octo", 3))
    errors = client.apply(DONE)
    assert errors[:2] == [None, None] and isinstance(errors[2], Forbidden)
    assert client.requests == 2


@responses.activate
def test_a_stale_id_is_looked_up_again_once() -> None:
    missing = {"data": {"c0": None}, "errors": [problem("NOT_FOUND", "c0")]}
    replies: list[Any] = [missing, repository(l0={"id": "LA_2"})]
    answer_graphql(lambda body: replies.pop(0) if replies else all_well(body))
    remembered = known(**LABEL)
    client = make_client(remembered=remembered)
    assert client.apply([IssueChange(7, "I_7", "unlabel", "in-progress")]) == [None]
    assert client.requests == 3 and sent()["variables"]["v0"]["labelIds"] == ["LA_2"]


@responses.activate
def test_an_issue_that_is_gone_is_said_to_be_and_the_others_go_on() -> None:
    broken = {"data": {"c0": None, "c1": {"clientMutationId": None}}}
    replies: list[Any] = [broken | {"errors": [problem("NOT_FOUND", "c0")]}, preflight()]
    answer_graphql(lambda body: replies.pop(0))
    changes = [IssueChange(n, f"I_{n}", "close", "completed") for n in (7, 8)]
    errors = make_client().apply(changes)
    assert isinstance(errors[0], IssueGone) and errors[1] is None


@responses.activate
@pytest.mark.parametrize(
    ("change", "now"),
    [
        (
            IssueChange(7, "I_7", "close", "completed"),
            {"state": "CLOSED", "stateReason": "COMPLETED"},
        ),
        (IssueChange(7, "I_7", "reopen"), {}),
        (IssueChange(7, "I_7", "title", "Task 7"), {}),
        (IssueChange(7, "I_7", "unlabel", "in-progress"), {}),
    ],
    ids=lambda value: value.kind if isinstance(value, IssueChange) else "",
)
def test_a_refusal_of_what_is_so_already_is_no_error(
    change: IssueChange, now: dict[str, Any]
) -> None:
    refused = {"data": {"c0": None}, "errors": [problem("UNPROCESSABLE", "c0", message="already")]}
    replies: list[Any] = [refused, repository(i0=node(7, **now))]
    answer_graphql(lambda body: replies.pop(0))
    assert make_client(remembered=known(**LABEL)).apply([change]) == [None]


@responses.activate
def test_a_refusal_of_what_is_not_so_stays_an_error() -> None:
    refused = {"data": {"c0": None}, "errors": [problem("UNPROCESSABLE", "c0", message="no")]}
    replies: list[Any] = [refused, repository(i0=node(7))]
    answer_graphql(lambda body: replies.pop(0))
    (error,) = make_client().apply([IssueChange(7, "I_7", "close", "completed")])
    assert isinstance(error, Invalid)


# GitHub's documentation of PATCH says of `state_reason`: "ignored unless state is changed".


def closed_as(*reasons: str) -> dict[str, Any]:
    """The answer to so many closes: what the reason of each issue is now."""
    issues = [{"issue": {"state": "CLOSED", "stateReason": reason}} for reason in reasons]
    return {"data": {f"c{k}": issue for k, issue in enumerate(issues)}}


@responses.activate
def test_what_is_closed_for_another_reason_is_closed_anew_in_one_more_request() -> None:
    replies: list[Any] = [closed_as("COMPLETED", "NOT_PLANNED"), closed_as("", "COMPLETED")]
    answer_graphql(lambda body: replies.pop(0))
    changes = [IssueChange(n, f"I_{n}", "close", "completed") for n in (7, 8)]
    client = make_client()
    assert client.apply(changes) == [None, None] and client.requests == 2
    assert "stateReason(enableDuplicate: true)" in sent(0)["query"]
    text, variables = sent()["query"], sent()["variables"]
    assert text.index("c0: reopenIssue") < text.index("c1: closeIssue")
    assert variables["v0"] == {"issueId": "I_8"}
    assert variables["v1"] == {"issueId": "I_8", "stateReason": "COMPLETED"}


@responses.activate
def test_a_close_that_is_refused_for_an_issue_closed_otherwise_is_made_anew() -> None:
    refused = {"data": {"c0": None}, "errors": [problem("UNPROCESSABLE", "c0", message="already")]}
    now = repository(i0=node(7, state="CLOSED", stateReason="COMPLETED"))
    replies: list[Any] = [refused, now, closed_as("", "NOT_PLANNED")]
    answer_graphql(lambda body: replies.pop(0))
    assert make_client().apply([IssueChange(7, "I_7", "close", "not_planned")]) == [None]
    assert not replies


@responses.activate
@pytest.mark.parametrize("refused", [True, False])
def test_a_reason_that_github_keeps_is_an_error_and_not_tried_for_ever(refused: bool) -> None:
    again: dict[str, Any] = closed_as("", "NOT_PLANNED")
    if refused:
        again["data"]["c0"] = None
        again["errors"] = [problem("UNPROCESSABLE", "c0", message="it is locked")]
    now = repository(i0=node(7, state="CLOSED", stateReason="NOT_PLANNED"))
    replies: list[Any] = [closed_as("NOT_PLANNED"), again] + [now] * refused
    answer_graphql(lambda body: replies.pop(0))
    (error,) = make_client().apply([IssueChange(7, "I_7", "close", "completed")])
    assert isinstance(error, Invalid) and "not planned" in error.message and error.hint
    assert not replies


@responses.activate
def test_a_limit_between_re_opening_and_closing_is_the_error_of_the_close() -> None:
    half = {
        "data": {"c0": {"clientMutationId": None}, "c1": None},
        "errors": [problem("RATE_LIMITED", "c1", message="limit")],
    }
    replies: list[Any] = [closed_as("NOT_PLANNED"), half]
    answer_graphql(lambda body: replies.pop(0))
    (error,) = make_client().apply([IssueChange(7, "I_7", "close", "completed")])
    assert error is not None and error.code == "rate_limited"


@responses.activate
def test_a_server_that_knows_no_duplicates_is_not_asked_twice() -> None:
    answer_graphql(lambda body: closed_as("NOT_PLANNED"))
    client = make_client(remembered=known(abilities="create below block"))
    assert client.apply([IssueChange(7, "I_7", "close", "duplicate")]) == [None]
    assert client.requests == 1 and "enableDuplicate" not in sent()["query"]


@responses.activate
def test_by_rest_too_it_is_closed_anew() -> None:
    replies = [("closed", "not_planned"), ("open", "reopened"), ("closed", "completed")]
    for state, reason in replies:
        responses.add("PATCH", f"{ISSUES}/7", json=rest(7, state=state, state_reason=reason))
    client = make_client(capabilities=REST_ONLY)
    assert client.apply([IssueChange(7, "", "close", "completed")]) == [None]
    assert [sent(k)["state"] for k in range(3)] == ["closed", "open", "closed"]
    assert client.requests == 3


@responses.activate
def test_many_changes_go_twenty_at_once_a_second_apart() -> None:
    answer_graphql(all_well)
    clock = Clock()
    client = make_client(clock)
    changes = [IssueChange(n, f"I_{n}", "title", EVIL) for n in range(1, 101)]
    assert client.apply(changes) == [None] * 100 and client.requests == 5
    assert clock.naps == [1.0, 1.0]  # the first three go at once
    assert all(EVIL not in sent(k)["query"] for k in range(5))


@responses.activate
def test_a_dependency_goes_with_the_others() -> None:
    replies: list[Any] = [repository(i0={"id": "I_5"})]
    answer_graphql(lambda body: replies.pop(0) if replies else all_well(body))
    client = make_client()
    assert client.apply([IssueChange(7, "I_7", "block", "5")]) == [None]
    assert sent()["variables"]["v0"] == {"issueId": "I_7", "blockingIssueId": "I_5"}


@responses.activate
def test_a_server_without_dependencies_is_not_asked_for_them() -> None:
    client = make_client(capabilities=Capabilities(True, True, False))
    (error,) = client.apply([IssueChange(7, "I_7", "block", "5")])
    assert isinstance(error, Invalid) and "no dependencies" in error.message
    assert len(responses.calls) == 0


@responses.activate
def test_dependencies_by_rest_want_the_id_and_may_be_there_already() -> None:
    responses.add("GET", f"{ISSUES}/5", json=rest(5))
    at = f"{ISSUES}/7/dependencies/blocked_by"
    responses.add("POST", at, status=422, json={"message": "already"})
    responses.add("GET", at, json=[rest(5)])
    responses.add("GET", f"{ISSUES}/7", json=rest(7))
    client = make_client(capabilities=REST_ONLY)
    assert client.apply([IssueChange(7, "I_7", "block", "5")]) == [None]
    posts = [call for call in responses.calls if call.request.method == "POST"]
    assert json.loads(posts[0].request.body) == {"issue_id": BIG + 5}


@responses.activate
@pytest.mark.parametrize(
    ("change", "verb", "tail", "body"),
    [
        (
            IssueChange(7, "", "close", "not_planned"),
            "PATCH",
            "",
            {"state": "closed", "state_reason": "not_planned"},
        ),
        (IssueChange(7, "", "reopen"), "PATCH", "", {"state": "open"}),
        (IssueChange(7, "", "title", "T"), "PATCH", "", {"title": "T"}),
        (IssueChange(7, "", "comment", "C"), "POST", "/comments", {"body": "C"}),
        (IssueChange(7, "", "label", "a b"), "POST", "/labels", {"labels": ["a b"]}),
    ],
    ids=lambda value: value.kind if isinstance(value, IssueChange) else "",
)
def test_changes_by_rest(change: IssueChange, verb: str, tail: str, body: dict[str, Any]) -> None:
    answer: Any = [] if change.kind == "label" else rest(7)
    responses.add(verb, f"{ISSUES}/7{tail}", json=answer)
    client = make_client(capabilities=REST_ONLY)
    assert client.apply([change]) == [None] and client.requests == 1
    assert sent() == body


@responses.activate
def test_changes_by_rest_stop_where_no_answer_came() -> None:
    responses.add("POST", f"{ISSUES}/1/comments", json=rest(1))
    responses.add("POST", f"{ISSUES}/2/comments", status=422, json={"message": "no"})
    responses.add("GET", f"{ISSUES}/2", json=rest(2))
    responses.add("POST", f"{ISSUES}/3/comments", status=502)
    changes = [IssueChange(n, "", "comment", "C") for n in range(1, 6)]
    errors = make_client(capabilities=REST_ONLY).apply(changes)
    codes = [error.code if error else None for error in errors]
    assert codes == [None, "invalid", "unknown_outcome", "unreachable", "unreachable"]


@responses.activate
def test_changes_by_rest_stop_at_a_limit() -> None:
    responses.add("PATCH", f"{ISSUES}/1", status=429, headers={"retry-after": "9"}, json={})
    changes = [IssueChange(n, "", "reopen") for n in (1, 2)]
    errors = make_client(capabilities=REST_ONLY).apply(changes)
    assert [error.code if error else None for error in errors] == ["rate_limited"] * 2
    assert len(responses.calls) == 1


@responses.activate
def test_a_limit_in_the_middle_of_a_batch_spares_what_is_done() -> None:
    half = {"data": {"c0": {"clientMutationId": None}, "c1": None, "c2": None}}
    limits = [problem("RATE_LIMITED", f"c{k}", message="limit") for k in (1, 2)]
    responses.add("POST", GRAPHQL, json=half | {"errors": limits}, headers={"retry-after": "9"})
    client = make_client()
    errors = client.apply([IssueChange(n, f"I_{n}", "reopen") for n in (1, 2, 3)])
    assert [error.code if error else None for error in errors] == [None] + ["rate_limited"] * 2
    assert client.rate_limiter.limits.until == client.rate_limiter.clock() + 9


@responses.activate
def test_a_change_that_the_answer_does_not_name_is_unknown() -> None:
    responses.add("POST", GRAPHQL, json={"data": {"c0": {"clientMutationId": None}}})
    errors = make_client().apply([IssueChange(n, f"I_{n}", "reopen") for n in (1, 2)])
    assert [error.code if error else None for error in errors] == [None, "unknown_outcome"]


@responses.activate
def test_a_mutation_that_the_server_does_not_know_holds_nothing_else_up() -> None:
    unknown = {"errors": [problem(None, message="Field 'addBlockedBy' doesn't exist on type")]}
    replies: list[Any] = [repository(i0={"id": "I_5"})]
    answer_graphql(
        lambda body: (
            unknown
            if "addBlockedBy" in body["query"]
            else replies.pop(0)
            if replies
            else all_well(body)
        )
    )
    client = make_client()
    errors = client.apply([IssueChange(7, "I_7", "reopen"), IssueChange(7, "I_7", "block", "5")])
    assert errors[0] is None and errors[1] is not None and errors[1].retryable
    assert client.known_capabilities is None


@responses.activate
def test_changes_that_cannot_even_begin_all_have_the_error() -> None:
    responses.add("POST", GRAPHQL, status=401, json={"message": "Bad credentials"})
    client = make_client(capabilities=None)
    errors = client.apply([IssueChange(n, f"I_{n}", "reopen") for n in (1, 2)])
    assert [error.code if error else None for error in errors] == ["bad_credentials"] * 2


@responses.activate
@pytest.mark.parametrize("status", [200, 404])
def test_a_label_is_taken_off_by_rest_or_was_off_already(status: int) -> None:
    answer: Any = [] if status == 200 else {"message": "Label does not exist"}
    responses.add("DELETE", f"{ISSUES}/7/labels/a%2Fb%20c", status=status, json=answer)
    responses.add("GET", f"{ISSUES}/7", json=rest(7))
    responses.add("GET", REPO, json=rest_repository())
    responses.add("GET", f"{API}/user", json={"login": "me"})
    responses.add("GET", ISSUES, json=[])
    client = make_client(capabilities=REST_ONLY)
    assert client.apply([IssueChange(7, "", "unlabel", "a/b c")]) == [None]


@responses.activate
@pytest.mark.parametrize(
    "change",
    [
        IssueChange(7, "", "explode"),
        IssueChange(0, "", "reopen"),
        IssueChange(7, "", "close", "done"),
        IssueChange(7, "", "block", "T001"),
        IssueChange(7, "", "label", " "),
        IssueChange(7, "", "status", "Done"),
        IssueChange(7, "", "unlabel", ".."),
    ],
    ids=str,
)
def test_what_cannot_be_asked_for_is_not_sent(change: IssueChange) -> None:
    (error,) = make_client(capabilities=REST_ONLY).apply([change])
    assert isinstance(error, Invalid) and error.hint
    assert not [call for call in responses.calls if call.request.method != "GET"]


def test_no_changes_are_no_requests() -> None:
    client = make_client(capabilities=None, remembered={})
    assert client.apply([]) == [] and client.requests == 0
