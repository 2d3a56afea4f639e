"""What a person has agreed to in this clone: repositories, hosts, a board, whose words are shown.

A committed configuration comes with a clone, and so may the environment (an agent's settings file
can set it) and git's local configuration.  So they choose among what was agreed to, and never add
to it.  The agreement is in the private state, which no clone brings.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from craftkit import disk
from craftkit.store import private

FILE = "trust.json"
REPO, PROJECT, READ, HOST = "github.repo", "github.project", "mcp.trust", "github.host"
SETTINGS = (REPO, PROJECT, READ)  # of the configuration; hosts are asked for when one is used
NARROW = {READ: ("collaborators",)}  # values that permit nothing
LIMIT = 64 << 10  # bytes of the file

Agreed = Mapping[str, Sequence[str]]  # name -> values, the newest last


class Waiting(NamedTuple):
    """A value that is set and does not hold, because nobody has agreed to it."""

    name: str
    value: str
    source: str  # where it is set


def read(state_dir: str) -> dict[str, list[str]]:
    """What was agreed to; nothing if the file is missing or damaged."""
    try:
        found = json.loads(disk.read_regular(os.path.join(state_dir, FILE), LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        str(name): [value for value in values if isinstance(value, str)]
        for name, values in found.items()
        if isinstance(values, list)
    }


def agree(state_dir: str, name: str, value: str) -> None:
    """A person has agreed to this value; it is the one that counts now.  Raises OSError."""
    agreed = read(state_dir)
    agreed[name] = [*(one for one in agreed.get(name, ()) if one != value), value]
    _write(state_dir, agreed)


def revoke(state_dir: str, name: str, value: str = "") -> bool:
    """Take back one value, or all of a name; whether there was one.  Raises OSError."""
    agreed = read(state_dir)
    before = agreed.pop(name, [])
    left = [one for one in before if value and one != value]
    if left:
        agreed[name] = left
    if left != before:
        _write(state_dir, agreed)
    return left != before


def forget_all(state_dir: str) -> None:
    """What another clone's person agreed to is nothing that this one's did.  Raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(state_dir, FILE))


def _write(state_dir: str, agreed: Agreed) -> None:
    text = json.dumps(agreed, indent=1, ensure_ascii=False) + "\n"
    private.write_whole(os.path.join(state_dir, FILE), text.encode())


def choose(
    name: str, asked: Sequence[tuple[str, str | None]], agreed: Agreed, default: str = ""
) -> tuple[str, list[Waiting]]:
    """The value that holds, and those that wait for an agreement.

    `asked` has (source, value) in the order in which they count; None is a source that says
    nothing.  If none of them may hold, it is what was agreed to last, if the setting is a choice.
    """
    allowed = {*agreed.get(name, ()), *NARROW.get(name, ()), ""}
    waiting: list[Waiting] = []
    for source, value in asked:
        if value is None:
            continue
        if value in allowed:
            return value or default, waiting
        waiting.append(Waiting(name, value, source))
    chosen = agreed.get(name, ()) if name == REPO else ()
    return (chosen[-1] if chosen else default), waiting


def is_agreed(name: str, value: Any, agreed: Agreed) -> bool:
    return value in agreed.get(name, ()) or value in NARROW.get(name, ())
