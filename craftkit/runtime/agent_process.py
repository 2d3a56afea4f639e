"""The process of the coding agent that a hook or command runs for, and whether it still runs."""

from __future__ import annotations

import os

_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ash", "ksh", "fish", "env", "nice", "timeout"))
_OWN = ("craftkit", "craftkit-hook")
_DEEP = 12  # ancestors that are looked at
_SEPARATOR = " "


def find() -> str:
    """The nearest ancestor that is neither a shell with one command nor craftkit; "" if unknown.

    What names it holds only within one boot of one machine, and one container.
    """
    place = _place()
    if not place:
        return ""
    pid = os.getppid()
    for _ in range(_DEEP):
        if pid <= 1:
            return ""
        words, above, started = _words(pid), _above(pid), _started(pid)
        if not started or above is None:
            return ""
        if not _passes_on(words):
            return _SEPARATOR.join((place, str(pid), started))
        pid = above
    return ""


def runs(name: str) -> bool | None:
    """Whether such a process still runs; None if nobody can tell here."""
    parts = name.split(_SEPARATOR)
    if len(parts) != 3 or parts[0] != _place() or not parts[1].isdecimal():
        return None
    return _started(int(parts[1])) == parts[2]


def _passes_on(words: list[str]) -> bool:
    """Whether a process only runs a command for somebody else: `sh -c '…'`, or craftkit itself."""
    names = [os.path.basename(word).lstrip("-") for word in words[:2]]
    if any(name in _OWN for name in names):
        return True
    return bool(names) and names[0] in _SHELLS and (names[0] == "env" or _has_command(words))


def _has_command(words: list[str]) -> bool:
    return any(w.startswith("-") and not w.startswith("--") and "c" in w for w in words[1:4])


def _place() -> str:
    """What tells the numbers of processes here from those elsewhere; "" without /proc."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            boot = file.read().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _words(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsdecode(file.read(4096)).split("\0")
    except OSError:
        return []


def _facts(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def _above(pid: int) -> int | None:
    facts = _facts(pid)
    return int(facts[1]) if len(facts) > 1 and facts[1].isdecimal() else None


def _started(pid: int) -> str:
    """When a process began, in ticks since boot; "" for one that has ended."""
    facts = _facts(pid)
    return facts[19] if len(facts) > 19 and facts[0] not in ("Z", "X") else ""
