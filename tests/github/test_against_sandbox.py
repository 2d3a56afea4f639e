"""The client and the sandbox: two readings of GitHub's documents that have to agree."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("graphql")

from replies import CANARY

from craftkit.github.address import Project, find_repository, find_server
from craftkit.github.client import Client
from craftkit.github.diagnose import diagnose
from craftkit.github.gateway import (
    CraftkitError,
    Gone,
    Issue,
    IssueChange,
    IssueGone,
    RateLimited,
    Tree,
    UnknownOutcome,
    Unreachable,
)
from craftkit.github.tokens import Token, find_token
from craftkit.sandbox.server import Server, serve

Make = Callable[..., Client]


@pytest.fixture
def sandbox() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def make(sandbox: Server) -> Make:
    """Makes a client of the sandbox, as a process would; `remembered` lasts."""
    remembered: dict[str, str] = {}

    def build(token: str = "", **more: Any) -> Client:
        env = sandbox.environment(token or "sandbox-token")
        server = find_server(env, {})
        at = find_repository({"github.repo": env["GITHUB_REPOSITORY"]})
        more.setdefault("remembered", remembered)
        more.setdefault("sleep", lambda seconds: None)
        return Client(server, at, find_token(server, env), **more)

    return build


def _set(sandbox: Server, **capabilities: Any) -> None:
    sandbox.state.capabilities = sandbox.state.capabilities._replace(**capabilities)


def _raise(errors: list[CraftkitError | None]) -> None:
    assert errors == [None] * len(errors)


def _tree(found: Tree | Gone) -> Tree:
    assert isinstance(found, Tree)
    return found


VARIANTS = [
    {},
    {"graphql": False},
    {"dependencies": False},
    {"sub_issues": False},
    {"graphql": False, "sub_issues": False, "dependencies": False},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_whole_life_of_a_spec(sandbox: Server, make: Make, variant: dict[str, bool]) -> None:
    _set(sandbox, **variant)
    client = make()
    before = client.repository()
    assert before.login == "octo-dev" and before.permission == "ADMIN"
    parent = client.create_parent("Spec", "body", ["phase: design"])
    able = client.capabilities()
    wanted = {"graphql": True, "sub_issues": True, "dependencies": True} | variant
    assert able._asdict() == wanted
    children = [client.create_child(parent, f"T{n}", f"marker {n}") for n in range(3)]
    assert [issue.number for issue in client.find_above(before.highest)] == [
        parent.number,
        *(child.number for child in children),
    ]
    first, second, third = children
    _raise(
        client.apply(
            [
                IssueChange(first.number, first.node_id, "label", "status: in-progress"),
                IssueChange(first.number, first.node_id, "comment", "started"),
                IssueChange(second.number, "", "title", "Another"),
                IssueChange(third.number, third.node_id, "close", "not_planned"),
            ]
        )
    )
    _raise(
        client.apply(
            [
                IssueChange(first.number, first.node_id, "close", "completed"),
                IssueChange(first.number, first.node_id, "unlabel", "status: in-progress"),
                IssueChange(third.number, third.node_id, "reopen"),
            ]
        )
    )
    client.set_body(parent, "new body")
    reopening = client.reopened_by(third.number)
    assert reopening is not None and reopening.login == "octo-dev" and reopening.event
    assert client.reopened_by(first.number) is None
    (error,) = client.apply(
        [IssueChange(second.number, second.node_id, "block", str(first.number))]
    )
    assert (error is None) is able.dependencies
    tree = _tree(client.trees([parent.number])[parent.number])
    assert tree.complete is able.sub_issues and tree.parent.body == "new body"
    if able.sub_issues:
        children = list(tree.children)
        assert {child.parent for child in children} == {parent.number}
    else:
        found = client.issues([child.number for child in children])
        children = [issue for issue in found.values() if isinstance(issue, Issue)]
    assert [(c.title, c.state, c.reason, c.labels) for c in children] == [
        ("T0", "closed", "completed", ()),
        ("Another", "open", None, ()),
        ("T2", "open", None, ()),
    ]
    assert all(child.trusted and child.id > 2**31 for child in children)


def test_the_request_budget(sandbox: Server, make: Make) -> None:
    board = Project("octo-dev", 1)
    client = make(project=board)
    client.repository()
    assert client.requests == 1
    parent = client.create_parent("Spec", "", [])
    children = [client.create_child(parent, f"T{n}", "") for n in range(5)]
    assert client.requests == 7
    first = children[0]
    start = [
        IssueChange(first.number, first.node_id, "label", "in-progress"),
        IssueChange(first.number, first.node_id, "status", "In Progress"),
    ]
    _raise(client.apply(start))  # the first time, board and label are made known
    known = client.capabilities()
    for child in children[1:]:
        client = make(project=board, capabilities=known)
        at = child.number, child.node_id
        _raise(
            client.apply(
                [
                    IssueChange(*at, "label", "in-progress"),
                    IssueChange(*at, "status", "In Progress"),
                ]
            )
        )
        assert client.requests == 2
        client = make(project=board, capabilities=known)
        done = [IssueChange(*at, "close", "completed"), IssueChange(*at, "unlabel", "in-progress")]
        _raise(client.apply([*done, IssueChange(*at, "status", "Done")]))
        assert client.requests == 1
    client = make(capabilities=known)
    client.trees([parent.number])
    assert client.requests == 1


def test_what_is_so_already_may_be_asked_for_again(make: Make) -> None:
    client = make()
    parent = client.create_parent("Spec", "", [])
    child = client.create_child(parent, "T", "")
    other = client.create_parent("Other", "", [])
    for _ in range(2):
        client.adopt(parent, child._replace(parent=None))
        at = child.number, child.node_id
        for change in (
            IssueChange(*at, "label", "x"),
            IssueChange(*at, "close", "completed"),
            IssueChange(*at, "block", str(other.number)),
        ):
            _raise(client.apply([change]))
        _raise(client.apply([IssueChange(*at, "unlabel", "x")]))
    for _ in range(2):
        _raise(client.apply([IssueChange(child.number, child.node_id, "reopen")]))


@pytest.mark.parametrize("graphql", [True, False])
def test_missing_issues_are_gone(sandbox: Server, make: Make, graphql: bool) -> None:
    _set(sandbox, graphql=graphql)
    client = make()
    number = client.create_parent("Here", "", []).number
    found = client.issues([number, 999])
    assert isinstance(found[number], Issue) and found[999] == Gone(999, "not found")
    trees = client.trees([number, 999])
    assert _tree(trees[number]).children == () and trees[999] == Gone(999, "not found")
    (error,) = client.apply([IssueChange(999, "", "close", "completed")])
    assert error is not None and error.code == "issue_gone"


@pytest.mark.parametrize("action", ["reset", "status", "truncated", "html", "wrong_type"])
@pytest.mark.parametrize("apply", [True, False])
def test_i4_a_creation_whose_answer_is_lost_goes_once(
    sandbox: Server, make: Make, action: str, apply: bool
) -> None:
    client = make()
    parent = client.create_parent("Spec", "", [])
    client.capabilities()
    sandbox.fault({"match": {"graphql": "createIssue"}, "action": action, "apply": apply})
    before = client.requests
    with pytest.raises(UnknownOutcome):
        client.create_child(parent, "T", "marker")
    assert client.requests == before + 1
    assert [issue.body for issue in client.find_above(parent.number)] == ["marker"] * apply


@pytest.mark.parametrize("graphql", [True, False])
@pytest.mark.parametrize("action", ["gone", "moved", "not_found"])
def test_an_issue_that_is_lost_is_gone(
    sandbox: Server, make: Make, action: str, graphql: bool
) -> None:
    client = make()
    issue = client.create_parent("Here", "", [])
    client.create_parent("Elsewhere", "", [])
    _set(sandbox, graphql=graphql)
    client = make(capabilities=(graphql, True, True))
    fault = {"match": {"method": "PATCH"}, "action": action, "times": 0}
    sandbox.fault(fault | ({"number": 2} if action == "moved" else {}))
    with pytest.raises(IssueGone):
        client.set_body(issue, "x")


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        ({"action": "secondary", "retry_after": 30}, 30),
        ({"action": "exhausted", "reset_in": 90}, 90),
    ],
)
@pytest.mark.parametrize("call", ["trees", "create"])
def test_i13_a_limit_is_kept_to_by_the_next_process(
    sandbox: Server, make: Make, fault: dict[str, Any], wait: float, call: str
) -> None:
    client = make()
    parent = client.create_parent("Spec", "", [])
    capabilities = client.capabilities()
    sandbox.fault(fault)
    with pytest.raises(RateLimited) as caught:
        _ = (
            client.trees([parent.number])
            if call == "trees"
            else client.create_child(parent, "T", "")
        )
    ahead = caught.value.until - client.rate_limiter.clock()
    assert wait - 5 < ahead <= wait + 1
    other = make(limits=client.rate_limiter.limits, capabilities=capabilities)
    with pytest.raises(RateLimited):
        other.trees([parent.number])
    assert other.requests == 0


def test_no_listener_is_certain(sandbox: Server, make: Make) -> None:
    client = make()
    client.repository()
    with sandbox.unreachable(), pytest.raises(Unreachable):
        client.create_parent("Spec", "", [])
    assert client.find_above(0) == []


@pytest.mark.parametrize("token", ["sandbox-token", "sandbox-stranger", "nobody"])
def test_doctor_says_who_may_write(sandbox: Server, make: Make, token: str) -> None:
    found = {finding.code: finding.ok for finding in diagnose(lambda: make(token, remembered={}))}
    bad = {"sandbox-token": [], "sandbox-stranger": ["permission"], "nobody": ["token"]}[token]
    assert [code for code, ok in found.items() if ok is False] == bad


def test_a_token_shows_itself_nowhere(sandbox: Server, make: Make) -> None:
    client = make()
    with contextlib.suppress(CraftkitError):
        Client(client.access.caller.server, ("octo-dev", "demo"), Token(CANARY, "X")).repository()
    assert CANARY not in repr(sandbox.state.log)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_words_of_an_issue(sandbox: Server, make: Make, variant: dict[str, bool]) -> None:
    _set(sandbox, **variant)
    mine = make().create_parent("Mine", "one\n\ntwo", [])
    theirs = make("sandbox-stranger").create_parent("Theirs", "", [])
    client = make()
    assert client.issue_text(mine.number)[1:] == ("octo-dev", "OWNER", "open", "Mine", "one\n\ntwo")
    assert client.issue_text(theirs.number)[1:3] == ("stranger", "NONE")
    assert client.issue_text(99) == Gone(99, "not found")
