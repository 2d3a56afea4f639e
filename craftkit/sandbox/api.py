"""One request to the API, from its headers to an answer with all of GitHub's headers.

No fault is in here: `faults` decides whether a request comes this far, and what becomes of the
answer.  Callers hold the lock of the state.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from craftkit.sandbox import graphql_api, rest
from craftkit.sandbox.access import Caller, Refused, identify, missing
from craftkit.sandbox.context import Context
from craftkit.sandbox.schema import Operation, operation
from craftkit.sandbox.state import Answer, Request, State
from craftkit.sandbox.world import World

DEFAULT_VERSION = "2022-11-28"
VERSIONS = (DEFAULT_VERSION, "2026-03-10")
DOCS = "https://docs.github.com/rest"
GRAPHQL = "/graphql"
_BY_ID = re.compile(r"/repositories/(\d{1,18})(/.*)?")


class Outcome(NamedTuple):
    answer: Answer
    world: World  # that is current once the request was carried out
    login: str = ""
    ignored: tuple[str, ...] = ()


def is_graphql(request: Request) -> bool:
    return request.method == "POST" and urlsplit(request.path).path == GRAPHQL


def asked(request: Request) -> Operation | None:
    """The operation of a GraphQL request, where one can be read."""
    if not is_graphql(request):
        return None
    given = read_json(request.body)
    text = given.get("query") if isinstance(given, dict) else None
    return operation(text, given.get("operationName")) if isinstance(text, str) else None


def read_json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def carry_out(
    state: State,
    request: Request,
    world: World | None = None,
    failing: Mapping[str, Refused] | None = None,
) -> Outcome:
    """The outcome of a request on a world (the current one); nothing is committed here."""
    world = state.world if world is None else world
    caller = Caller(None, "", state.stamp())
    version = request.headers.get("x-github-api-version", DEFAULT_VERSION)
    try:
        if "user-agent" not in request.headers:
            raise Refused(403, "Request forbidden: send a User-Agent header")
        if version not in VERSIONS:
            raise Refused(400, f"{version} is not a supported version of the API")
        caller = identify(world, request.headers.get("authorization"), state.stamp())
        resource = "graphql" if is_graphql(request) else "core"
        state.meter.check_block(caller.login, state.now())
        if resource == "graphql":
            return _graphql(state, request, world, caller, failing or {})
        return _rest(state, request, world, caller, version)
    except Refused as refused:
        return Outcome(refusal(state, request, refused, caller), world, caller.login)


def _graphql(
    state: State, request: Request, world: World, caller: Caller, failing: Mapping[str, Refused]
) -> Outcome:
    if not state.capabilities.graphql:
        raise missing()
    if caller.token is None:
        raise Refused(401, "This endpoint requires you to be authenticated.")
    given = read_json(request.body)
    if not isinstance(given, dict) or not isinstance(given.get("query"), str):
        raise Refused(400, "Problems parsing JSON")
    variables, name = given.get("variables") or {}, given.get("operationName")
    if not isinstance(variables, dict) or not isinstance(name, str | None):
        raise Refused(400, "Variables must be an object and operationName a string")
    now, login = state.now(), caller.login
    state.meter.check(login, "graphql", now)
    if (found := operation(given["query"], name)) is not None:
        state.meter.content(login, found.creates, now)
    built = graphql_api.ready(state.capabilities.sub_issues, state.capabilities.dependencies)
    context = Context(world, caller, request.at, state.meter, now)
    context.failing.update(failing)
    answer = graphql_api.run(built, context, given["query"], variables, name)
    headers = _headers(state, request, caller, "graphql")
    return Outcome(_json(200, answer, headers), context.world, login)


def _rest(state: State, request: Request, world: World, caller: Caller, version: str) -> Outcome:
    now, login = state.now(), caller.login
    parts = urlsplit(request.path)
    path = _plain_path(world, parts.path)
    route, named = _find_route(state, request.method, path)
    free = path == "/rate_limit"
    if not free:
        state.meter.check(login, "core", now)
    if route.creates:
        state.meter.content(login, 1, now)
    given = read_json(request.body) if request.body else {}
    if given is None and request.body.strip() != b"null":
        raise Refused(400, "Problems parsing JSON")
    call = rest.Call(
        world,
        caller,
        request.at,
        parts.path,
        dict(parse_qsl(parts.query)),
        given,
        version,
        state.capabilities,
        state.meter,
        now,
    )
    result = route.handle(call, **{key: unquote(value) for key, value in named.items()})
    headers = {**_headers(state, request, caller, "core"), **result.headers}
    headers["X-Accepted-GitHub-Permissions"] = _permission(path, request.method)
    answer = _conditional(request, _json(result.status, result.body, headers))
    if not free and answer.status != 304:
        state.meter.charge(login, "core", 1, now)
    counted = state.meter.headers(login, "core", now)
    answer = answer._replace(headers={**answer.headers, **counted})
    unknown = given.keys() - set(route.keys) if isinstance(given, dict) else ()
    return Outcome(answer, result.world, login, tuple(sorted(unknown)))


def _plain_path(world: World, path: str) -> str:
    """The path with the name of a repository where its id was given."""
    if (found := _BY_ID.fullmatch(path)) and (repo := world.repos.get(int(found[1]))):
        return f"/repos/{repo.full_name}{found[2] or ''}"
    return path


def _find_route(state: State, method: str, path: str) -> tuple[rest.Route, dict[str, str]]:
    abilities = state.capabilities
    if rest.SUB_ISSUES.search(path) and not abilities.sub_issues:
        raise missing()
    if rest.DEPENDENCIES.search(path) and not abilities.dependencies:
        raise missing()
    for route in rest.ROUTES:
        if route.method == method and (found := route.path.fullmatch(path)):
            return route, found.groupdict()
    raise missing()


def _permission(path: str, method: str) -> str:
    if "/issues" in path or "/labels" in path:
        return "issues=read" if method == "GET" else "issues=write"
    return "metadata=read"


def _headers(state: State, request: Request, caller: Caller, resource: str) -> dict[str, str]:
    """What every answer has."""
    version = request.headers.get("x-github-api-version", DEFAULT_VERSION)
    headers = {
        "Server": "github.com",
        "X-GitHub-Media-Type": "github.v3; format=json",
        "X-GitHub-Request-Id": f"SB{state.count:06X}",
        "X-GitHub-Api-Version-Selected": version,
        **state.meter.headers(caller.login, resource, state.now()),
    }
    if state.capabilities.enterprise:
        headers["X-GitHub-Enterprise-Version"] = state.capabilities.enterprise
    if caller.token is not None and caller.token.kind == "classic":
        headers["X-OAuth-Scopes"] = ", ".join(caller.token.scopes)
        headers["X-Accepted-OAuth-Scopes"] = "repo"
    return headers


def to_json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _json(status: int, content: Any, headers: Mapping[str, str]) -> Answer:
    text = b"" if content is None else to_json(content)
    kind = {"Content-Type": "application/json; charset=utf-8"} if text else {}
    return Answer(status, {**kind, **headers}, text)


def refusal(state: State, request: Request, refused: Refused, caller: Caller) -> Answer:
    """The answer of a refusal, in the form that the endpoint has for it."""
    graphql = is_graphql(request)
    headers = {**_headers(state, request, caller, "graphql" if graphql else "core")}
    headers |= refused.headers
    if graphql and refused.status == 200:
        return _json(200, graphql_api.limited(refused), headers)
    content = {"message": refused.message, "documentation_url": DOCS, **refused.body}
    content["status"] = str(refused.status)
    if refused.errors:
        content["errors"] = list(refused.errors)
    if "Location" in headers and headers["Location"].startswith("/"):
        headers["Location"] = request.at.api + headers["Location"]
        content["url"] = headers["Location"]
    return _json(refused.status, content, headers)


def _conditional(request: Request, answer: Answer) -> Answer:
    """With an ETag, and without a body where the client has it already."""
    if request.method != "GET" or answer.status != 200:
        return answer
    headers = dict(answer.headers)
    secret = request.headers.get("authorization", "")
    asked = "\n".join(request.headers.get(key, "") for key in ("accept", "x-github-api-version"))
    seed = "\n".join((request.path, secret, asked)).encode() + answer.body
    headers["ETag"] = f'W/"{hashlib.sha256(seed).hexdigest()}"'
    headers["Cache-Control"] = (
        "private, max-age=60, s-maxage=60" if secret else "public, max-age=60"
    )
    headers["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding"
    changed = None
    if "Last-Modified" in headers:
        changed = datetime.fromisoformat(headers["Last-Modified"]).astimezone(UTC)
        headers["Last-Modified"] = format_datetime(changed, usegmt=True)
    if _known(request, headers["ETag"], changed):
        headers.pop("Content-Type", None)
        return Answer(304, headers, b"")
    return Answer(200, headers, answer.body)


def _known(request: Request, etag: str, changed: datetime | None) -> bool:
    """Whether the client's copy is the same; an ETag counts more than a date."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return etag.removeprefix("W/") in [
            tag.strip().removeprefix("W/") for tag in tags.split(",")
        ]
    date = request.headers.get("if-modified-since")
    if date is None or changed is None:
        return False
    try:
        return changed <= parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return False
