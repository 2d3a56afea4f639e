"""The trimmed descriptions hold names, types and enums, and no text of GitHub's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import official_api as official

SDL = Path(official.CONTRACTS).parent / "craftkit" / "sandbox" / "github.graphql"
PROSE = {"description", "summary", "title", "example", "examples", "externalDocs", "tags"}


def test_openapi_has_no_prose() -> None:
    def look(node: Any, names: bool, path: str) -> None:
        if isinstance(node, list):
            for item in node:
                look(item, False, path)
        elif isinstance(node, dict):
            for key, value in node.items():
                allowed = names or key not in PROSE or value == "" or path == ".info"
                assert allowed, f"{path}.{key}"
                look(value, key == "properties" and not names, f"{path}.{key}")

    text = official.DESCRIPTION.read_text(encoding="utf-8")
    known = json.loads(text)
    look(known, False, "")
    assert known["info"]["version"] and "@octokit/openapi" in known["x-source"]
    assert len(text) < 150_000


def test_graphql_has_no_prose() -> None:
    text = SDL.read_text(encoding="utf-8")
    assert text.startswith("# npm @octokit/graphql-schema ")
    assert '"' not in text and text.count("#") == 2
    assert len(text) < 30_000


def test_every_enum_that_may_be_null_says_so() -> None:
    def look(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                look(item)
        elif isinstance(node, dict):
            if node.get("nullable") is True and isinstance(node.get("enum"), list):
                assert None in node["enum"]
            for value in node.values():
                look(value)

    look(json.loads(official.DESCRIPTION.read_text(encoding="utf-8")))
