"""Where an agent's files are, which agents somebody uses, and what their files depend on."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from typing import NamedTuple

from craftkit import disk
from craftkit.agents import targets
from craftkit.agents.manifest import NAME
from craftkit.agents.target import PROJECT, USER, AgentTarget, Facts
from craftkit.errors import CannotRead, NotSetUp, UnsafePath, UsageProblem
from craftkit.repo import Repo, find
from craftkit.runtime import clone

_LIMIT = 1 << 26
_PLUGIN = re.compile(r'"craftkit@[^"\n]+"(\s*:\s*false)?')


class Scope(NamedTuple):
    """The base that paths are relative to, and the folder of the manifest.

    `follow` has the symlinks below the base through which the person wants to have files written.
    """

    name: str
    base: str
    state: str
    repo: Repo | None
    follow: frozenset[str] = frozenset()

    @property
    def manifest(self) -> str:
        return os.path.join(self.state, NAME)

    def place(self, path: str) -> str:
        return os.path.join(self.base, *path.split("/")) if path[:1] != "/" else path


class Detection(NamedTuple):
    """An agent and why it is thought to be in use; `why` is empty where it is not."""

    agent: str
    why: str


def home(env: Mapping[str, str]) -> str:
    given = env.get("HOME", "") if os.name != "nt" else env.get("USERPROFILE", "")
    return os.path.realpath(given or os.path.expanduser("~"))


def _user_state(env: Mapping[str, str]) -> str:
    variable = "APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME"
    folder = env.get(variable, "")
    if not os.path.isabs(folder):  # a relative one counts as unset
        folder = os.path.join(home(env), ".config")
    return os.path.join(os.path.realpath(folder), "craftkit")


def scope(name: str, cwd: str, env: Mapping[str, str]) -> Scope:
    """Raises NotSetUp where a project is asked for and none is set up here."""
    repo = find(cwd)
    if name == USER:
        return Scope(USER, home(env), _user_state(env), repo)
    if repo is None or not clone.is_on(repo):
        raise NotSetUp(
            f"craftkit is not set up in {repo.worktree if repo else cwd}.",
            "run `craftkit init` at the top of the repository, or add `--scope user`",
        )
    # Each linked worktree has files of its own, so it has a manifest of its own.
    return Scope(PROJECT, repo.worktree, repo.private_dir, repo)


def read(where: Scope, path: str) -> bytes | None:
    """The bytes of a file; None without one.  Raises UnsafePath or CannotRead."""
    place = os.path.join(*locate(where, path))
    try:
        if os.path.exists(place) and not os.path.isfile(place):
            raise UnsafePath(f"{path} is not a regular file.", "move it away", path)
        return disk.read_regular(place, _LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CannotRead(
            f"{place} cannot be read ({error.strerror}).", "check its mode", path
        ) from error


def locate(where: Scope, path: str) -> tuple[str, str]:
    """A folder that may be trusted, and the path of the file below it.

    Nothing is written through a symlink below the base, which may lead anywhere, unless it is one
    of the person's own that they want to be followed.  Raises UnsafePath.
    """
    place, link = where.place(path), link_of(where, path)
    if link is not None:
        if link not in where.follow:
            raise UnsafePath(
                f"{link} is a symlink, so nothing is written through it.",
                "put a regular file or folder there, or leave out this agent",
                link,
            )
        place = os.path.realpath(place)
        return os.path.split(place)
    root = where.base
    if not place.startswith(root + os.sep):  # a variable of the person's names the folder
        root = os.path.dirname(place)
        while not os.path.isdir(root):
            root = os.path.dirname(root)
    return root, os.path.relpath(place, root)


def link_of(where: Scope, path: str) -> str | None:
    """The first symlink on the way from the base to a file, if there is one."""
    place = where.place(path)
    base = where.base if place.startswith(where.base + os.sep) else ""
    at = base
    for name in os.path.relpath(place, base).split(os.sep) if base else [place]:
        at = os.path.join(at, name)
        if os.path.islink(at):
            return at
    return None


def is_own_link(where: Scope, link: str) -> bool:
    """Whether a symlink is the person's own: in their home, and what it leads to is theirs."""
    if where.name != USER or not hasattr(os, "geteuid"):
        return False
    try:
        return os.lstat(link).st_uid == os.stat(link).st_uid == os.geteuid()
    except OSError:
        return False


def detections(where: Scope, env: Mapping[str, str]) -> list[Detection]:
    return [Detection(name, _why(where, env, targets.TARGETS[name])) for name in targets.TARGETS]


def _why(where: Scope, env: Mapping[str, str], target: AgentTarget) -> str:
    if where.name == PROJECT:
        for sign in target.signs:
            if os.path.lexists(where.place(sign)):
                return f"{sign} is here"
    folder = os.path.join(home(env), target.folder(env))
    if os.path.isdir(folder):
        return f"{folder} is there"
    for binary in target.binaries:
        if shutil.which(binary, path=env.get("PATH")):
            return f"`{binary}` is on the PATH"
    return ""


def facts(where: Scope, target: AgentTarget, env: Mapping[str, str], language: str) -> Facts:
    def same(one: str, other: str) -> bool:
        first, second = where.place(one), where.place(other)
        return os.path.islink(first) and os.path.realpath(first) == second

    old = where.name == PROJECT and os.path.isdir(where.place(".cc-craft-kit"))
    return Facts(
        where.name,
        env,
        lambda path: os.path.isfile(where.place(path)),
        lambda path: os.path.isdir(where.place(path)),
        same,
        "cft" if old else "craftkit",
        "ja" if language == "ja" else "en",
        has_plugin(where, target, env),
    )


def has_plugin(where: Scope, target: AgentTarget, env: Mapping[str, str]) -> bool:
    """Whether the agent's own records name a craftkit plugin that is not switched off."""
    folders = [os.path.join(home(env), target.folder(env))]
    if where.name == PROJECT:
        folders.append(where.place(target.home))
    found = False
    for folder in folders:
        for sign in target.plugin_signs:
            path = os.path.join(folder, *sign.split("/"))
            if os.path.basename(os.path.dirname(path)) == "craftkit":
                found = found or os.path.isfile(path)
                continue
            try:
                text = disk.read_regular(path, _LIMIT).decode("utf-8", "replace")
                marks = [match[1] for match in _PLUGIN.finditer(text)]
            except OSError:
                continue
            if any(marks):
                return False
            found = found or bool(marks)
    return found


def chosen(names: list[str] | None, where: Scope, env: Mapping[str, str]) -> list[Detection]:
    """The agents to install for.  Raises UsageProblem for a name that is none, or for none."""
    every = list(targets.TARGETS)
    if names and "all" in names:
        return [Detection(name, "you asked for all") for name in every]
    check(names)
    if names:
        return [Detection(name, "you asked for it") for name in dict.fromkeys(names)]
    found = [clue for clue in detections(where, env) if clue.why]
    if not found:
        raise UsageProblem(
            "No agent was found: no folder of one here or at home, none on the PATH.",
            f"name one: `--agent {every[0]}` ({', '.join(every)}, all)",
        )
    return found


def check(names: list[str] | None) -> None:
    every = list(targets.TARGETS)
    for name in names or []:
        if name not in every and name != "all":
            raise UsageProblem(f"There is no agent {name!r}.", f"one of {', '.join(every)}, all")
