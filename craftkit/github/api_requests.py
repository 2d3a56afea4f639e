"""Calls: a REST request or a GraphQL document, paced, judged and read.

What comes out is what was asked for, or an error of the gateway.  A success that cannot be read is
no success: for a read it is asked again, for a write its outcome is unknown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from craftkit.github import error_mapping
from craftkit.github.address import Server, origin
from craftkit.github.error_mapping import About, Problem
from craftkit.github.gateway import PAGES, GitHubError
from craftkit.github.mapping import Malformed, objects
from craftkit.github.pacing import (
    DONE,
    LIMITED,
    LOST,
    UNSENT,
    RateLimiter,
    RequestOutcome,
    is_limit,
)
from craftkit.github.tokens import Token
from craftkit.github.wire import ACCEPT, API_VERSION, Failure, HttpResponse, Wire

T = TypeVar("T")

_HOPS = 2  # redirects of one read
_CACHED = 1 << 20  # characters of an answer worth remembering
_REDIRECTS = (301, 302, 307, 308)


class Etags(Protocol):
    """Remembers answers of lists, so that an unchanged one costs nothing of the limit."""

    def get(self, key: str) -> tuple[str, str] | None:
        """The ETag and the answer stored under `key`."""

    def put(self, key: str, etag: str, answer: str) -> None: ...


class ApiResult(NamedTuple):
    """What a GraphQL document brought: data for some parts, problems for others."""

    data: dict[str, Any]
    problems: tuple[Problem, ...]
    headers: Mapping[str, str]


class _Read(NamedTuple):
    """An answer that was understood; `data` is None where it refuses (`status` of 300 or more)."""

    status: int
    headers: Mapping[str, str]
    data: Any
    body: str = ""


class Caller:
    """The way to one repository's server."""

    def __init__(
        self,
        server: Server,
        token: Token,
        about: About,
        rate_limiter: RateLimiter,
        etags: Etags | None = None,
    ) -> None:
        self.server = server
        self.about = about
        self.rate_limiter = rate_limiter
        self.requests = 0  # sent, whether answered or not
        self.silent = False  # whether the last request got no answer in time
        self.scopes: str | None = None  # of a classic token, as last seen
        self._fingerprint = token.fingerprint()
        self._wire = Wire(server, token)
        self._etags = etags

    def get(self, path: str, read: Callable[[Any], T], number: int | None = None) -> T:
        """Read one thing.  Redirects are followed on this server only."""
        for _ in range(_HOPS + 1):
            outcome = self._run("GET", path, {}, None, _by_rest(read), True)
            found = self._answer(outcome, write=False)
            if found.status in _REDIRECTS:
                path = self._same_server(found.headers)
                continue
            return self._value(found, number)  # type: ignore[no-any-return]
        raise error_mapping.moved(self.about, number)

    def items(
        self, path: str, done: Callable[[list[dict[str, Any]]], bool], pages: int = PAGES
    ) -> list[dict[str, Any]]:
        """The items of a list, page by page until `done` with one.

        Raises ListTooLong rather than give a part of it.
        """
        items: list[dict[str, Any]] = []
        mark = "&" if "?" in path else "?"
        for page in range(1, pages + 1):
            found, more = self._page(f"{path}{mark}per_page=100&page={page}")
            items += found
            if not more or done(found):
                return items
        raise error_mapping.too_long(self.about, pages)

    def send(
        self,
        verb: str,
        path: str,
        body: dict[str, Any] | None,
        read: Callable[[Any], T],
        number: int | None = None,
    ) -> T:
        """Write.  POST goes once; PATCH, PUT and DELETE say the same thing twice if need be."""
        outcome = self._run(verb, path, {}, body, _by_rest(read), verb != "POST")
        found = self._answer(outcome, write=True)
        if found.status in _REDIRECTS:
            self._same_server(found.headers)
        return self._value(found, number)  # type: ignore[no-any-return]

    def graphql(self, document: tuple[str, dict[str, Any]], write: bool) -> ApiResult:
        """Carry a document out.  Problems of single parts are for the caller.

        Raises NotUnderstood and NoGraphQL besides the errors of the gateway.
        """
        text, variables = document
        body = {"query": text, "variables": variables}
        url = self.server.graphql_url
        outcome = self._run("POST", url, {}, body, _by_graphql(write), not write)
        found = self._answer(outcome, write)
        if found.status == 404:
            raise error_mapping.NoGraphQL(f"{self.about.host} has no GraphQL.")
        if found.status in _REDIRECTS:
            self._same_server(found.headers)
            raise error_mapping.no_answer(self.about, "its GraphQL address has moved")
        result: ApiResult = self._value(found, None)
        for problem in result.problems:
            if not problem.path and not any(result.data.values()):
                raise self.error(problem, result.headers, write)
        return result

    def error(self, problem: Problem, headers: Mapping[str, str], write: bool) -> GitHubError:
        if error_mapping.is_limit(problem):
            return self.rate_limiter.limited(headers)
        return error_mapping.from_problem(problem, headers, self.about, write)

    def _page(self, path: str) -> tuple[list[dict[str, Any]], bool]:
        """One page of a list, from memory where it has not changed; whether there is another."""
        key = self._key(path)
        known = self._etags.get(key) if self._etags is not None else None
        if known is not None:
            found = self._list(path, {"If-None-Match": known[0]})
            remembered = _remembered(known[1]) if found.status == 304 else None
            if remembered is not None:
                return remembered
        if known is None or found.status == 304:  # what was remembered cannot be read
            found = self._list(path, {})
        items: list[dict[str, Any]] = self._value(found, None)
        more = 'rel="next"' in found.headers.get("link", "")
        etag = found.headers.get("etag", "")
        if self._etags is not None and etag and len(found.body) <= _CACHED:
            self._etags.put(key, etag, f"{'more' if more else 'last'}\n{found.body}")
        return items, more

    def _list(self, path: str, headers: dict[str, str]) -> _Read:
        judge = _by_rest(objects, unchanged=bool(headers))
        found = self._answer(self._run("GET", path, headers, None, judge, True), write=False)
        if found.status in _REDIRECTS:
            self._same_server(found.headers)
            raise error_mapping.moved(self.about, None)
        return found

    def _key(self, path: str) -> str:
        """An ETag is good for one address, one token and one form of answer."""
        parts = (self.server.api_url, path, self._fingerprint, ACCEPT, API_VERSION)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _run(
        self,
        verb: str,
        url: str,
        headers: dict[str, str],
        body: dict[str, Any] | None,
        judge: Callable[[HttpResponse], RequestOutcome],
        repeatable: bool,
    ) -> RequestOutcome:
        def once(seconds: float) -> RequestOutcome:
            answer = self._wire.exchange(verb, url, headers, body, seconds)
            if isinstance(answer, Failure):
                self.requests += answer.sent
                self.silent = answer.silent
                kind = LOST if answer.sent else UNSENT
                return RequestOutcome(kind, {}, answer.why, answer.silent)
            self.silent = False
            self.requests += 1
            self.scopes = answer.headers.get("x-oauth-scopes", self.scopes)
            return judge(answer)

        # A GraphQL query goes as POST too, but only what is not repeatable, or no read by its
        # verb, changes anything.
        write = not repeatable or verb in ("PATCH", "PUT", "DELETE")
        return self.rate_limiter.run(once, write, repeatable)

    def _answer(self, outcome: RequestOutcome, write: bool) -> _Read:
        if outcome.kind == UNSENT:
            raise error_mapping.unreachable(self.about, outcome.value)
        if outcome.kind == LOST:
            failed = error_mapping.unknown_outcome if write else error_mapping.no_answer
            raise failed(self.about, outcome.value)
        found: _Read = outcome.value
        return found

    def _value(self, found: _Read, number: int | None) -> Any:
        if found.status >= 300:
            raise error_mapping.from_status(
                found.status, found.headers, found.data, self.about, number
            )
        return found.data

    def _same_server(self, headers: Mapping[str, str]) -> str:
        """Where a redirect leads, as an address on this server.  Raises GitHubError."""
        target = headers.get("location", "")
        if target.startswith("/") and not target.startswith("//"):
            target = self.server.api_url.removesuffix(urlsplit(self.server.api_url).path) + target
        if not target.isprintable() or origin(target) != origin(self.server.api_url):
            raise error_mapping.elsewhere(self.about)
        return target


