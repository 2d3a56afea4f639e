"""Where GitHub is, and which repository is meant.  Pure: reads only what it is given.

Sources of the rules: GitHub's pages "Using the API with GitHub Enterprise Server" (`/api/v3`,
`/api/graphql`), "About GitHub Enterprise Cloud with data residency" (`api.SUB.ghe.com`) and
"Variables reference" of GitHub Actions (GITHUB_API_URL, GITHUB_GRAPHQL_URL, GITHUB_REPOSITORY).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from craftkit.errors import BadConfig
from craftkit.text import one_line, redact

GITHUB_HOST = "github.com"
DEFAULT_API = "https://api.github.com"
# The site, and what its documentation names for ssh over port 443.
_GITHUB_HOSTS = (GITHUB_HOST, "www." + GITHUB_HOST, "ssh." + GITHUB_HOST)
_NAME = r"[A-Za-z0-9_.-]{1,100}"
_HOST = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_VARIABLES = ("CRAFTKIT_GITHUB_API_URL", "GITHUB_API_URL")  # the first that is set counts
_LOOPBACK = r"localhost|127(?:\.[0-9]{1,3}){3}|::1"


class Server(NamedTuple):
    """One GitHub.  The URLs have no slash at the end."""

    api_url: str
    graphql_url: str
    host: (
        str  # whose tokens and web pages these are: github.com, SUB.ghe.com or the Enterprise host
    )
    named: bool  # the environment names it, as GitHub Actions does
    vouched: bool  # the environment or the git remote names it, not the committed config alone


class Project(NamedTuple):
    """A Projects v2 board: its owner's login and its number there."""

    owner: str
    number: int


def find_server(
    env: Mapping[str, str],
    config: Mapping[str, Any],
    remote: tuple[str, str, str] | None = None,
) -> Server:
    """The GitHub to talk to; `remote` is host, owner and name of the git remote.

    CRAFTKIT_GITHUB_API_URL comes first, because in GitHub Actions GITHUB_API_URL is always set;
    then GITHUB_API_URL, `github.api_url`, the remote's host, and github.com.  Raises BadConfig.
    """
    host = remote[0] if remote is not None else ""
    for name in _VARIABLES:
        if env.get(name):
            return _server(env[name], name, env, named=True, host=host)
    configured = str(config.get("github.api_url") or "")
    if configured:
        return _server(configured, "github.api_url", env, named=False, host=host)
    derived = f"https://api.{host}" if host.endswith(".ghe.com") else DEFAULT_API
    return _server(derived, "the git remote", env, named=False, host=host)


def find_repository(config: Mapping[str, Any]) -> tuple[str, str]:
    """Owner and name of the repository that `github.repo` names.

    Raises BadConfig if it names none, or not as OWNER/NAME.
    """
    return _owner_and_name(str(config.get("github.repo") or ""), "github.repo")


def of_remote(
    env: Mapping[str, str], config: Mapping[str, Any], remote: tuple[str, str, str] | None
) -> tuple[str, str] | None:
    """Owner and name that the git remote names on the GitHub to talk to; None where it does not.

    Raises BadConfig.
    """
    if remote is None or not is_host_of(find_server(env, config, remote), remote[0]):
        return None
    return remote[1:]


def is_host_of(server: Server, host: str) -> bool:
    """Whether a git remote on `host` names a repository of `server`.

    A host without a dot is an alias of ~/.ssh/config and says nothing about the server.  An API on
    this machine stands in for github.com.
    """
    if "." not in host or host == server.host:
        return True
    if is_loopback(server):
        return host in _GITHUB_HOSTS or _is_loopback_host(host)
    return server.host == GITHUB_HOST and host in _GITHUB_HOSTS


def foreign(server: Server, host: str) -> tuple[str, str]:
    """What is said of a git remote on another server: a sentence, and a hint."""
    at = "the sandbox" if is_loopback(server) else server.host
    return (
        f"The git remote is on {one_line(host, 80)}, and craftkit would talk to {at}.",
        "set `github.repo: OWNER/NAME` in .craftkit/config.yaml, on GitHub Enterprise also "
        "`github.api_url: https://HOST/api/v3`; then `craftkit trust`",
    )


