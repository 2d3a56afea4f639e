"""Checks exchanges with GitHub's official descriptions of its API.

    problems = official_api.watch(server)   # from now on, every exchange of that sandbox
    ...
    assert problems == []

`github-openapi.json` is written by contracts/trim_openapi.py.  Of the GraphQL schema the whole
official file is needed, which is 1.2 MB and not kept here: `graphql_schema` gets it from npm.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from graphql import GraphQLSchema, build_schema, parse, validate
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from craftkit.sandbox.server import Server
from craftkit.sandbox.state import Answer, Request

HOST = "https://api.github.com"
CONTRACTS = Path(__file__).parents[2] / "contracts"
DESCRIPTION = Path(__file__).with_name("github-openapi.json")


@lru_cache(maxsize=1)
def description() -> OpenAPI:
    # The description itself was checked when it was trimmed; doing it again costs a second.
    settings = Config(spec_validator_cls=None)
    return OpenAPI.from_dict(json.loads(DESCRIPTION.read_text(encoding="utf-8")), settings)


@lru_cache(maxsize=1)
def operations() -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["paths"]
    return paths


def watch(server: Server) -> list[str]:
    """A list that every exchange which does not fit the description adds a line to."""
    problems: list[str] = []
    server.observe(checker(problems))
    return problems


def checker(problems: list[str]) -> Callable[[Request, Answer], None]:
    def check(request: Request, answer: Answer) -> None:
        if urlsplit(request.path).path != "/graphql":
            problems.extend(rest_problems(request, answer))

    return check


def rest_problems(request: Request, answer: Answer) -> list[str]:
    """What is wrong with a REST exchange.

    A request counts only where it was accepted: what is refused may be wrong.  A refusal, or a
    304, counts only where the description has that status: it says nothing of 401, for example.
    """
    parts = urlsplit(request.path)
    given = MockRequest(
        HOST,
        request.method.lower(),
        parts.path,
        args=dict(parse_qsl(parts.query)),
        headers=dict(request.headers),
        data=request.body or None,
        content_type="application/json",
    )
    reply = MockResponse(
        answer.body,
        status_code=answer.status,
        headers=dict(answer.headers),
        content_type="application/json",
    )
    try:
        if answer.status < 400:
            description().validate_request(given)
        if answer.status < 300 or _described(request.method, parts.path, answer.status):
            description().validate_response(given, reply)
    except OpenAPIError as error:
        return [_line(request, answer, error)]
    return []


def _described(method: str, path: str, status: int) -> bool:
    """Whether the description of the operation has that status."""
    steps = path.strip("/").split("/")
    for template, methods in operations().items():
        wanted = template.strip("/").split("/")
        if len(wanted) == len(steps) and all(
            want == step or want.startswith("{") for want, step in zip(wanted, steps, strict=True)
        ):
            operation = methods.get(method.lower(), {})
            return str(status) in operation.get("responses", {})
    return False


def _line(request: Request, answer: Answer, error: OpenAPIError) -> str:
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        details = [str(detail.message) for detail in getattr(cause, "schema_errors", ())]
        causes += [type(cause).__name__, *details]
        cause = cause.__cause__
    return f"{request.method} {request.path} {answer.status}: {'; '.join(causes)[:600]}"


@lru_cache(maxsize=1)
def graphql_text() -> str:
    """The official GraphQL schema of the version that the sandbox's copy is trimmed from."""
    sys.path.insert(0, str(CONTRACTS))
    try:
        from npm import file_of  # type: ignore[import-not-found]
        from trim_graphql import PACKAGE, VERSION  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(CONTRACTS))
    text: str = file_of(PACKAGE, VERSION, "schema.graphql")
    return text


@lru_cache(maxsize=1)
def graphql_schema() -> GraphQLSchema:
    # The official file defines some fields twice, which a strict reader refuses.
    return build_schema(graphql_text(), assume_valid=True, assume_valid_sdl=True, no_location=True)


def graphql_problems(text: str) -> list[str]:
    """What is wrong with a document, by the official schema."""
    return [error.message for error in validate(graphql_schema(), parse(text))]
