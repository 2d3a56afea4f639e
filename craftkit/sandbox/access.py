"""Who may do what, and how a refusal is said.

Sources of the status codes: GitHub's REST documentation ("Permissions required for fine-grained
personal access tokens", "Troubleshooting the REST API") and its official OpenAPI description.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from craftkit.sandbox.world import (
    Issue,
    Repo,
    Token,
    User,
    World,
    find_issue,
    find_repo,
    find_user,
)

RANKS = ("", "READ", "TRIAGE", "WRITE", "MAINTAIN", "ADMIN")


class Refused(Exception):
    """GitHub says no.  `kind` is the type of the error in a GraphQL answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "UNPROCESSABLE",
        graphql: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.graphql = graphql or message
        self.errors = errors
        self.headers = dict(headers or {})
        self.body = dict(body or {})


class Caller(NamedTuple):
    """Who sends a request, and when; without a token nobody in particular."""

    token: Token | None
    login: str  # "" for nobody
    now: str


def missing(what: str = "") -> Refused:
    """Not there, or not to be seen by this caller: GitHub does not tell the two apart."""
    return Refused(404, "Not Found", kind="NOT_FOUND", graphql=f"Could not resolve to {what}")


def invalid(resource: str, field: str, code: str = "invalid", message: str = "") -> Refused:
    error = {"resource": resource, "code": code, "field": field}
    if message:
        error["message"] = message
    text = message or f"{resource} {field} is {code.replace('_', ' ')}"
    return Refused(422, "Validation Failed", graphql=text, errors=[error])


def unprocessable(message: str) -> Refused:
    return Refused(422, message)


def identify(world: World, header: str | None, now: str) -> Caller:
    """The caller of an `Authorization` header: `token X`, `Bearer X`, or none at all."""
    if header is None:
        return Caller(None, "", now)
    _, _, secret = header.partition(" ")
    token = world.tokens.get(secret.strip())
    if token is None:
        raise Refused(401, "Bad credentials", kind="UNAUTHORIZED")
    user = find_user(world, token.login)
    return Caller(token, user.login if user else token.login, now)


def role(world: World, repo: Repo, login: str) -> str:
    """The user's own permission, whatever the token."""
    owner = world.users[repo.owner.lower()]
    if login and login == owner.login:
        return "ADMIN"
    everybody = "" if repo.private and login not in owner.members else "READ"
    return max(repo.access.get(login, ""), everybody, key=RANKS.index)


def permission(world: World, caller: Caller, repo: Repo) -> str:
    """What a caller may do in a repository: the lesser of the user's role and the token's reach."""
    token = caller.token
    if token is None:
        return "" if repo.private else "READ"
    if token.kind == "classic":
        if repo.private and "repo" not in token.scopes:
            return ""
        return role(world, repo, caller.login)
    public = "" if repo.private else "READ"
    if not _reaches(token, repo):
        return public
    if token.kind == "installation":
        granted = token.permissions.get("issues", "")
        return {"write": "WRITE", "read": "READ"}.get(granted, public)
    return role(world, repo, caller.login)


def _reaches(token: Token, repo: Repo) -> bool:
    return token.repos is None or repo.full_name in token.repos


def see(world: World, caller: Caller, repo: Repo | None, what: str = "") -> Repo:
    """The repository, where the caller can see it."""
    if repo is None or not permission(world, caller, repo):
        raise missing(what or "a Repository.")
    owner = world.users[repo.owner.lower()]
    if owner.saml and caller.token and not caller.token.sso:
        raise Refused(
            403,
            "Resource protected by organization SAML enforcement. Authorize your token for it.",
            kind="FORBIDDEN",
            headers={"X-GitHub-SSO": f"required; url=https://example.test/orgs/{owner.login}/sso"},
        )
    return repo


def repository(world: World, caller: Caller, owner: str, name: str) -> Repo:
    what = f"a Repository with the name '{owner}/{name}'."
    return see(world, caller, find_repo(world, owner, name), what)


