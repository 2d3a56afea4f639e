"""The token: found, carried without showing itself, never stored.

Names and order of the variables are those of `gh` (its help topic "environment"), except that a
token for github.com goes to another host only where the environment names that host.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

from craftkit.github.address import GITHUB_HOST, Server, is_loopback
from craftkit.github.gateway import NoToken

GITHUB_VARIABLES = ("GH_TOKEN", "GITHUB_TOKEN")
ENTERPRISE_VARIABLES = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
# How GitHub's own tokens begin: https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
OF_GITHUB = ("ghp_", "github_pat_", "gho_", "ghs_", "ghu_", "ghr_")
_GH_SECONDS = 5  # a keyring may ask a person, who is not there

# Runs `gh` with these words and this environment; its output, or None when it fails.
RunGh = Callable[[list[str], dict[str, str]], str | None]


class Token:
    """A secret: printing, formatting or pickling it does not show it; only `reveal` does."""

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self.source = source  # "GH_TOKEN", "gh auth token", … for messages

    def reveal(self) -> str:
        return self._text

    def fingerprint(self) -> str:
        """Tells tokens apart without giving them away: 16 hex digits of a digest."""
        return hashlib.sha256(self._text.encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"<token from {self.source}>"

    def __reduce__(self) -> str:
        raise TypeError("a token is never stored")


def find_token(server: Server, env: Mapping[str, str], run_gh: RunGh | None = None) -> Token:
    """The token for `server`.  Raises NoToken."""
    for name in variables_for(server):
        text = env.get(name, "").strip()
        if text:
            if not _looks_like_token(text):
                raise NoToken(
                    f"{name} holds something that is not a token.", f"set {name} to the token alone"
                )
            if is_loopback(server) and text.startswith(OF_GITHUB):
                raise NoToken(
                    f"{name} holds a token of GitHub's, and a sandbox on this machine gets none.",
                    f"set {name} to a token that the sandbox knows",
                )
            return Token(text, name)
    text = "" if is_loopback(server) else _from_gh(server.host, env, run_gh or _run_gh)
    if text:
        return Token(text, "gh auth token")
    raise NoToken(f"There is no token for {server.host}.", _hint(server))


def variables_for(server: Server) -> tuple[str, ...]:
    """The environment variables whose token may be sent to `server`, the first one first.

    A host that only the committed config names gets none of them: whoever can change that file
    could otherwise have the token sent to a host of their own.
    """
    if server.host == GITHUB_HOST:
        return GITHUB_VARIABLES
    enterprise = ENTERPRISE_VARIABLES if server.vouched else ()
    return enterprise + (GITHUB_VARIABLES if server.named else ())


def _hint(server: Server) -> str:
    if server.host == GITHUB_HOST:
        return "run `gh auth login`, or set GH_TOKEN; `craftkit doctor` checks it"
    if not server.vouched:
        return (
            "only .craftkit/config.yaml names this host: set GITHUB_API_URL to the same address "
            f"to confirm it, or run `gh auth login --hostname {server.host}`"
        )
    if is_loopback(server):
        return "set GITHUB_API_URL to its address and GH_TOKEN to a token that it knows"
    return f"run `gh auth login --hostname {server.host}`, or set GH_ENTERPRISE_TOKEN"


def _looks_like_token(text: str) -> bool:
    """Whether `text` can stand in a header; what it says is for GitHub to judge."""
    return re.fullmatch(r"[!-~]{1,1000}", text) is not None


def _from_gh(host: str, env: Mapping[str, str], run_gh: RunGh) -> str:
    # Without its variables, or gh would hand out the token that `variables_for` kept back.
    hidden = GITHUB_VARIABLES + ENTERPRISE_VARIABLES
    quiet = {name: value for name, value in env.items() if name not in hidden}
    quiet |= {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1"}
    text = (run_gh(["auth", "token", "--hostname", host], quiet) or "").strip()
    return text if _looks_like_token(text) else ""


def _run_gh(words: list[str], env: dict[str, str]) -> str | None:
    import subprocess

    try:
        done = subprocess.run(
            ["gh", *words],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_GH_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if done.returncode != 0:
        return None
    return done.stdout.decode("ascii", "replace")
