"""Which repository and host this clone speaks to: one answer for everything that asks.

A token goes only to a host that a person agreed to: github.com, an Enterprise host that `init` or
`trust` showed, or a sandbox on this machine that the environment names.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from craftkit import repo as git
from craftkit.errors import BadConfig, NotAgreed
from craftkit.github import address
from craftkit.github.address import Server
from craftkit.runtime import trust
from craftkit.runtime.config import FILE
from craftkit.runtime.context import Context
from craftkit.text import one_line


class Destination(NamedTuple):
    """A repository on a GitHub."""

    server: Server
    owner: str
    name: str


def find(context: Context) -> Destination:
    """Where this clone's issues are.  Raises BadConfig or NotAgreed."""
    return Destination(find_server(context), *address.find_repository(context.config))


def find_server(context: Context) -> Server:
    """The GitHub to talk to.  Raises BadConfig, or NotAgreed if nobody has agreed to its host."""
    server = address.find_server(context.env, context.config, git.remote(context.repo))
    if not is_agreed(server, context.agreed):
        host = host_of(server)
        raise NotAgreed(
            f"Nobody has agreed that this clone may talk to {one_line(host, 120)}.",
            f"if it is your GitHub: `craftkit init --host {host}`",
        )
    return server


def is_agreed(server: Server, agreed: trust.Agreed) -> bool:
    if address.is_loopback(server):
        return server.named  # a sandbox, which gets none of GitHub's tokens
    is_github = server.api_url == address.DEFAULT_API
    return is_github or trust.is_agreed(trust.HOST, host_of(server), agreed)


def other_remote(context: Context) -> tuple[str, str] | None:
    """Message and hint if the git remote names a repository that nobody has agreed to here.

    Whoever agreed to both, as in a fork, has seen which of them the issues are in.
    """
    named = address.of_remote(context.env, context.config, git.remote(context.repo))
    repo = str(context.config["github.repo"])
    if named is None or not repo or "/".join(named).lower() == repo.lower():
        return None
    remote = "/".join(named)
    if any(remote.lower() == one.lower() for one in context.agreed.get(trust.REPO, ())):
        return None
    return (
        f"The git remote names {one_line(remote, 120)}, and the issues of this clone are in"
        f" {one_line(repo, 120)}.",
        "`craftkit init` agrees to the remote as well; or set the remote back",
    )


def others(found: git.Repo, server: Server, mine: str) -> dict[str, str]:
    """Remote -> OWNER/NAME on our GitHub, without `mine`."""
    every = {
        name: f"{owner}/{repository}"
        for name, (host, owner, repository) in git.remotes(found).items()
        if "." in host and address.is_host_of(server, host)
    }
    return {name: other for name, other in every.items() if other.lower() != mine.lower()}


def instead(context: Context) -> str:
    """What else the remotes name, as the end of a hint; "" if they name nothing else."""
    try:
        server = address.find_server(context.env, context.config, git.remote(context.repo))
    except BadConfig:
        return ""
    found = list(others(context.repo, server, str(context.config["github.repo"])).values())
    if not found:
        return ""
    other = one_line(found[0], 120)
    return f", or use {other}: set `github.repo: {other}` in {FILE}, then `craftkit trust`"


def host_of(server: Server) -> str:
    """The host with its port, as it is agreed to."""
    port = urlsplit(server.api_url).port
    return server.host if port is None else f"{server.host}:{port}"
