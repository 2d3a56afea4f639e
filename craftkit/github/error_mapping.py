"""Answers that refuse, as errors of ours: each a fact, and a hint that names the next step.

Sources: GitHub's pages "Troubleshooting the REST API" (what 401, 403, 404 and 422 mean, the headers
`x-accepted-github-permissions`, `x-accepted-oauth-scopes`, `x-oauth-scopes`, `x-github-sso`) and
"Rate limits and query limits for the GraphQL API".  The types of GraphQL errors are not listed
anywhere: those below are the ones that GitHub was seen to answer with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from craftkit.github import pacing
from craftkit.github.gateway import (
    BadCredentials,
    Forbidden,
    GitHubError,
    Invalid,
    IssueGone,
    ListTooLong,
    NoAnswer,
    NotFound,
    ParentFull,
    UnknownOutcome,
    Unreachable,
)
from craftkit.text import one_line, redact

_TOKENS_PAGE = "Settings › Developer settings › Personal access tokens"
_REFUSED, _SCOPELESS = "GitHub refuses this to the token", " lacks a scope:"
_GONE_HINT = "run `craftkit reconcile --dry-run`: it shows which task was linked to it"
# How a GraphQL server says that it does not know a field, an argument or a type: nothing was run.
_NOT_UNDERSTOOD = (
    r"doesn't exist on type|doesn't accept argument|isn't a defined|was provided invalid value"
    r"|Cannot query field|Unknown (?:type|argument|field)|is not defined|Parse error|Syntax Error"
    r"|Expected value of type|Variable .{1,80} got invalid value"
)


class About(NamedTuple):
    """What messages are about."""

    repo: str  # OWNER/NAME
    host: str
    source: str  # of the token
    actions: bool = False  # whether this is a job of GitHub Actions


class Problem(NamedTuple):
    """One entry of `errors` in a GraphQL answer."""

    kind: str  # its type, "" where it has none
    path: tuple[Any, ...]
    message: str  # cleaned
    code: str  # of its extensions
    sso: bool


class NotUnderstood(Invalid):
    """A GraphQL server that does not know what was asked for; nothing was carried out.

    What it can do is found out anew, so that trying again may help.
    """

    retryable = True


class Moved(IssueGone):
    """A redirect: the issue has been moved, or the repository has another name now."""


class NoGraphQL(GitHubError):
    """404 for the GraphQL address itself: REST serves instead, from the next try on."""

    retryable = True


def said(data: Any) -> str:
    """What GitHub says, as one harmless line: `message` and the fields that it complains of."""
    if not isinstance(data, dict):
        return ""
    parts = [data["message"]] if isinstance(data.get("message"), str) else []
    errors = data.get("errors")
    for error in errors[:3] if isinstance(errors, list) else []:
        if isinstance(error, dict):
            error = error.get("message") or " ".join(
                str(error[name]) for name in ("field", "code") if isinstance(error.get(name), str)
            )
        if isinstance(error, str):
            parts.append(error)
    return quoted(": ".join(part for part in parts if part))


def quoted(text: str) -> str:
    return one_line(redact(text[:2000]), 160)


def from_status(
    status: int, headers: Mapping[str, str], data: Any, about: About, number: int | None = None
) -> GitHubError:
    """The error for an answer that is neither a success nor a limit; `number` is the issue's."""
    words = said(data)
    if status == 401:
        return bad_credentials(about)
    if status == 403:
        return forbidden(headers, words, about)
    if status == 404:
        return not_found(about, number)
    if status == 410 and number is None:
        return issues_off(about)
    if status == 410:
        return gone(about, number, "deleted")
    if status in (301, 302, 307, 308):
        return moved(about, number)
    if status in (400, 413, 422):
        return invalid(words)
    return GitHubError(
        f"GitHub answered {status}{f' ({words})' if words else ''}.",
        "try again later; `craftkit doctor` checks the connection",
    )


def bad_credentials(about: About) -> BadCredentials:
    where = f"put a valid one into {about.source}"
    if about.source == "gh auth token":
        where = f"run `gh auth login --hostname {about.host}`"
    return BadCredentials(
        f"{about.host} does not accept the token from {about.source} (401): "
        "it is wrong, expired or revoked.",
        f"{where}, then run `craftkit doctor`",
    )