def _by_rest(
    read: Callable[[Any], Any], unchanged: bool = False
) -> Callable[[HttpResponse], RequestOutcome]:
    """Judge a REST answer; `read` makes the value of a success, `unchanged` allows a 304."""

    def judge(answer: HttpResponse) -> RequestOutcome:
        status, headers, body = answer
        if status == 304:
            return RequestOutcome(
                DONE if unchanged else LOST, headers, _Read(status, headers, None)
            )
        data = _json(body)
        early = _refusal(status, headers, data)
        if early is not None:
            return early
        try:
            value = read(None if status == 204 else data)
        except Malformed as error:
            return RequestOutcome(LOST, headers, f"its answer is malformed ({error})")
        return RequestOutcome(DONE, headers, _Read(status, headers, value, _text(body)))

    return judge


def _by_graphql(write: bool) -> Callable[[HttpResponse], RequestOutcome]:
    """Judge a GraphQL answer: it may bring data and problems at once, all with status 200."""

    def judge(answer: HttpResponse) -> RequestOutcome:
        status, headers, body = answer
        data = _json(body)
        # Some servers refuse a document that they cannot read with a 400, others with a 200.
        refused = status == 400 and isinstance(data, dict) and "errors" in data
        if status == 404:
            return RequestOutcome(DONE, headers, _Read(status, headers, None))
        early = None if refused else _refusal(status, headers, data)
        if early is not None:
            return early
        found = (data.get("data") or {}) if isinstance(data, dict) else None
        problems = error_mapping.read_problems(data)
        if not isinstance(found, dict) or not (found or problems):
            return RequestOutcome(LOST, headers, "its answer is not a GraphQL answer")
        if not any(found.values()):  # nothing was carried out, or nobody says so
            if any(error_mapping.is_limit(problem) for problem in problems):
                return RequestOutcome(LIMITED, headers)
            if not write and any(error_mapping.is_vague(problem) for problem in problems):
                return RequestOutcome(LOST, headers, "it reports an error of its own")
        return RequestOutcome(
            DONE, headers, _Read(200, headers, ApiResult(found, problems, headers))
        )

    return judge


def _refusal(status: int, headers: Mapping[str, str], data: Any) -> RequestOutcome | None:
    """What any answer that is not success comes to; None for a success."""
    if status == 408 or status >= 500:
        return RequestOutcome(LOST, headers, f"it answered {status}")
    if is_limit(status, headers, error_mapping.said(data)):
        return RequestOutcome(LIMITED, headers)
    if status in _REDIRECTS or (status >= 300 and isinstance(data, dict)):
        return RequestOutcome(DONE, headers, _Read(status, headers, data))
    if status >= 300:  # the page of a proxy, say, is not evidence that an issue is gone
        return RequestOutcome(LOST, headers, f"a {status} that is not GitHub's")
    return None


def _json(body: bytes) -> Any:
    """The parsed body; None where it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _remembered(stored: str) -> tuple[list[dict[str, Any]], bool] | None:
    more, _, body = stored.partition("\n")
    try:
        return objects(_json(body.encode())), more == "more"
    except (Malformed, UnicodeError):
        return None


def segment(name: str) -> str:
    """`name` as one part of a path.  Raises Invalid."""
    if name in (".", ".."):  # would lead elsewhere, however it is written
        raise error_mapping.invalid(f"{name} cannot be a name")
    return quote(name, safe="")