def may_write(world: World, caller: Caller, repo: Repo, rank: str, mine: bool = False) -> None:
    """Raises unless the caller may write issues; `mine`: an author may, whatever the rank."""
    see(world, caller, repo)
    token = caller.token
    if token is None:
        raise Refused(401, "Requires authentication", kind="UNAUTHORIZED")
    if repo.archived:
        raise Refused(403, "Repository was archived so is read-only.", kind="FORBIDDEN")
    if token.kind == "classic":
        if not {"repo", "public_repo"} & set(token.scopes):
            raise _scopes_missing("repo")
    elif token.permissions.get("issues") != "write" or not _reaches(token, repo):
        raise not_accessible(token, "issues=write")
    if not mine and not ranked(world, caller, repo, rank):
        text = f"{caller.login} does not have the correct permissions"
        raise Refused(403, f"Must have {rank.lower()} access.", kind="FORBIDDEN", graphql=text)


def may_project(caller: Caller, write: bool) -> None:
    """Projects ask for a scope, or a permission, of their own."""
    token = caller.token
    if token is None:
        raise Refused(401, "Requires authentication", kind="UNAUTHORIZED")
    if token.kind == "classic":
        if not ({"project"} | (set() if write else {"read:project"})) & set(token.scopes):
            raise _scopes_missing("project" if write else "read:project")
    elif token.permissions.get("projects") not in ("write", "write" if write else "read"):
        raise not_accessible(token, "organization_projects=" + ("write" if write else "read"))


def ranked(world: World, caller: Caller, repo: Repo, rank: str) -> bool:
    return RANKS.index(permission(world, caller, repo)) >= RANKS.index(rank)


def not_accessible(token: Token, wanted: str) -> Refused:
    holder = "integration" if token.kind == "installation" else "personal access token"
    return Refused(
        403,
        f"Resource not accessible by {holder}",
        kind="FORBIDDEN",
        headers={"X-Accepted-GitHub-Permissions": wanted},
    )


def _scopes_missing(scope: str) -> Refused:
    """REST hides what a classic token may not touch; GraphQL names the scope."""
    return Refused(
        404,
        "Not Found",
        kind="INSUFFICIENT_SCOPES",
        graphql=f"The token lacks one of these scopes: ['{scope}'].",
        headers={"X-Accepted-OAuth-Scopes": scope},
    )


def issue(world: World, repo: Repo, number: int) -> Issue:
    """The issue of that number; deleted is 410 and moved is 301, as REST answers them."""
    what = f"an Issue with the number of {number}."
    found = find_issue(world, repo, number)
    if found is None:
        raise missing(what)
    if found.deleted:
        gone = Refused(410, "This issue was deleted", kind="NOT_FOUND")
        gone.graphql = f"Could not resolve to {what}"
        raise gone
    if found.moved_to is not None:
        raise moved(world, found, what)
    return found


def moved(world: World, found: Issue, what: str) -> Refused:
    while found.moved_to is not None:
        found = world.issues[found.moved_to]
    path = f"/repositories/{found.repo}/issues/{found.number}"
    return Refused(
        301,
        "Moved Permanently",
        kind="NOT_FOUND",
        graphql=f"Could not resolve to {what}",
        headers={"Location": path},
        body={"url": path},
    )


def issues_enabled(repo: Repo) -> None:
    if not repo.has_issues:
        raise Refused(
            410,
            "Issues has been disabled in this repository.",
            graphql="Issues are disabled for this repo",
        )


def person(world: World, caller: Caller) -> User:
    """The user behind the token; an installation has none."""
    if caller.token is None:
        raise Refused(401, "Requires authentication", kind="UNAUTHORIZED")
    if caller.token.kind == "installation":
        raise not_accessible(caller.token, "")
    return world.users[caller.login.lower()]