def forbidden(headers: Mapping[str, str], words: str, about: About) -> Forbidden | Invalid:
    """The 403 that is not a limit: single sign-on, archived, a permission, a scope, or unsaid."""
    if headers.get("x-github-sso", "").startswith("required") or "SAML" in words:
        return sso_required(about)
    if "archived" in words.lower():
        return archived(about)
    if "issue is locked" in words.lower():
        return locked(about)
    rule = _rule_hint(words, about)
    if rule:
        return Forbidden(
            f"A rule of the organisation forbids this to the token from {about.source}: “{words}”.",
            rule,
        )
    needed = _names(headers.get("x-accepted-github-permissions", ""))
    scopes = headers.get("x-oauth-scopes")
    accepted = _names(headers.get("x-accepted-oauth-scopes", ""))
    if scopes is not None and accepted and not _shares(scopes, accepted):
        has = _names(scopes) or "none"
        return Forbidden(
            f"The token from {about.source}{_SCOPELESS} it needs {accepted} and has {has}.",
            f"add the scope under {_TOKENS_PAGE}, or run `gh auth refresh --scopes repo`",
        )
    what = f"it needs the permission {needed}" if needed else f"“{words}”" if words else "403"
    return Forbidden(
        f"{_REFUSED} from {about.source} on {about.repo}: {what}.",
        permission_hint(about),
    )


def _rule_hint(words: str, about: About) -> str:
    """What helps against the rule of an organisation that GitHub names; "" if it names none."""
    lower, settings = words.lower(), f"({_TOKENS_PAGE})"
    if "ip allow list" in lower:
        return "use an address that the list allows (the company's network or VPN), or ask an owner"
    if "forbids access via a personal access token (classic)" in lower:
        return f"make a fine-grained token for {about.repo.split('/')[0]} {settings}"
    if "lifetime is greater" in lower:
        return f"make a token that ends sooner {settings}"
    if "forbids access via" in lower:
        return f"ask an owner which tokens are allowed, and make such a one {settings}"
    return ""


def permission_hint(about: About) -> str:
    if about.actions and about.source == "GITHUB_TOKEN":
        return "in GitHub Actions, give the job `permissions: issues: write`; `craftkit doctor`"
    return (
        f"either your role in {about.repo} is below *Triage* (ask its owner), or the token lacks "
        f"*Issues: read and write* ({_TOKENS_PAGE}); `craftkit doctor` tells more"
    )


def says_refused(text: str) -> bool:
    """Whether the sentence of an error tells that a role, a permission or a scope is missing."""
    return text.startswith(_REFUSED) or _SCOPELESS in text


def sso_required(about: About) -> Forbidden:
    return Forbidden(
        f"The token from {about.source} is not authorised for the organisation's single sign-on.",
        f"choose *Configure SSO* beside the token under {_TOKENS_PAGE}, then `craftkit doctor`",
    )


def archived(about: About) -> Forbidden:
    return Forbidden(
        f"{about.repo} is archived, so nothing in it can be changed.",
        "unarchive it on GitHub (its Settings › General › Danger Zone), or use another repository",
    )


def locked(about: About) -> Invalid:
    return Invalid(
        f"The conversation of the issue in {about.repo} is locked, so it takes no comment.",
        "unlock it on GitHub, then `craftkit outbox retry`; `craftkit outbox drop` forgets it",
    )


def issues_off(about: About) -> Invalid:
    return Invalid(
        f"Issues are switched off in {about.repo}.",
        "switch them on on GitHub: its Settings › General › Features",
    )


def not_found(about: About, number: int | None = None) -> NotFound:
    what = f"{about.repo}{_mark(number)}"
    return NotFound(
        f"{what} is not there, or the token from {about.source} may not see it.",
        f"check the name, that you have access to it, and that the token covers it "
        f"({_TOKENS_PAGE}); `craftkit doctor` tells more",
    )


def gone(about: About, number: int | None, why: str) -> IssueGone:
    """`why` is "deleted" or "not found"."""
    words = "has been deleted" if why == "deleted" else "is not there"
    return IssueGone(f"The issue {about.repo}{_mark(number)} {words}.", _GONE_HINT)


def moved(about: About, number: int | None) -> Moved:
    if number is None:
        return Moved(
            f"{about.repo} has another name or owner now.",
            "set the git remote (or `github.repo`) to its present name",
        )
    return Moved(f"The issue {about.repo}{_mark(number)} has been moved elsewhere.", _GONE_HINT)


def _mark(number: int | None) -> str:
    return "" if number is None else f"#{number}"


def invalid(words: str) -> Invalid:
    if re.search(r"more than \d+ sub-issues", words):
        return ParentFull(
            "GitHub takes no further sub-issue below this parent: it has as many as it can have.",
            "`craftkit spec link` makes a further parent",
        )
    return Invalid(
        f"GitHub refuses the content{f': “{words}”' if words else ''}.",
        "correct the text in the spec, then run `craftkit outbox retry`",
    )


def elsewhere(about: About) -> GitHubError:
    """A redirect that leaves the server."""
    return GitHubError(
        f"{about.host} sends the request to another server; the token does not go there.",
        "correct `github.api_url` (or GITHUB_API_URL) to the address that GitHub gives today",
    )


