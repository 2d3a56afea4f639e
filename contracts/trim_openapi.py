"""Writes tests/contract/github-openapi.json from GitHub's official OpenAPI description.

    python contracts/trim_openapi.py

Kept are the paths that the sandbox serves, with types, names and enums only.  One mechanical
repair: eight enums are `nullable` but do not list null, which a validator then refuses although
GitHub sends it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from npm import file_of

PACKAGE, VERSION = "@octokit/openapi", "23.0.2"
TARGET = Path(__file__).parents[1] / "tests" / "contract" / "github-openapi.json"

REPO = "/repos/{owner}/{repo}"
ISSUE = REPO + "/issues/{issue_number}"
OPERATIONS = {
    "/meta": ["get"],
    "/rate_limit": ["get"],
    "/user": ["get"],
    "/search/issues": ["get"],
    REPO: ["get"],
    f"{REPO}/collaborators/{{username}}/permission": ["get"],
    f"{REPO}/labels": ["get", "post"],
    f"{REPO}/labels/{{name}}": ["get"],
    f"{REPO}/issues": ["get", "post"],
    ISSUE: ["get", "patch"],
    f"{ISSUE}/assignees": ["post", "delete"],
    f"{ISSUE}/comments": ["get", "post"],
    f"{ISSUE}/dependencies/blocked_by": ["get", "post"],
    f"{ISSUE}/dependencies/blocked_by/{{issue_id}}": ["delete"],
    f"{ISSUE}/dependencies/blocking": ["get"],
    f"{ISSUE}/events": ["get"],
    f"{ISSUE}/labels": ["get", "post", "put", "delete"],
    f"{ISSUE}/labels/{{name}}": ["delete"],
    f"{ISSUE}/parent": ["get"],
    f"{ISSUE}/sub_issue": ["delete"],
    f"{ISSUE}/sub_issues": ["get", "post"],
    f"{ISSUE}/sub_issues/priority": ["patch"],
    f"{ISSUE}/timeline": ["get"],
}
PROSE = {"description", "summary", "title", "example", "examples", "externalDocs", "tags"}


def strip(node: Any, names: bool = False) -> Any:
    """`node` without prose; `names` says that the keys are names of fields, so all of them stay."""
    if isinstance(node, list):
        return [strip(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: strip(value, names=key == "properties" and not names)
        for key, value in node.items()
        if names or not (key in PROSE or key.startswith("x-"))
    }
    values = kept.get("enum")
    if not names and kept.get("nullable") and isinstance(values, list) and None not in values:
        kept["enum"] = [*values, None]
    return kept


def refs(node: Any) -> set[str]:
    if isinstance(node, list):
        return {ref for item in node for ref in refs(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own | {ref for value in node.values() for ref in refs(value)}


def trim(whole: dict[str, Any]) -> dict[str, Any]:
    paths = {
        path: {
            key: strip(whole["paths"][path][key])
            for key in (*methods, "parameters")
            if key in whole["paths"][path]
        }
        for path, methods in OPERATIONS.items()
    }
    components: dict[str, dict[str, Any]] = {}
    wanted = refs(paths)
    while wanted:
        _, _, kind, name = wanted.pop().split("/")
        if name in components.setdefault(kind, {}):
            continue
        components[kind][name] = strip(whole["components"][kind][name])
        wanted |= refs(components[kind][name])
    responses = [
        response
        for operations in paths.values()
        for operation in operations.values()
        for response in operation["responses"].values()
    ]
    for response in [*responses, *components.get("responses", {}).values()]:
        if "$ref" not in response:
            response["description"] = ""  # OpenAPI wants the key
    return {
        "openapi": whole["openapi"],
        "info": {"title": PACKAGE, "version": VERSION, "license": {"name": "MIT"}},
        "x-source": f"npm {PACKAGE} {VERSION}, generated/api.github.com.json, trimmed by "
        "contracts/trim_openapi.py. Copyright (c) 2020 Octokit contributors, MIT",
        "servers": [{"url": "https://api.github.com"}],
        "paths": paths,
        "components": components,
    }


def lines(node: dict[str, Any], depth: int) -> str:
    """JSON with one line for each path and each schema: small, and a diff can still be read."""
    if depth == 0:
        return json.dumps(node, sort_keys=True, separators=(",", ":"))
    rows = [
        f"{json.dumps(key)}:{lines(value, depth - 1 if isinstance(value, dict) else 0)}"
        for key, value in sorted(node.items())
    ]
    return "{\n" + ",\n".join(rows) + "\n}"


def main() -> None:
    trimmed = trim(json.loads(file_of(PACKAGE, VERSION, "generated/api.github.com.json")))
    text = "{\n" + ",\n".join(
        f"{json.dumps(key)}:{lines(value, depth)}"
        for key, value, depth in (
            *((key, trimmed[key], 0) for key in ("openapi", "info", "x-source", "servers")),
            ("paths", trimmed["paths"], 1),
            ("components", trimmed["components"], 2),
        )
    )
    TARGET.write_text(text + "\n}\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(trimmed['paths'])} paths, {TARGET.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
