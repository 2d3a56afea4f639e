"""One test per fault: what is sent, how often, and what is said."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import requests
import responses
from replies import (
    ALL,
    CANARY,
    GRAPHQL,
    REPO,
    REST_ONLY,
    Clock,
    known,
    make_client,
    node,
    preflight,
    problem,
    repository,
    rest,
    rest_repository,
)

from craftkit.github.client import Client
from craftkit.github.gateway import (
    BadCredentials,
    Forbidden,
    GitHubError,
    Gone,
    Invalid,
    Issue,
    IssueChange,
    IssueGone,
    NoAnswer,
    NotFound,
    RateLimited,
    UnknownOutcome,
)

PARENT = Issue(7, 70, "I_7", "P", "open", None, (), "", "2026-01-01T00:00:00Z", True, None, "")
ISSUES = f"{REPO}/issues"


def create_parent(client: Client) -> Any:
    return client.create_parent("Title", "body", ["spec"])


def create_child(client: Client) -> Any:
    return client.create_child(PARENT, "Title", "body")


def apply_close(client: Client) -> Any:
    (error,) = client.apply([IssueChange(7, "I_7", "close", "completed")])
    if error is not None:
        raise error


def set_body(client: Client) -> Any:
    return client.set_body(PARENT, "body")


def read_tree(client: Client) -> Any:
    return client.trees([7])


def read_list(client: Client) -> Any:
    return client.find_above(3)


# Each call, where it goes, and whether it may go again.
CALLS: list[tuple[Callable[[Client], Any], str, str, bool]] = [
    (create_parent, "POST", ISSUES, False),
    (create_child, "POST", GRAPHQL, False),
    (apply_close, "POST", GRAPHQL, False),
    (set_body, "PATCH", f"{ISSUES}/7", True),
    (read_tree, "POST", GRAPHQL, True),
    (read_list, "GET", ISSUES, True),
]
EVERY_CALL = pytest.mark.parametrize(
    ("call", "verb", "url", "again"), CALLS, ids=[call[0].__name__ for call in CALLS]
)
LOST: dict[str, dict[str, Any]] = {
    "500": {"status": 500, "body": "oops"},
    "502": {"status": 502, "body": "<html>Bad Gateway</html>"},
    "503": {"status": 503, "json": {"message": "no"}},
    "timeout": {"body": requests.exceptions.ReadTimeout("slow")},
    "reset": {"body": requests.exceptions.ConnectionError(ConnectionResetError(104, "reset"))},
    "chunks": {"body": requests.exceptions.ChunkedEncodingError("cut")},
    "truncated": {"status": 200, "body": '{"data": {"repository": {"na'},
    "html": {"status": 200, "body": "<!doctype html><title>Sign in</title>"},
    "empty": {"status": 200, "body": ""},
    "wrong type": {"status": 200, "json": 42},
    "wrong data": {"status": 200, "json": {"data": ["x"], "number": "7"}},
    "deep": {"status": 200, "body": "[" * 200_000},
    "proxy page": {"status": 404, "body": "<html>not here</html>"},
    "not modified": {"status": 304},
}


@responses.activate
@EVERY_CALL
@pytest.mark.parametrize("fault", LOST)
def test_what_may_have_been_carried_out_goes_once_and_reads_three_times(
    call: Callable[[Client], Any], verb: str, url: str, again: bool, fault: str
) -> None:
    if fault == "proxy page" and url == GRAPHQL:
        return  # a 404 there means that there is no GraphQL
    responses.add(verb, url, **LOST[fault])
    clock = Clock()
    client = make_client(clock)
    read = call in (read_tree, read_list)
    with pytest.raises(NoAnswer if read else UnknownOutcome) as caught:
        call(client)
    assert len(responses.calls) == client.requests == (3 if again else 1)
    assert clock.naps == ([0.5, 1.0] if again else [])
    assert caught.value.retryable and caught.value.hint
    assert client.rate_limiter.limits.until == 0


@responses.activate
@pytest.mark.parametrize(("call", "verb", "url"), [call[:3] for call in CALLS if call[3]])
def test_what_gets_an_answer_at_last_succeeds(
    call: Callable[[Client], Any], verb: str, url: str
) -> None:
    good: Any = repository(i0=node(7, subIssues=_empty_page()))
    if verb != "POST":
        good = rest(7) if verb == "PATCH" else [rest(7)]
    responses.add(verb, url, status=502)
    responses.add(verb, url, json=good)
    call(make_client())
    assert len(responses.calls) == 2


def _empty_page() -> dict[str, Any]:
    return {"totalCount": 0, "pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": []}


LIMITS: dict[str, tuple[int, dict[str, str], str, float]] = {
    "primary": (
        403,
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000300"},
        "API rate limit exceeded for user ID 1.",
        300,
    ),
    "secondary": (403, {"retry-after": "40"}, "You have exceeded a secondary rate limit", 40),
    "secondary without a time": (403, {}, "You have exceeded a secondary rate limit", 60),
    "429": (429, {"retry-after": "7"}, "slow down", 7),
    "429 without a time": (429, {}, "", 60),
}


@responses.activate
@EVERY_CALL
@pytest.mark.parametrize("limit", LIMITS)
def test_i13_a_limit_is_reported_with_its_end_and_kept_to(
    call: Callable[[Client], Any], verb: str, url: str, again: bool, limit: str
) -> None:
    status, headers, message, wait = LIMITS[limit]
    responses.add(verb, url, status=status, headers=headers, json={"message": message})
    clock = Clock()
    client = make_client(clock)
    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            call(client)
    assert len(responses.calls) == 1 and not clock.naps
    assert caught.value.until == clock.now + wait == client.rate_limiter.limits.until
    clock.now += wait
    with pytest.raises(RateLimited):
        call(client)
    assert len(responses.calls) == 2


@responses.activate
def test_a_patient_read_waits_for_a_limit_a_few_times() -> None:
    responses.add("POST", GRAPHQL, status=429, headers={"retry-after": "5"}, json={})
    responses.add("POST", GRAPHQL, json=repository(i0=node(7)))
    clock = Clock()
    client = make_client(clock)
    client.rate_limiter.patience = 10
    assert client.issues([7])[7] and clock.naps == [5]


@responses.activate
@pytest.mark.parametrize("kind", ["RATE_LIMITED", "RATE_LIMIT"])
@pytest.mark.parametrize("call", [read_tree, create_child, apply_close])
def test_a_limit_may_come_with_status_200(call: Callable[[Client], Any], kind: str) -> None:
    responses.add(
        "POST",
        GRAPHQL,
        json={"data": None, "errors": [problem(kind, message="API rate limit exceeded")]},
        headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000500"},
    )
    client = make_client()
    with pytest.raises(RateLimited) as caught:
        call(client)
    assert caught.value.until == 1_000_500 and len(responses.calls) == 1


@responses.activate
@EVERY_CALL
def test_401_says_which_token(
    call: Callable[[Client], Any], verb: str, url: str, again: bool
) -> None:
    responses.add(verb, url, status=401, json={"message": "Bad credentials"})
    with pytest.raises(BadCredentials, match="GH_TOKEN") as caught:
        call(make_client())
    assert len(responses.calls) == 1 and "craftkit doctor" in caught.value.hint


@responses.activate
@EVERY_CALL
def test_403_names_the_missing_permission(
    call: Callable[[Client], Any], verb: str, url: str, again: bool
) -> None:
    headers = {"x-accepted-github-permissions": "issues=write", "x-ratelimit-remaining": "4999"}
    message = "Resource not accessible by personal access token"
    responses.add(verb, url, status=403, headers=headers, json={"message": message})
    with pytest.raises(Forbidden, match="issues=write") as caught:
        call(make_client())
    assert len(responses.calls) == 1 and "Issues: read and write" in caught.value.hint


@responses.activate
@pytest.mark.parametrize(
    ("headers", "message", "says"),
    [
        (
            {"x-oauth-scopes": "gist", "x-accepted-oauth-scopes": "repo"},
            "",
            "needs repo and has gist",
        ),
        ({"x-oauth-scopes": "", "x-accepted-oauth-scopes": "repo"}, "", "has none"),
        ({"x-github-sso": "required; url=https://evil.example"}, "", "single sign-on"),
        ({}, "Resource protected by organization SAML enforcement.", "single sign-on"),
        ({}, "Repository was archived so is read-only.", "archived"),
        ({}, "Must have admin rights", "Must have admin rights"),
        ({"x-accepted-github-permissions": "\x1b[31m<b>"}, "why", "why"),
    ],
)
def test_403_says_what_it_is_about(headers: dict[str, str], message: str, says: str) -> None:
    responses.add("POST", ISSUES, status=403, headers=headers, json={"message": message})
    with pytest.raises(Forbidden) as caught:
        create_parent(make_client())
    assert says in caught.value.message and "evil" not in caught.value.message
    assert caught.value.hint


@responses.activate
def test_404_of_an_issue_in_a_repository_that_is_seen_means_gone() -> None:
    responses.add("PATCH", f"{ISSUES}/7", status=404, json={"message": "Not Found"})
    responses.add("POST", GRAPHQL, json=preflight())
    with pytest.raises(IssueGone, match="octo/demo#7"):
        set_body(make_client())


@responses.activate
def test_404_in_a_repository_that_is_not_seen_stays_open() -> None:
    responses.add("PATCH", f"{ISSUES}/7", status=404, json={"message": "Not Found"})
    body = {"data": {"repository": None}, "errors": [problem("NOT_FOUND", "repository")]}
    responses.add("POST", GRAPHQL, json=body)
    with pytest.raises(NotFound, match="may not see") as caught:
        set_body(make_client())
    assert not isinstance(caught.value, IssueGone)


@responses.activate
def test_410_means_deleted() -> None:
    responses.add("PATCH", f"{ISSUES}/7", status=410, json={"message": "This issue was deleted"})
    with pytest.raises(IssueGone, match="deleted"):
        set_body(make_client())


@responses.activate
def test_410_of_a_creation_means_that_issues_are_off() -> None:
    responses.add("POST", ISSUES, status=410, json={"message": "Issues are disabled"})
    with pytest.raises(Invalid, match="switched off"):
        create_parent(make_client())


@responses.activate
def test_301_of_a_write_means_moved_and_is_not_followed() -> None:
    there = {"location": "https://api.github.com/repositories/9/issues/1"}
    responses.add("PATCH", f"{ISSUES}/7", status=301, headers=there, json={"message": "Moved"})
    responses.add("POST", GRAPHQL, json=preflight())
    with pytest.raises(IssueGone, match="moved"):
        set_body(make_client())
    assert [call.request.method for call in responses.calls] == ["PATCH", "POST"]


@responses.activate
def test_301_of_a_renamed_repository_goes_to_its_present_name() -> None:
    there = {"location": "https://api.github.com/repositories/9/issues/7"}
    responses.add("PATCH", f"{ISSUES}/7", status=301, headers=there, json={"message": "Moved"})
    responses.add("POST", GRAPHQL, json=preflight(nameWithOwner="octo/renamed"))
    responses.add("PATCH", f"{ISSUES}/7".replace("/demo/", "/renamed/"), json=rest(7, body="body"))
    remembered = known()
    set_body(make_client(remembered=remembered))
    # The next process asks for what was agreed to again: another may have that name by then.
    assert "octo/renamed" not in remembered.values()


@responses.activate
@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/repositories/9/issues/7",
        "http://api.github.com/repositories/9/issues/7",
        "https://api.github.com:8443/repositories/9/issues/7",
        "//evil.example/x",
        "https://api.github.com@evil.example/x",
        "",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
@EVERY_CALL
def test_no_redirect_takes_the_token_to_another_server(
    call: Callable[[Client], Any], verb: str, url: str, again: bool, status: int, location: str
) -> None:
    headers = {"location": location} if location else {}
    responses.add(verb, url, status=status, headers=headers, json={"message": "Moved"})
    with pytest.raises(GitHubError, match="another server"):
        call(make_client())
    assert len(responses.calls) == 1


@responses.activate
def test_a_read_follows_a_redirect_on_the_same_server_a_few_times() -> None:
    there = {"location": "https://api.github.com/repositories/9"}
    responses.add("GET", REPO, status=301, headers=there, json={"message": "Moved"})
    loop = "https://api.github.com:443/repositories/9"
    responses.add("GET", loop, status=301, headers=there, json={"message": "Moved"})
    with pytest.raises(IssueGone):
        make_client(capabilities=REST_ONLY, remembered={}).repository()
    assert len(responses.calls) == 3


@responses.activate
@pytest.mark.parametrize("status", [400, 422])
def test_422_says_what_is_wrong_with_the_content(status: int) -> None:
    errors = [{"resource": "Issue", "field": "title", "code": "too_long"}]
    body = {"message": "Validation Failed", "errors": errors}
    responses.add("POST", ISSUES, status=status, json=body)
    with pytest.raises(Invalid, match="title too_long") as caught:
        create_parent(make_client())
    assert not caught.value.retryable


@responses.activate
def test_another_status_is_told_as_it_is() -> None:
    responses.add("POST", ISSUES, status=451, json={"message": "Unavailable"})
    with pytest.raises(GitHubError, match="451"):
        create_parent(make_client())


@responses.activate
def test_what_github_says_is_cleaned_and_capped() -> None:
    message = "\x1b[31mevil\u202e \u200b" + "x" * 5000 + f" {CANARY}"
    responses.add("POST", ISSUES, status=422, json={"message": message, "errors": [5, None]})
    with pytest.raises(Invalid) as caught:
        create_parent(make_client())
    text = caught.value.message
    assert text.isprintable() and len(text) < 300 and "evil" in text and CANARY not in text


@responses.activate
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (problem("FORBIDDEN", "createIssue"), Forbidden),
        (problem("INSUFFICIENT_SCOPES", message="needs 'repo'"), Forbidden),
        (problem("FORBIDDEN", "createIssue", extensions={"saml_failure": True}), Forbidden),
        (problem("UNPROCESSABLE", "createIssue", message="more than 100 sub-issues"), Invalid),
        (problem("UNPROCESSABLE", "createIssue", message="was submitted too quickly"), RateLimited),
        (problem("SERVICE_UNAVAILABLE", "createIssue"), UnknownOutcome),
        (problem(None, message="Something went wrong while executing your query."), UnknownOutcome),
        (problem(None, message="Field 'x' doesn't exist on type 'Issue'"), Invalid),
        ("nonsense", UnknownOutcome),
    ],
)
def test_a_creation_that_graphql_refuses_is_told_from_one_that_may_be_done(
    error: Any, kind: type[GitHubError]
) -> None:
    responses.add("POST", GRAPHQL, json={"data": {"createIssue": None}, "errors": [error]})
    with pytest.raises(kind):
        create_child(make_client())
    assert len(responses.calls) == 1


@responses.activate
def test_a_graphql_read_that_times_out_inside_github_is_asked_again() -> None:
    vague = [problem(None, message="Something went wrong while executing your query.")]
    responses.add("POST", GRAPHQL, json={"data": None, "errors": vague})
    responses.add("POST", GRAPHQL, json=repository(i0=node(7)))
    assert isinstance(make_client().issues([7])[7], Issue)


@responses.activate
def test_one_missing_issue_does_not_hide_the_others() -> None:
    body = repository(i0=node(7), i1=None, i2=node(9))
    body["errors"] = [problem("NOT_FOUND", "repository", "i1")]
    responses.add("POST", GRAPHQL, json=body)
    found = make_client().issues([7, 8, 9])
    assert found[8] == Gone(8, "not found")
    assert isinstance(found[7], Issue) and isinstance(found[9], Issue)


@responses.activate
@pytest.mark.parametrize(
    "error",
    [
        problem("SERVICE_UNAVAILABLE", "repository", "i1"),
        problem("FORBIDDEN", "repository", "i1"),
        problem("SERVICE_UNAVAILABLE", "repository", "i0", "labels"),
    ],
)
def test_partial_data_is_never_taken_for_all(error: dict[str, Any]) -> None:
    responses.add("POST", GRAPHQL, json=repository(i0=node(7), i1=None) | {"errors": [error]})
    with pytest.raises((NoAnswer, Forbidden)):
        make_client().issues([7, 8])


@responses.activate
def test_a_null_without_a_reason_is_no_absence() -> None:
    responses.add("POST", GRAPHQL, json=repository(i0=node(7), i1=None))
    with pytest.raises(NoAnswer):
        make_client().issues([7, 8])


@responses.activate
def test_an_answer_about_another_issue_is_not_taken() -> None:
    responses.add("PATCH", f"{ISSUES}/7", json=rest(8))
    with pytest.raises(UnknownOutcome, match="another issue"):
        set_body(make_client())


@responses.activate
def test_an_interrupted_batch_leaves_the_rest_unsent() -> None:
    responses.add("POST", GRAPHQL, status=502)
    changes = [IssueChange(n, f"I_{n}", "close", "completed") for n in range(1, 31)]
    errors = make_client().apply(changes)
    assert len(responses.calls) == 1
    assert [e.code for e in errors if e is not None] == ["unknown_outcome"] * 20 + [
        "unreachable"
    ] * 10


@responses.activate
@pytest.mark.parametrize("body", [b"x" * (17 << 20), b'"' + b"x" * (17 << 20) + b'"'])
def test_a_huge_answer_is_cut_off(body: bytes) -> None:
    responses.add("POST", ISSUES, body=body)
    with pytest.raises(UnknownOutcome, match="larger than 16 MB"):
        create_parent(make_client())


@responses.activate
def test_a_large_answer_is_read() -> None:
    text = "x" * (11 << 20)
    responses.add("POST", GRAPHQL, json=repository(i0=node(7, body=text)))
    found = make_client().issues([7])[7]
    assert isinstance(found, Issue) and len(found.body) == len(text)


@responses.activate
def test_the_token_is_in_the_header_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = make_client()
    said = [repr(client), repr(client.__dict__), repr(client.access.__dict__)]
    bodies = [{"status": status, "json": {"message": CANARY}} for status in (401, 403, 422, 500)]
    for body in [*bodies, {"body": requests.exceptions.ConnectionError(f"token {CANARY}")}]:
        responses.reset()
        for verb, url in {(verb, url) for _, verb, url, _ in CALLS}:
            responses.add(verb, url, **body)
        for call, *_ in CALLS:
            with pytest.raises(GitHubError) as caught:
                call(client)
            chain: BaseException | None = caught.value
            while chain is not None:
                said += [str(chain), repr(chain), str(vars(chain))]
                chain = chain.__cause__ or chain.__context__
    assert responses.calls[0].request.headers["Authorization"] == f"token {CANARY}"
    assert CANARY not in "".join(said) and CANARY not in caplog.text


@responses.activate
def test_every_request_says_what_it_is() -> None:
    responses.add("POST", ISSUES, json=rest(7))
    create_parent(make_client())
    headers = responses.calls[0].request.headers
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert headers["Accept"] == "application/vnd.github+json"
    assert headers["User-Agent"].startswith("craftkit/")


@responses.activate
def test_a_tree_without_graphql_where_there_should_be_one_asks_anew() -> None:
    responses.add("POST", GRAPHQL, status=404, json={"message": "Not Found"})
    client = make_client(capabilities=ALL)
    with pytest.raises(GitHubError):
        client.trees([7])
    responses.add("GET", REPO, json=rest_repository())
    responses.add("GET", "https://api.github.com:443/user", json={"login": "me"})
    responses.add("GET", ISSUES, json=[rest(7)])
    responses.add("GET", f"{ISSUES}/7/sub_issues", json=[])
    responses.add("GET", f"{ISSUES}/7/dependencies/blocked_by", status=404, json={"message": "No"})
    assert client.capabilities() == (False, True, False)
