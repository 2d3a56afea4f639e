"""GitHub's answers for the tests, and clients that get them from `responses`.

PyGithub names the port in every address: https://api.github.com:443/…
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import responses

from craftkit.github.address import Server
from craftkit.github.client import Client
from craftkit.github.gateway import Capabilities
from craftkit.github.tokens import Token

CANARY = "ghp_CaNaRy0123456789abcdefCaNaRy"
API = "https://api.github.com:443"
GRAPHQL = f"{API}/graphql"
REPO = f"{API}/repos/octo/demo"
GITHUB = Server(
    "https://api.github.com", "https://api.github.com/graphql", "github.com", False, True
)
ALL = Capabilities(graphql=True, sub_issues=True, dependencies=True)
REST_ONLY = Capabilities(graphql=False, sub_issues=True, dependencies=True)
BIG = 4_570_308_119  # an id as they are today: beyond 2^31


class Clock:
    """A clock that only `sleep` moves; `naps` are the sleeps."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def make_client(clock: Clock | None = None, **more: Any) -> Client:
    """A client that knows who it is and what the server can do, as after the first run."""
    clock = clock or Clock()
    remembered = more.pop("remembered", known())
    return Client(
        more.pop("server", GITHUB),
        ("octo", "demo"),
        Token(CANARY, "GH_TOKEN"),
        capabilities=more.pop("capabilities", ALL),
        remembered=remembered,
        clock=clock,
        sleep=clock.sleep,
        **more,
    )


def known(**more: str) -> dict[str, str]:
    start = "https://api.github.com octo/demo "
    found = {"id": "R_1", "login": "me"} | more
    return {start + name: value for name, value in found.items()}


def node(number: int, **more: Any) -> dict[str, Any]:
    """An issue as GraphQL has it."""
    return {
        "number": number,
        "fullDatabaseId": str(BIG + number),
        "id": f"I_{number}",
        "title": f"Task {number}",
        "state": "OPEN",
        "stateReason": None,
        "body": "text",
        "updatedAt": "2026-01-02T03:04:05Z",
        "url": f"https://github.com/octo/demo/issues/{number}",
        "authorAssociation": "OWNER",
        "viewerDidAuthor": False,
        "repository": {"nameWithOwner": "octo/demo"},
        "labels": {"nodes": [{"name": "one"}]},
        "parent": None,
    } | more


def rest(number: int, **more: Any) -> dict[str, Any]:
    """An issue as REST has it."""
    return {
        "number": number,
        "id": BIG + number,
        "node_id": f"I_{number}",
        "title": f"Task {number}",
        "state": "open",
        "state_reason": None,
        "labels": [{"name": "one", "node_id": "LA_one"}],
        "body": None,
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z",
        "author_association": "OWNER",
        "user": {"login": "somebody"},
        "html_url": f"https://github.com/octo/demo/issues/{number}",
        "repository_url": "https://api.github.com/repos/octo/demo",
    } | more


def page(nodes: list[Any], after: str | None = None, total: int | None = None) -> dict[str, Any]:
    return {
        "totalCount": len(nodes) if total is None else total,
        "pageInfo": {"hasNextPage": after is not None, "endCursor": after},
        "nodes": nodes,
    }


def tree(number: int, children: int, **more: Any) -> dict[str, Any]:
    found = [node(number * 1000 + k) for k in range(1, children + 1)]
    return node(number, subIssues=page(found)) | more


def repository(**nodes: Any) -> dict[str, Any]:
    """The data of a document about the repository."""
    return {"data": {"repository": {"nameWithOwner": "octo/demo", **nodes}}}


def problem(kind: str | None, *path: Any, message: str = "No.", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"message": message, **more}
    if kind:
        found["type"] = kind
    if path:
        found["path"] = list(path)
    return found


def sent(k: int = -1) -> dict[str, Any]:
    """The JSON of a request that was sent."""
    body: dict[str, Any] = json.loads(responses.calls[k].request.body)
    return body


def answer_graphql(reply: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
    """Answer every GraphQL request with what `reply` makes of its body."""

    def callback(request: Any) -> tuple[int, dict[str, str], str]:
        return 200, {}, json.dumps(reply(json.loads(request.body)))

    responses.add_callback(responses.POST, GRAPHQL, callback)


def preflight(**more: Any) -> dict[str, Any]:
    """The answer of the preflight document."""
    found = {
        "id": "R_1",
        "nameWithOwner": "octo/demo",
        "viewerPermission": "WRITE",
        "isPrivate": True,
        "isArchived": False,
        "hasIssuesEnabled": True,
        "issues": {
            "pageInfo": {"hasNextPage": False},
            "nodes": [{"number": 41, "createdAt": "2026-01-02T03:04:05Z", "body": None}],
        },
        "pullRequests": {"nodes": [{"number": 43}]},
    }
    return {"data": {"viewer": {"login": "me"}, "repository": found | more}}


def rest_repository(**more: Any) -> dict[str, Any]:
    """The repository as REST has it."""
    found = {
        "full_name": "octo/demo",
        "node_id": "R_1",
        "private": False,
        "archived": True,
        "has_issues": True,
        "permissions": {"admin": False, "maintain": True, "push": True, "pull": True},
    }
    return found | more
