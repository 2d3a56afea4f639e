"""The web pages of this clone's issues: the address of one, and which issue an address names."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from craftkit import repo as git
from craftkit.errors import BadConfig
from craftkit.github import address
from craftkit.github.address import Server
from craftkit.runtime.context import Context

_PAGE = r"/([^/]+/[^/]+)/issues/([1-9][0-9]{0,9})/?"


def number_at(context: Context, page: str) -> int | None:
    """The number of the issue at an address; None for a page of another repository or host."""
    try:
        parts = urlsplit(page)
        server, repo = _place(context)
        is_ours = _is_site(server, parts)
    except (ValueError, BadConfig):
        return None
    found = re.fullmatch(_PAGE, parts.path, re.ASCII)
    if found is None or not is_ours or found[1].lower() != repo.lower():
        return None
    return int(found[2])


def page_of(context: Context, number: int) -> str:
    """The address of an issue; "" if nobody knows where this clone's issues are."""
    try:
        server, repo = _place(context)
    except BadConfig:
        return ""
    return f"{_site(server)}/{repo}/issues/{number}" if repo else ""


def _place(context: Context) -> tuple[Server, str]:
    """The server, and `OWNER/NAME` as agreed to or as the git remote says it.  Raises BadConfig."""
    remote = git.remote(context.repo)
    server = address.find_server(context.env, context.config, remote)
    named = address.of_remote(context.env, context.config, remote)
    return server, str(context.config["github.repo"]) or "/".join(named or ())


def _site(server: Server) -> str:
    """The site of the pages; an Enterprise server has them on the host of its API."""
    api = urlsplit(server.api_url)
    at_api = api.hostname == server.host
    return f"{api.scheme}://{api.netloc}" if at_api else f"https://{server.host}"


def _is_site(server: Server, page: SplitResult) -> bool:
    """Whether a page is on the server, or on the GitHub that a sandbox stands for."""
    site, host = urlsplit(_site(server)), (page.hostname or "").lower()
    if (host, page.port or _port(page)) == (site.hostname, site.port or _port(site)):
        return True
    stands_for = address.is_loopback(server) or server.host == address.GITHUB_HOST
    return stands_for and page.port is None and host in (address.GITHUB_HOST, "www.github.com")


def _port(parts: SplitResult) -> int:
    return 80 if parts.scheme == "http" else 443
