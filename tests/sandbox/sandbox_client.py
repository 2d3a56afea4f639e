"""A client that shows everything of an answer, for the tests of the sandbox."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple

from craftkit.sandbox.server import Server

REPO = "/repos/octo-dev/demo"
ISSUES = f"{REPO}/issues"
OWNER = "sandbox-token"


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    server: Server,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str | None = OWNER,
    timeout: float = 10,
    **headers: str,
) -> Reply:
    """One request on a connection of its own; `if_none_match="…"` sends If-None-Match."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    sent = {"User-Agent": "tests", "Content-Type": "application/json"}
    if token is not None:
        sent["Authorization"] = f"token {token}"
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    text = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    try:
        connection.request(method, path, text, sent)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def graphql(server: Server, text: str, token: str = OWNER, **variables: Any) -> Any:
    """The JSON of an answer to a GraphQL document."""
    reply = call(server, "POST", "/graphql", {"query": text, "variables": variables}, token=token)
    assert reply.status == 200, reply.body
    return reply.json


def new_issue(server: Server, title: str = "Task", **fields: Any) -> Any:
    reply = call(server, "POST", ISSUES, {"title": title, **fields})
    assert reply.status == 201, reply.body
    return reply.json


def link(server: Server, parent: Any, child: Any, **more: Any) -> Reply:
    path = f"{ISSUES}/{parent['number']}/sub_issues"
    return call(server, "POST", path, {"sub_issue_id": child["id"], **more})


def numbers(reply: Reply) -> list[int]:
    return [issue["number"] for issue in reply.json]


def events(server: Server, number: int) -> list[str]:
    return [event["event"] for event in call(server, "GET", f"{ISSUES}/{number}/events").json]


def control(server: Server, method: str, name: str, body: Any = None) -> Any:
    reply = call(server, method, f"/_sandbox/{name}", body, token=None)
    assert reply.status == 200, reply.body
    return reply.json
