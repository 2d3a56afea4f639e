"""PyGithub, the library that craftkit uses, works against the sandbox."""

from __future__ import annotations

import pytest
from github import Auth, Github, GithubException, UnknownObjectException

from craftkit.sandbox.server import Server


def client(server: Server, token: str = "sandbox-token") -> Github:  # noqa: S107
    return Github(
        base_url=server.url,
        auth=Auth.Token(token),
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
        per_page=100,
    )


def test_issues_and_links(sandbox: Server) -> None:
    repo = client(sandbox).get_repo("octo-dev/demo")
    parent, child = repo.create_issue("Parent"), repo.create_issue("Child", labels=["bug"])
    assert parent.add_sub_issue(child.id).number == parent.number
    assert [issue.number for issue in parent.get_sub_issues()] == [2]
    with pytest.raises(GithubException):
        parent.add_sub_issue(child.number)
    child.edit(state="closed", state_reason="not_planned")
    child.add_to_labels("later")
    child.create_comment("Done")
    child.add_blocked_by(parent)
    assert [issue.number for issue in child.get_blocked_by()] == [1]
    listed = list(repo.get_issues(state="all", sort="created", direction="asc"))
    assert [(issue.number, issue.state_reason) for issue in listed] == [
        (1, None),
        (2, "not_planned"),
    ]
    assert [event.event for event in child.get_events()][-1] == "blocked_by_added"
    story = [entry.event for entry in child.get_timeline()]
    assert story[:3] == ["labeled", "parent_issue_added", "closed"]
    assert child.update() is True and child.update() is False
    parent.remove_sub_issue(child.id)
    assert repo.get_issues(state="all").totalCount == 2


def test_graphql(sandbox: Server) -> None:
    requester = client(sandbox).requester
    _, answer = requester.graphql_query("{viewer{login} rateLimit{cost}}", {})
    assert answer["data"]["viewer"] == {"login": "octo-dev"}
    text = 'query($o:String!){repository(owner:$o,name:"none"){id}}'
    with pytest.raises(UnknownObjectException):
        requester.graphql_query(text, {"o": "octo-dev"})


def test_a_wrong_token(sandbox: Server) -> None:
    with pytest.raises(GithubException) as caught:
        client(sandbox, "wrong").get_user().login  # noqa: B018
    assert caught.value.status == 401
