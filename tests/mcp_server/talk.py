"""A talk with the server through the SDK's client, for tests that are not asynchronous."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

COMMANDS = {
    "craftkit mcp": ["-m", "craftkit", "mcp"],
    "python -m craftkit.mcp": ["-m", "craftkit.mcp"],
}


class Talk:
    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self.portal, self.client = portal, client
        self.listed = {t.name: t for t in self.do("list_tools").tools}

    def do(self, method: str, *args: Any, **named: Any) -> Any:
        return self.portal.call(functools.partial(getattr(self.client, method), *args, **named))

    def call(self, tool: str, **args: Any) -> Any:
        return self.do("call_tool", tool, args)

    def data(self, tool: str, **args: Any) -> dict[str, Any]:
        """The structured answer, which fits its schema and is the text of the answer, too."""
        result = self.call(tool, **args)
        assert not result.is_error, result.content[0].text
        data: dict[str, Any] = result.structured_content
        schema = self.listed[tool].output_schema
        jsonschema.validate(data, schema)
        assert data.keys() == schema["properties"].keys()
        assert [json.loads(block.text) for block in result.content] == [data]
        return data

    def refused(self, tool: str, **args: Any) -> str:
        result = self.call(tool, **args)
        assert result.is_error and result.structured_content is None
        text: str = result.content[0].text
        return text

    def read(self, uri: str) -> dict[str, Any]:
        (content,) = self.do("read_resource", uri).contents
        assert content.mime_type == "application/json"
        found: dict[str, Any] = json.loads(content.text)
        return found


@contextlib.contextmanager
def inside(desk: Any, mode: str = "auto") -> Iterator[Talk]:
    """With a server in this process."""
    from craftkit.mcp.server import build

    with _talking(Client(build(str(desk.repo)), mode=mode)) as talk:
        yield talk


@contextlib.contextmanager
def outside(desk: Any, mode: str = "auto", command: str = "craftkit mcp") -> Iterator[Talk]:
    """With a real server process, which says nothing but the protocol."""
    with open(errors(desk), "w+", encoding="utf-8") as log:
        transport = stdio_client(parameters(desk, command), errlog=log)
        with _talking(Client(transport, mode=mode)) as talk:
            yield talk


def errors(desk: Any) -> Path:
    return Path(desk.where) / "server.err"


def parameters(desk: Any, command: str = "craftkit mcp") -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=COMMANDS[command], env=dict(desk.env), cwd=desk.repo
    )


@contextlib.contextmanager
def _talking(client: Client) -> Iterator[Talk]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client) as ready:
        yield Talk(portal, ready)