def unreachable(about: About, why: str) -> Unreachable:
    hint = "work goes on offline; `craftkit reconcile` sends what is queued"
    if "cannot be read" in why:
        hint = "correct or unset REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE; until then work offline"
    elif "certificate" in why:
        hint = "name your company's certificates in REQUESTS_CA_BUNDLE; until then work offline"
    elif "SOCKS" in why:
        hint = "install PySocks beside craftkit, or name an HTTP proxy in HTTPS_PROXY"
    elif "proxy" in why:
        hint = f"correct HTTPS_PROXY, or add {about.host} to NO_PROXY; until then work offline"
    return Unreachable(f"{about.host} cannot be reached: {why}.", hint)


def unknown_outcome(about: About, why: str) -> UnknownOutcome:
    return UnknownOutcome(
        f"Whether {about.host} carried the request out is not known: {why}.",
        "nothing is lost: `craftkit reconcile` looks before it sends again",
    )


def no_answer(about: About, why: str) -> NoAnswer:
    return NoAnswer(
        f"{about.host} gave no usable answer: {why}.",
        "try again later; `craftkit doctor` checks the connection",
    )


def too_long(about: About, pages: int) -> ListTooLong:
    return ListTooLong(
        f"{about.host} gave no usable answer: a list does not end within {pages} pages.",
        "try again later; `craftkit doctor` checks the connection",
    )


def read_problems(data: Any) -> tuple[Problem, ...]:
    """The `errors` of a GraphQL answer; entries of an unknown form count too."""
    errors = data.get("errors") if isinstance(data, dict) else None
    if errors is None:
        return ()
    return tuple(_problem(error) for error in (errors if isinstance(errors, list) else [errors]))


def is_limit(problem: Problem) -> bool:
    return problem.kind in ("RATE_LIMITED", "RATE_LIMIT") or pacing.says_limit(problem.message)


def is_vague(problem: Problem) -> bool:
    """Whether it may be gone at the next try: neither a type nor a reason, as in a time-out."""
    return not problem.kind and not problem.path and not _is_not_understood(problem)


def from_problem(
    problem: Problem, headers: Mapping[str, str], about: About, write: bool
) -> GitHubError:
    """The error for an entry of `errors` that is not a limit."""
    if problem.sso:
        return sso_required(about)
    if problem.kind == "NOT_FOUND":
        return not_found(about)
    if problem.kind in ("FORBIDDEN", "INSUFFICIENT_SCOPES"):
        return _forbidden_by_graphql(problem, headers, about)
    if problem.kind == "UNPROCESSABLE":
        return _refused_content(problem, about)
    if not problem.kind and _is_not_understood(problem):
        return NotUnderstood(
            f"This server does not understand craftkit's request: “{problem.message}”.",
            "run `craftkit doctor`: it finds out anew what the server can do",
        )
    why = f"it reports “{problem.message or problem.kind or 'an error'}”"
    return unknown_outcome(about, why) if write else no_answer(about, why)


def _forbidden_by_graphql(
    problem: Problem, headers: Mapping[str, str], about: About
) -> GitHubError:
    if problem.kind == "INSUFFICIENT_SCOPES":
        return Forbidden(
            f"The token from {about.source}{_SCOPELESS} “{problem.message}”.",
            f"add it under {_TOKENS_PAGE}, or run `gh auth refresh --scopes repo,project`",
        )
    return forbidden(headers, problem.message, about)


def _refused_content(problem: Problem, about: About) -> GitHubError:
    lower = problem.message.lower()
    if "issues are disabled" in lower or "issues disabled" in lower:  # wording assumed
        return issues_off(about)
    if "archived" in lower:
        return archived(about)
    if "issue is locked" in lower:
        return locked(about)
    return invalid(problem.message)


def _problem(error: Any) -> Problem:
    if not isinstance(error, dict):
        return Problem("", (), "", "", False)
    extensions = error.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    path, kind = error.get("path"), error.get("type")
    message, code = error.get("message"), extensions.get("code")
    return Problem(
        kind=quoted(kind).upper() if isinstance(kind, str) else "",
        path=tuple(path) if isinstance(path, list) else (),
        message=quoted(message) if isinstance(message, str) else "",
        code=quoted(code) if isinstance(code, str) else "",
        sso=extensions.get("saml_failure") is True,
    )


def _is_not_understood(problem: Problem) -> bool:
    return bool(problem.code) or re.search(_NOT_UNDERSTOOD, problem.message) is not None


def _names(text: str) -> str:
    """A header's list of permissions or scopes; nothing else gets through."""
    return one_line(text, 120) if re.fullmatch(r"[A-Za-z0-9_:=;, ]{1,400}", text) else ""


def _shares(scopes: str, accepted: str) -> bool:
    def split(text: str) -> set[str]:
        return {word.strip() for word in text.split(",") if word.strip()}

    return bool(split(scopes) & split(accepted))