def find_project(text: str, owner: str) -> Project | None:
    """The board that `github.project` names: `3`, `OWNER/3` or the board's web address.

    A number alone is one of `owner`'s boards; "" is not a board.  Raises BadConfig.
    """
    text = text.strip()
    if not text:
        return None
    found = re.fullmatch(
        rf"(?:https?://[^/\s]+/(?:orgs|users)/)?(?:({_NAME})/)?(?:projects/)?([1-9][0-9]{{0,8}})/?"
        r"(?:views/[0-9]+)?",
        text,
    )
    if found is None:
        raise BadConfig(
            f"github.project ({_shown(text)}) names no board.",
            "write its number, OWNER/NUMBER, or its address on GitHub",
        )
    return Project(found[1] or owner, int(found[2]))


def is_loopback(server: Server) -> bool:
    return _is_loopback_host(urlsplit(server.api_url).hostname or "")


def names_loopback(env: Mapping[str, str]) -> bool:
    """Whether the environment names an API on this machine: a sandbox."""
    named = origin(next((env[name] for name in _VARIABLES if env.get(name)), "").strip())
    return named is not None and _is_loopback_host(named[1])


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of `url`; None where it has none or is malformed."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    default = {"https": 443, "http": 80}.get(parts.scheme)
    if default is None or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port or default


def _server(text: str, source: str, env: Mapping[str, str], named: bool, host: str) -> Server:
    api = _checked(text, source)
    url = f"{api.scheme}://{api.netloc}{api.path}"
    graphql = url.removesuffix("/v3") + "/graphql"
    if env.get("GITHUB_GRAPHQL_URL") and source in ("GITHUB_API_URL", "github.api_url"):
        given = _checked(env["GITHUB_GRAPHQL_URL"], "GITHUB_GRAPHQL_URL")
        graphql = f"{given.scheme}://{given.netloc}{given.path}"
        if origin(graphql) != origin(url):  # the token goes to one host only
            raise BadConfig(
                f"GITHUB_GRAPHQL_URL is on another server than {source}.",
                "let both name the same server, or unset GITHUB_GRAPHQL_URL",
            )
    at = _token_host(api.hostname or "")
    vouched = named or at in (host, env.get("GH_HOST", "").lower(), GITHUB_HOST)
    return Server(url, graphql, at, named, vouched)


def _checked(text: str, source: str) -> SplitResult:
    """The parts of a base URL, without a slash at its end.  Raises BadConfig."""
    text = text.strip()
    parts: SplitResult | None = None
    # urlsplit drops tabs and line ends without a word: what was checked must be what is used.
    if text.isascii() and text.isprintable() and " " not in text:
        try:
            parts = urlsplit(text)
            valid = parts.port is None or parts.port > 0
        except ValueError:
            valid = False
        if not valid:
            parts = None
    if parts is None or not _is_base_url(parts):
        raise BadConfig(
            f"{source} ({_shown(text)}) is not an address of a GitHub API.",
            f"write it like {DEFAULT_API} or https://HOST/api/v3",
        )
    host = parts.hostname or ""
    if parts.scheme == "http" and not _is_loopback_host(host):
        raise BadConfig(
            f"{source} ({_shown(text)}) would send the token in the clear.",
            "use https; http is for this machine (127.0.0.1) only",
        )
    if host in _GITHUB_HOSTS:
        raise BadConfig(
            f"{source} ({_shown(text)}) is the web site, not its API.", f"write {DEFAULT_API}"
        )
    return parts._replace(path=parts.path.rstrip("/"))


def _is_base_url(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    return (
        parts.scheme in ("https", "http")
        and (host == "::1" or re.fullmatch(_HOST, host) is not None)
        and "@" not in parts.netloc
        and not parts.query
        and not parts.fragment
        and re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)*/?", parts.path) is not None
        and "/.." not in parts.path
    )


def _is_loopback_host(host: str) -> bool:
    return re.fullmatch(_LOOPBACK, host) is not None


def _token_host(host: str) -> str:
    """The host that tokens belong to, as `gh auth login --hostname` has it."""
    if host == "api." + GITHUB_HOST:
        return GITHUB_HOST
    return host.removeprefix("api.") if host.endswith(".ghe.com") else host


def _owner_and_name(text: str, source: str) -> tuple[str, str]:
    owner, _, name = text.strip().partition("/")
    for part in (owner, name):
        if re.fullmatch(_NAME, part) is None or part in (".", ".."):
            raise BadConfig(
                f"{source} ({_shown(text)}) is not a repository.", "write it as OWNER/NAME"
            )
    return owner, name


def _shown(text: str) -> str:
    """What somebody configured, fit for a message: an address may hold a password."""
    return one_line(redact(text), 80)
