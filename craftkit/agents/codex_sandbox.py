"""Codex's sandbox makes `.git` read-only, and one line of the user's config.toml permits the state.

The line is in the table `sandbox_workspace_write`: `writable_roots = ["/path"]`
(https://developers.openai.com/codex/config-reference).  Without it decisions go to the spool.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from craftkit import disk
from craftkit import repo as git
from craftkit.agents import detection, targets
from craftkit.errors import CannotRead, CannotWrite
from craftkit.runtime.context import Context
from craftkit.store import private

TABLE, KEY = "sandbox_workspace_write", "writable_roots"
_LIMIT = 1 << 20  # bytes
_HEADER = re.compile(rf"^[ \t]*\[[ \t]*{TABLE}[ \t]*\][^\n]*\n?", re.MULTILINE)
_ARRAY = re.compile(rf"^[ \t]*{KEY}[ \t]*=[ \t]*\[", re.MULTILINE)


def config_file(env: Mapping[str, str]) -> str:
    folder = targets.TARGETS["codex"].folder(env)
    return os.path.join(detection.home(env), folder, "config.toml")


def line(state_dir: str) -> str:
    return f"{KEY} = [{json.dumps(state_dir)}]"


def lacks_permission(repo: git.Repo, env: Mapping[str, str]) -> bool:
    """Whether Codex may not write the state of this repository.

    Without git the state is in the worktree, which Codex may write.
    """
    if repo.common_dir is None:
        return False
    try:
        roots = _roots(tomllib.loads(_read(config_file(env))))
    except (CannotRead, tomllib.TOMLDecodeError):
        return True
    return not any(_is_below(repo.state_dir, root) for root in roots)


def _roots(settings: Mapping[str, Any]) -> list[str]:
    table = settings.get(TABLE)
    roots = table.get(KEY) if isinstance(table, dict) else None
    return [root for root in roots if isinstance(root, str)] if isinstance(roots, list) else []


def _is_below(path: str, root: str) -> bool:
    root = os.path.realpath(os.path.expanduser(root))
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def permit(repo: git.Repo, env: Mapping[str, str]) -> str:
    """Add the line; the path of the file.  Raises CannotRead or CannotWrite."""
    path = config_file(env)
    text = _read(path)
    new = with_root(text, repo.state_dir)
    if new is None:
        raise CannotWrite(
            f"{path} has a form in which the line cannot be put by a program.",
            f"add to [{TABLE}] yourself: {line(repo.state_dir)}",
        )
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # a link is the person's own
        private.write_whole(os.path.realpath(path), new.encode())
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written ({error.strerror}).", "check its mode"
        ) from error
    return path


def with_root(text: str, state_dir: str) -> str | None:
    """The configuration with one more writable root, and else as it was; None if that fails."""
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    table = before.get(TABLE, {})
    if not isinstance(table, dict):
        return None
    header = _HEADER.search(text)
    if KEY in table:
        array = _ARRAY.search(text, header.end() if header else 0)
        if array is None:
            return None
        new = f"{text[: array.end()]}{json.dumps(state_dir)}, {text[array.end() :]}"
    elif header is not None:
        begin = text[: header.end()]
        end = "" if begin.endswith("\n") else "\n"
        new = f"{begin}{end}{line(state_dir)}\n{text[header.end() :]}"
    else:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        new = f"{text}{gap}[{TABLE}]\n{line(state_dir)}\n"
    wanted = before | {TABLE: table | {KEY: [state_dir, *_roots(before)]}}
    try:
        return new if tomllib.loads(new) == wanted else None
    except tomllib.TOMLDecodeError:
        return None


def _read(path: str) -> str:
    """Raises CannotRead."""
    try:
        return disk.read_regular(path, _LIMIT).decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRead(
            f"{path} cannot be read ({error}).", "check the file and its mode"
        ) from error


def checks(context: Context) -> list[tuple[str, str, str]]:
    """Status, message and hint of what `doctor` says of Codex, if somebody uses it here."""
    if context.repo.missing is not None:
        return []
    where = detection.scope("user", context.worktree, context.env)
    if not any(
        clue.agent == "codex" and clue.why for clue in detection.detections(where, context.env)
    ):
        return []
    if not lacks_permission(context.repo, context.env):
        return [("ok", "Codex may write the state", "")]
    words = "in Codex's sandbox the state is read-only, so that decisions go to the spool"
    return [("ok", f"{words}; `craftkit agents install --agent codex` offers more", "")]
