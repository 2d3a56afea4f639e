"""Which repository the git remotes name, if there are several: asked once, or named."""

from __future__ import annotations

import os
from typing import NamedTuple

from craftkit import repo as git
from craftkit.commands.agreement import Word
from craftkit.errors import BadConfig
from craftkit.github import address
from craftkit.model import Diagnostic
from craftkit.runtime import trust
from craftkit.runtime.config import FILE, read_config
from craftkit.sync import destination
from craftkit.text import one_line


class OfRemotes(NamedTuple):
    """What the remotes say of the repository of the issues."""

    repos: tuple[str, ...] = ()  # OWNER/NAME that the person's word agrees to; the last one counts
    remark: Diagnostic | None = None  # why none is named, or what else could be taken

    @property
    def chosen(self) -> str:
        return self.repos[-1] if self.repos else ""


def find(found: git.Repo, word: Word) -> OfRemotes:
    """OWNER/NAME that the git remotes name on our GitHub.

    `origin` counts.  If others are on GitHub too, a terminal is asked once; without one they are
    named.  The only one on GitHub is taken if `origin` is elsewhere.
    """
    agreed = trust.read(found.state_dir)
    try:
        config, _ = read_config(found, os.environ, agreed)
        first = git.remote(found)
        server = address.find_server(os.environ, config, first)
    except BadConfig as error:
        return OfRemotes((), Diagnostic("warning", error.code, error.message, error.hint))
    here = first is not None and address.is_host_of(server, first[0])
    mine = f"{first[1]}/{first[2]}" if first is not None and here else ""
    others = destination.others(found, server, mine)
    if agreed.get(trust.REPO):  # it was asked before
        return OfRemotes((mine,) if mine else ())
    if not mine and len(set(others.values())) == 1:
        return OfRemotes((next(iter(others.values())),))
    if others and word.ask is not None and not word.yes:
        for name, other in others.items():
            if word.ask(_question(name, other, mine)):
                return OfRemotes((mine, other) if mine else (other,))
        return OfRemotes((mine,) if mine else ())
    if others:
        return OfRemotes((mine,) if mine else (), _also(others))
    return OfRemotes((mine,) if mine else (), None if mine else _none(found, server, first))


def _question(name: str, other: str, mine: str) -> str:
    also = f"The git remote {one_line(name, 60)} names {one_line(other, 120)}"
    instead = f", and `origin` names {one_line(mine, 120)}" if mine else ""
    return f"{also}{instead}. Are the issues in {one_line(other, 120)}?"


def _also(others: dict[str, str]) -> Diagnostic:
    shown = ", ".join(f"{one_line(o, 120)} ({one_line(n, 60)})" for n, o in others.items())
    first = next(iter(others.values()))
    return Diagnostic(
        "info",
        "other_remotes",
        f"Other git remotes are on GitHub as well: {shown}.",
        f"if the issues are there, set `github.repo: {one_line(first, 120)}` in {FILE},"
        " then `craftkit trust`",
    )


def _none(
    found: git.Repo, server: address.Server, first: tuple[str, str, str] | None
) -> Diagnostic | None:
    """Why no remote names a repository; None if there is no remote."""
    wiki = next(iter(git.remotes(found, wikis=True).values()), None)
    if first is not None:
        return Diagnostic("warning", "foreign_remote", *address.foreign(server, first[0]))
    if wiki is None:
        return None
    project = one_line("/".join(wiki[1:]).removesuffix(git.WIKI), 120)
    return Diagnostic(
        "warning",
        "wiki_remote",
        f"The git remote is the wiki of {project}, and a wiki has no issues.",
        f"if the issues are in {project}, set `github.repo: {project}` in {FILE},"
        " then `craftkit trust`",
    )
