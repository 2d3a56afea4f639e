"""What `craftkit doctor` asks of GitHub: each check a code, whether it is well, and a sentence.

Everything is read, except for one creation without a title, which GitHub has to refuse.  Where it
refuses for want of a permission, the token has none; where it misses the title, a server may not
have looked at the permission yet, so that proves nothing for a token without scopes.  That GitHub
looks at the permission first is assumed, not verified.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from craftkit.errors import CraftkitError
from craftkit.github import error_mapping, node_id_cache
from craftkit.github.client import Client
from craftkit.github.gateway import (
    BadCredentials,
    Forbidden,
    GitHubError,
    Invalid,
    NotFound,
    Repository,
)
from craftkit.text import one_line

_WRITERS = ("ADMIN", "MAINTAIN", "WRITE", "TRIAGE")


class Finding(NamedTuple):
    """`ok` is None where it could not be found out."""

    code: str
    ok: bool | None
    sentence: str
    hint: str = ""


def diagnose(connect: Callable[[], Client]) -> list[Finding]:
    """Check the way to GitHub, step by step, until one is barred.

    `connect` makes the client; NoToken and BadConfig that it raises become findings, too.
    Codes: token, connection, access, sso, permission, archived, issues, scopes, graphql,
    sub_issues, dependencies, project.  Raises nothing of the gateway's.
    """
    try:
        client = connect()
    except CraftkitError as error:
        code = "token" if error.code == "no_token" else "connection"
        return [Finding(code, False, error.message, error.hint)]
    try:
        repository = client.repository()
    except GitHubError as error:
        return _barred(client, error)
    about = client.about
    whom = one_line(repository.login, 60) or "an App"
    found = [
        Finding("token", True, f"{about.host} accepts the token from {about.source} ({whom})."),
        Finding("access", True, f"{repository.full_name} can be seen."),
        _archived(client, repository),
        _issues(client, repository),
    ]
    found += [finding for finding in (_scopes(client, repository),) if finding is not None]
    found.append(_permission(client, repository))
    return found + _abilities(client)


def _barred(client: Client, error: GitHubError) -> list[Finding]:
    """What is known when not even the repository can be read."""
    about = client.about
    accepted = Finding("token", True, f"{about.host} accepts the token from {about.source}.")
    if isinstance(error, BadCredentials):
        return [Finding("token", False, error.message, error.hint)]
    if isinstance(error, NotFound):
        return [accepted, Finding("access", False, error.message, error.hint)]
    if isinstance(error, Forbidden):
        code = "sso" if error.message == error_mapping.sso_required(about).message else "permission"
        return [accepted, Finding(code, False, error.message, error.hint)]
    return [Finding("connection", False, error.message, error.hint)]


def _archived(client: Client, repository: Repository) -> Finding:
    if repository.archived:
        error = error_mapping.archived(client.about)
        return Finding("archived", False, error.message, error.hint)
    return Finding("archived", True, f"{repository.full_name} is not archived.")


def _issues(client: Client, repository: Repository) -> Finding:
    if not repository.has_issues:
        error = error_mapping.issues_off(client.about)
        return Finding("issues", False, error.message, error.hint)
    return Finding("issues", True, f"{repository.full_name} has issues switched on.")


def _scopes(client: Client, repository: Repository) -> Finding | None:
    """The scopes of a classic token; other tokens have none."""
    if client.scopes is None:
        return None
    has = {word.strip() for word in client.scopes.split(",") if word.strip()}
    needed = {"repo"} if repository.private else {"repo", "public_repo"}
    missing = [] if has & needed else ["repo" if repository.private else "public_repo"]
    if client.access.project is not None and "project" not in has:
        missing.append("project")
    if not missing:
        return Finding("scopes", True, "The token has the scopes that craftkit needs.")
    names = " and ".join(missing)
    return Finding(
        "scopes",
        False,
        f"The token from {client.about.source} lacks the scope {names}.",
        f"run `gh auth refresh --scopes {','.join(missing)}`, or make a new token",
    )


def _permission(client: Client, repository: Repository) -> Finding:
    """Whether issues may be written: by the user's role, then by the token's permissions."""
    about = client.about
    if repository.archived or not repository.has_issues:
        return Finding("permission", None, "Whether issues may be written was not tried.")
    if repository.permission and repository.permission not in _WRITERS:
        return Finding(
            "permission",
            False,
            f"{one_line(repository.login, 60)} may only read {repository.full_name}.",
            "ask its owner for the role *Triage* or higher",
        )
    try:
        client.access.send("POST", "issues", {}, lambda data: None)
    except Invalid:
        return _by_role(client, repository)
    except Forbidden as error:
        return Finding("permission", False, error.message, error.hint)
    except NotFound:  # how GitHub refuses a write to what is public
        return Finding(
            "permission",
            False,
            f"The token from {about.source} may not write issues of {repository.full_name}.",
            error_mapping.permission_hint(about),
        )
    except GitHubError as error:
        return Finding("permission", None, error.message, error.hint)
    return Finding("permission", None, "GitHub accepted an issue without a title.")


def _by_role(client: Client, repository: Repository) -> Finding:
    """What is known where nothing was refused: a role, and for a classic token all there is."""
    name, about = repository.full_name, client.about
    if client.scopes is not None:
        return Finding("permission", True, f"Issues of {name} may be written.")
    token = f"the token from {about.source}"
    sentence = f"Whether {token} may write issues of {name} shows only at a write."
    if repository.permission:
        who = f"{one_line(repository.login, 60)} may write issues of {name}"
        sentence = f"{who} ({repository.permission}); whether {token} may shows only at a write."
    return Finding("permission", None, sentence, "it needs *Issues: read and write*")


def _abilities(client: Client) -> list[Finding]:
    try:
        client.access.forget_capabilities()
        able = client.capabilities()
    except GitHubError as error:
        return [Finding("graphql", None, error.message, error.hint)]
    host = client.about.host
    found = [
        _ability(
            "graphql", able.graphql, f"{host} has GraphQL", "single requests are used instead"
        ),
        _ability(
            "sub_issues",
            able.sub_issues,
            f"{host} has sub-issues",
            "a task list in the parent's body is used instead",
        ),
        _ability(
            "dependencies",
            able.dependencies,
            f"{host} has dependencies between issues",
            "the order of tasks is kept by craftkit alone",
        ),
    ]
    if client.access.project is not None:
        found.append(_project(client))
    return found


def _ability(code: str, able: bool, what: str, otherwise: str) -> Finding:
    if able:
        return Finding(code, True, f"{what}.")
    return Finding(code, False, f"{what.replace(' has ', ' has no ')}: {otherwise}.")


def _project(client: Client) -> Finding:
    project = client.access.project
    name = f"{project.owner}/{project.number}" if project is not None else ""
    try:
        node_id_cache.find_board(client.access)
    except GitHubError as error:
        return Finding("project", False, error.message, error.hint)
    return Finding("project", True, f"The board {name} and its field can be read.")
