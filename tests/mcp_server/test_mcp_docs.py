"""docs/mcp.md says what the server is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("graphql")

import talk as talking

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| .*? \| (.*?) \|$", re.M)


def _hints(hints: Any) -> str:
    words = ["GitHub" if hints.open_world_hint else "local"]
    words += ["only reads"] if hints.read_only_hint else []
    words += ["takes back"] if hints.destructive_hint else []
    return ", ".join(words)


def test_the_table_is_the_servers(desk: Any) -> None:
    with talking.inside(desk) as talk:
        listed = {
            name: (set(tool.input_schema["properties"]), _hints(tool.annotations))
            for name, tool in talk.listed.items()
        }
    table = {n: (set(re.findall(r"`(\w+)`", given)), h) for n, given, h in ROW.findall(PAGE)}
    assert table == listed


def test_resources_prompt_and_answer_are_the_servers(desk: Any) -> None:
    desk.link()
    with talking.inside(desk) as talk:
        uris = [str(r.uri) for r in talk.do("list_resources").resources]
        uris += [t.uri_template for t in talk.do("list_resource_templates").resource_templates]
        prompts = [p.name for p in talk.do("list_prompts").prompts]
        shown = talk.data("issue_show", number=2)
    assert all(f"`{name}`" in PAGE for name in uris + prompts)
    example = next(t for t in re.findall(r"```json\n(.*?)```", PAGE, re.S) if "untrusted" in t)
    assert list(json.loads(example)) == list(shown)


def test_every_example_of_a_configuration_starts_the_server() -> None:
    import tomllib

    found = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.S)]
    found += [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.S)]
    servers = [next(iter(c.values()))["craftkit"] for c in found if "untrusted" not in c]
    assert len(servers) == 4
    for server in servers:
        command = server["command"]
        words = command if isinstance(command, list) else [command, *server["args"]]
        assert words == ["craftkit", "mcp"]
    assert PAGE.count(" -- craftkit mcp\n") == 2
