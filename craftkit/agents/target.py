"""What the table of agents says of each, and the pieces that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from craftkit.agents.fragments import BLOCK, ELEMENT, FILE, MEMBER, Fragment

if TYPE_CHECKING:
    from craftkit.agents.commands import Command
    from craftkit.agents.render import Language

PROJECT, USER = "project", "user"
SCOPES = (PROJECT, USER)
SKILL = "craftkit"  # the folder has to have the skill's name
SERVER = {"command": "craftkit", "args": ["mcp"]}

# Agents trust a hook by the hash of its text, so that this stays as it is in all releases.
# The guard keeps an agent quiet on a machine, or in a container, that has no craftkit.
_GUARD = "command -v craftkit-hook >/dev/null 2>&1 || exit 0; craftkit-hook"
SECONDS = {
    "session-start": 10,
    "prompt": 5,
    "post-edit": 5,
    "stop": 15,
    "subagent-stop": 10,
    "pre-compact": 5,
    "post-compact": 5,
    "session-end": 5,
}

_POINTER = """\
## craftkit
{where}
- Where the work stands: `craftkit session-resume`, at the start and after a compaction.
- Take a task: `craftkit task next`, then `craftkit task start KEY`.
- Finished? Before anything else: `craftkit task done KEY`; its answer names the next command.
- A ` (#N)` at the end of a task line is the task's issue: leave it there.
"""
_POINTER_JA = """\
## craftkit
{where}
- 作業の現在地: `craftkit session-resume` (開始時とコンパクション後に実行)
- タスクを取る: `craftkit task next`、続けて `craftkit task start KEY`
- 終わったら、何よりも先に `craftkit task done KEY`。次のコマンドはその出力にある
- タスク行末の ` (#N)` はそのタスクの Issue。消さない
"""
_WHERE = {
    ("en", PROJECT): "The tasks of this repository are in spec files, and craftkit keeps track.",
    ("en", USER): "Where a repository has a `.craftkit` folder, craftkit keeps track of its tasks.",
    ("ja", PROJECT): "このリポジトリのタスクは spec ファイルにあり、craftkit が管理している。",
    ("ja", USER): "`.craftkit` フォルダのあるリポジトリでは、craftkit がタスクを管理している。",
}


class Facts(NamedTuple):
    """What an agent's files depend on."""

    scope: str
    env: Mapping[str, str]
    is_file: Callable[[str], bool]  # below the scope's base; symlinks are followed
    is_folder: Callable[[str], bool]
    same: Callable[[str, str], bool]  # whether one path leads to the other
    namespace: str = "craftkit"
    language: Language = "en"
    plugin: bool = False  # the agent has craftkit's plugin, which brings the hooks


class Layout(NamedTuple):
    """Where an agent reads what, in one scope; `{home}` stands for its own folder."""

    skills: str
    hooks: str
    servers: tuple[Fragment, ...]
    words: str = ""  # the file of its instructions, if they are in a file
    commands: str = ""  # the path of one, of namespace and name

    def at(self, home: str) -> Layout:
        """The layout with the agent's folder in its paths."""

        def put(path: str) -> str:
            return path.replace("{home}", home)

        servers = tuple(one._replace(path=put(one.path)) for one in self.servers)
        return Layout(
            put(self.skills), put(self.hooks), servers, put(self.words), put(self.commands)
        )


def _as_it_is(layout: Layout, facts: Facts) -> Layout:
    return layout


class AgentTarget(NamedTuple):
    name: str
    title: str
    signs: tuple[str, ...]  # in a project, of somebody who uses the agent
    home: str  # its folder below the home directory
    binaries: tuple[str, ...]
    project: Layout
    user: Layout
    hooks: Callable[[str], list[Fragment]]  # of the path in the layout
    command: Callable[[Command, Language], str] | None = None  # the text of a slash command
    adapt: Callable[[Layout, Facts], Layout] = _as_it_is  # what depends on the files that are there
    next: str = ""  # what the user has to do before it works
    home_variable: str = ""  # names another folder than `home`…
    home_tail: str = ""  # …to which this is added
    plugin_signs: tuple[str, ...] = ()  # files below `home` that name an installed plugin

    def folder(self, env: Mapping[str, str]) -> str:
        given = env.get(self.home_variable, "").rstrip("/") if self.home_variable else ""
        return given + self.home_tail if given.startswith("/") else self.home

    def pieces(self, facts: Facts) -> list[Fragment]:
        """Everything that an installation for this agent consists of."""
        layout = self.project if facts.scope == PROJECT else self.user
        layout = self.adapt(layout.at(self.folder(facts.env)), facts)
        found = skill(layout.skills, facts)
        if self.command is not None and layout.commands:
            found += commands(layout.commands, self.command, facts)
        if not facts.plugin:
            found += self.hooks(layout.hooks)
        found += layout.servers
        return found + ([pointer(layout.words, facts)] if layout.words else [])


def command(event: str, agent: str = "") -> str:
    return f"{_GUARD} {event}" + (f" --agent {agent}" if agent else "")


def files(folder: str, texts: Mapping[str, str], what: str) -> list[Fragment]:
    return [Fragment(f"{folder}/{name}", FILE, (), text, what) for name, text in texts.items()]


def skill(folder: str, facts: Facts) -> list[Fragment]:
    from craftkit.agents import render
    from craftkit.agents.commands import load

    return files(f"{folder}/{SKILL}", render.skill_files(load(), facts.language), "skill")


def commands(
    pattern: str, text: Callable[[Command, Language], str], facts: Facts
) -> list[Fragment]:
    """A file for each command; `pattern` is its path, of namespace and name."""
    from craftkit.agents.commands import load

    texts = {pattern.format(facts.namespace, c.name): text(c, facts.language) for c in load()}
    return [Fragment(path, FILE, (), words, "command") for path, words in texts.items()]


def pointer(path: str, facts: Facts) -> Fragment:
    text = _POINTER_JA if facts.language == "ja" else _POINTER
    words = text.format(where=_WHERE[facts.language, facts.scope])
    return Fragment(path, BLOCK, (), words, "pointer")


def server(path: str, box: str, value: Any = None) -> Fragment:
    return Fragment(path, MEMBER, (box, "craftkit"), value or {"type": "stdio", **SERVER}, "mcp")


def nested_hooks(
    path: str, events: Mapping[str, tuple[str, str]], agent: str = "", factor: int = 1
) -> list[Fragment]:
    """Hooks in Claude Code's form: native event -> craftkit's event and the matcher."""
    return [
        Fragment(
            path, ELEMENT, ("hooks", native, event), group(event, matcher, agent, factor), "hooks"
        )
        for native, (event, matcher) in events.items()
    ]


def group(event: str, matcher: str, agent: str = "", factor: int = 1) -> dict[str, Any]:
    run = {"type": "command", "command": command(event, agent), "timeout": SECONDS[event] * factor}
    return ({"matcher": matcher} if matcher else {}) | {"hooks": [run]}
