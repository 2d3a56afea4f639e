"""Which folder a hook works on: the first that its payload or its agent names and that is on.

What is named only chooses among clones that a person has switched on.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# By these agents name the project, wherever their shell or the hook's process may be.
VARIABLES = (
    "CLAUDE_PROJECT_DIR",
    "CURSOR_PROJECT_DIR",
    "GEMINI_PROJECT_DIR",
    "COPILOT_PROJECT_DIR",
    "CODEX_PROJECT_DIR",
    "OPENCODE_PROJECT_DIR",
    "QWEN_PROJECT_DIR",
)


def candidates(
    paths: Iterable[str], where: str, roots: Iterable[str], env: Mapping[str, str], cwd: str
) -> list[str]:
    """Folders that are there, most telling first, each once."""
    named = [os.path.dirname(path) for path in paths]
    named += [where, *roots, cwd, *(env.get(name, "") for name in VARIABLES)]
    return [f for f in dict.fromkeys(named) if os.path.isabs(f) and os.path.isdir(f)]


def choose(folders: Iterable[str], top_of: Callable[[str], str | None]) -> list[str]:
    """One folder of each worktree that is on, in order; `top_of` gives a worktree, None if off."""
    found: dict[str, str] = {}
    for folder in folders:
        top = top_of(folder)
        if top is not None:
            found.setdefault(top, folder)
    return list(found.values())


def in_patch(text: str, where: str) -> list[str]:
    """The files that a patch names, as Codex writes patches; relative ones are below `where`."""
    found = []
    for line in text.splitlines():
        head, sign, rest = line.partition(": ")
        if sign and head in PATCH_HEADS and rest.strip():
            found.append(os.path.normpath(os.path.join(where, rest.strip())))
    return found


PATCH_HEADS = ("*** Update File", "*** Add File", "*** Delete File", "*** Move to")
