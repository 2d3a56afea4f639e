"""What the workflow on GitHub Actions installs craftkit from.

It gets a token that writes issues, so a name that anybody could register does not do: a version, an
address or a place in the repository does.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
from typing import Any
from urllib.parse import urlsplit

import craftkit
from craftkit.errors import UsageProblem
from craftkit.text import one_line, redact

EXAMPLE = "git+https://github.com/OWNER/craftkit@TAG"
# Nothing can be installed from it: no host has a name that ends so (RFC 2606).
PLACEHOLDER = "craftkit @ git+https://example.invalid/OWNER/craftkit@TAG"
LEGACY = "craftkit"  # what was written before there was a choice
LIMIT = 500
# Of the two above: somebody else could own what they name by chance.
_BLANKS = ("/OWNER/", "@TAG", "example.invalid")

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:\[[A-Za-z0-9._,-]{1,99}\])?"
_VERSION = r"==[A-Za-z0-9][A-Za-z0-9.+!_-]{0,99}"
_WORD = r"[A-Za-z0-9._~/@+%#=&:-]"
_URL = rf"(?:git\+)?https://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{{1,5}})?/{_WORD}+"
_OVER_SSH = rf"git\+ssh://git@[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{{1,5}})?/{_WORD}+"
_PLACE = r"\.(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*(?:\[[A-Za-z0-9._,-]{1,99}\])?"
_REQUIREMENT = rf"{_NAME}{_VERSION}|(?:{_NAME} @ )?(?:{_URL}|{_OVER_SSH})|{_PLACE}"

# A tag or commit behind the path, as pip has it: https://pip.pypa.io/en/stable/topics/vcs-support/
_AT = r"//[^/]+/[^#]*@[^@#/]+(?:#|$)"

# The one line that may differ, in a workflow that is ours otherwise.
_LINE = re.compile(r"(?m)^      - run: (\S.*)$")
_PIP = "pip install "


def checked(text: str) -> str:
    """`text`, if a workflow can install it and nothing else happens.  Raises UsageProblem."""
    if any(word in text for word in _BLANKS):
        raise UsageProblem(
            f"--install ({one_line(redact(text), 80)}) is the example, not a place to install"
            " from.",
            "put the owner of your craftkit and its tag or commit in",
        )
    if re.search(r"(?:^| @ )git\+", text) and not re.search(_AT, text):
        raise UsageProblem(
            f"--install ({one_line(redact(text), 80)}) names no tag or commit, so that each run"
            " would install something else.",
            f"write it like {EXAMPLE}",
        )
    if len(text) <= LIMIT and re.fullmatch(_REQUIREMENT, text):
        return text
    raise UsageProblem(
        f"--install ({one_line(redact(text), 80)}) is nothing that a workflow can safely install.",
        f"write it like {EXAMPLE}, craftkit==VERSION, or the https address of a wheel",
    )


def of_this_installation() -> str:
    """How this craftkit was installed (PEP 610); "" where nobody else could do the same."""
    try:
        found = importlib.metadata.distribution("craftkit")
        at = os.path.realpath(str(found.locate_file("craftkit")))
        # Without a RECORD it is not an installation, but what a build left in a checkout.
        if found.read_text("RECORD") is None or at != os.path.realpath(craftkit.__path__[0]):
            return ""
        given = found.read_text("direct_url.json")
        text = f"craftkit=={found.version}" if given is None else _of_url(json.loads(given))
    except (importlib.metadata.PackageNotFoundError, OSError, ValueError):
        return ""
    return text if re.fullmatch(_REQUIREMENT, text) and len(text) <= LIMIT else ""


def _of_url(given: Any) -> str:
    """The requirement that a `direct_url.json` stands for, or ""."""
    if not isinstance(given, dict) or not isinstance(given.get("url"), str):
        return ""
    url, fragment = given["url"], ""
    if urlsplit(url).scheme != "https" or "@" in urlsplit(url).netloc:
        return ""
    vcs, archive = given.get("vcs_info"), given.get("archive_info")
    if isinstance(vcs, dict):
        commit = str(vcs.get("commit_id", ""))
        if vcs.get("vcs") != "git" or not re.fullmatch(r"[0-9a-f]{7,64}", commit):
            return ""
        url = f"git+{url}@{commit}"
    elif isinstance(archive, dict):
        hashes = archive.get("hashes")
        digest = hashes.get("sha256") if isinstance(hashes, dict) else None
        fragment = f"sha256={digest}" if digest else ""
    else:
        return ""
    if given.get("subdirectory"):
        fragment = "&".join(filter(None, (fragment, f"subdirectory={given['subdirectory']}")))
    return f"craftkit @ {url}" + (f"#{fragment}" if fragment else "")


def line(requirement: str) -> str:
    """The step, quoted for the shell and then for YAML."""
    command = _PIP + shlex.quote(requirement)
    return f"      - run: {command if command == _PIP + requirement else json.dumps(command)}"


def read(text: str) -> str:
    """The requirement of a workflow; "" where no line of it installs one that we would write."""
    found = _find(text)
    return found[1] if found is not None else ""


def without(text: str) -> str:
    """`text` with the requirement that seals are made with, so that another one breaks none."""
    found = _find(text)
    if found is None:
        return text
    return text[: found[0].start()] + line(LEGACY) + text[found[0].end() :]


def _find(text: str) -> tuple[re.Match[str], str] | None:
    for match in _LINE.finditer(text):
        try:
            command = json.loads(match[1]) if match[1][0] == '"' else match[1]
            words = shlex.split(command) if isinstance(command, str) else []
        except ValueError:
            continue
        if words[:2] != _PIP.split() or len(words) != 3:
            continue
        if words[2] == LEGACY or re.fullmatch(_REQUIREMENT, words[2]):
            return match, words[2]
    return None
