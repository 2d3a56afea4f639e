"""What a command runs in: repository, configuration, store, clock, ids and who is at work."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from craftkit import repo as git
from craftkit.errors import BadConfig, DatabaseUnwritable, NotSetUp
from craftkit.model import Diagnostic, Session
from craftkit.store import db

STATE_DIR = ".craftkit"
DEFAULTS: dict[str, Any] = {
    "github.repo": "",
    "specs.task_sections": [],
    "session.live_minutes": "60",
}
# The variables by which coding agents make themselves known to the commands that they run.
AGENT_SESSIONS = (
    ("claude", "CLAUDE_CODE_SESSION_ID"),
    ("codex", "CODEX_THREAD_ID"),
    ("gemini", "GEMINI_SESSION_ID"),
)
AGENT_MARKS = (("claude", "CLAUDECODE"), ("gemini", "GEMINI_CLI"), ("cursor", "CURSOR_AGENT"))


@dataclass
class Context:
    """Everything a use-case needs; built once per command, injected everywhere."""

    repo: git.Repo
    config: dict[str, Any]
    session: Session
    clock: Callable[[], float]
    ids: Callable[[], str]
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _store: db.Store | None = None

    @property
    def state_dir(self) -> str:
        return os.path.join(self.repo.root, STATE_DIR)

    @property
    def worktree(self) -> str:
        return self.repo.worktree

    @property
    def store(self) -> db.Store:
        """The database, or an in-memory copy of it where it cannot be written."""
        if self._store is None:
            try:
                self._store = db.open_store(self.state_dir)
            except DatabaseUnwritable as error:
                self._store = db.open_copy(self.state_dir)
                self.note("warning", "database_unwritable", error.message, error.hint)
        return self._store

    def now(self) -> str:
        """The time as ISO 8601 in UTC with milliseconds."""
        return stamp(self.clock())

    def note(
        self, severity: str, code: str, message: str, hint: str = "", target: str = ""
    ) -> None:
        self.diagnostics.append(Diagnostic(severity, code, message, hint, target))


def stamp(seconds: float) -> str:
    whole = int(seconds)
    parts = time.gmtime(whole)
    return time.strftime("%Y-%m-%dT%H:%M:%S", parts) + f".{int((seconds - whole) * 1000):03d}Z"


def random_id() -> str:
    return os.urandom(8).hex()


def open_context(
    cwd: str | None = None, env: Mapping[str, str] | None = None, session: str | None = None
) -> Context:
    """The context of a repository that is set up.  Raises NotSetUp or BadConfig."""
    where = cwd or os.getcwd()
    env = os.environ if env is None else env
    found = git.find(where)
    if found is None or not os.path.isdir(os.path.join(found.root, STATE_DIR)):
        raise NotSetUp(
            f"craftkit is not set up in {found.worktree if found else where}.",
            "run `craftkit init` at the top of the repository",
        )
    return build_context(found, env, session)


def build_context(found: git.Repo, env: Mapping[str, str], session: str | None = None) -> Context:
    return Context(
        repo=found,
        config=read_config(found.root, env),
        session=identify(found, env, session),
        clock=time.time,
        ids=random_id,
    )


def identify(found: git.Repo, env: Mapping[str, str], given: str | None = None) -> Session:
    """Who is at work.

    Without a session id from the caller or the agent, everybody in one worktree is one session:
    agents start a new terminal session for each command, so that nothing finer would hold.
    """
    session, agent = given or env.get("CRAFTKIT_SESSION"), env.get("CRAFTKIT_AGENT")
    for name, variable in AGENT_SESSIONS:
        if env.get(variable):
            session, agent = session or env[variable], agent or name
    for name, variable in AGENT_MARKS:
        if env.get(variable):
            agent = agent or name
    if not session:
        session = "local-" + hashlib.sha256(found.worktree.encode()).hexdigest()[:8]
    try:
        actor = getpass.getuser()
    except (OSError, KeyError, ImportError):
        actor = "unknown"
    return Session(
        id=session,
        agent=agent or "person",
        worktree=found.worktree,
        branch=git.branch(found),
        head=git.head(found),
        actor=actor,
    )


def read_config(root: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Defaults, then `.craftkit/config.yaml`, then CRAFTKIT_<SECTION>_<KEY>.  Raises BadConfig."""
    config = dict(DEFAULTS)
    path = os.path.join(root, STATE_DIR, "config.yaml")
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(
            f"{path} cannot be read ({error}).", "check the file and its mode"
        ) from error
    for section, values in _parse(path, text).items():
        if isinstance(values, dict):
            for key, value in values.items():
                config[f"{section}.{key}"] = value
    for name in DEFAULTS:
        override = env.get("CRAFTKIT_" + name.upper().replace(".", "_"))
        if override is not None:
            config[name] = override.split(",") if isinstance(DEFAULTS[name], list) else override
    return config


def _parse(path: str, text: str) -> dict[str, Any]:
    from craftkit.specs.meta import read_config as read_simple_config

    simple = read_simple_config(text)
    if simple is not None:
        return dict(simple)
    import yaml

    try:
        loaded = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - builds strings only
    except yaml.YAMLError as error:
        first = str(error).splitlines()[0]
        raise BadConfig(
            f"{path} is not valid YAML ({first}).", "correct it, or delete it"
        ) from error
    if loaded in (None, ""):
        return {}
    if not isinstance(loaded, dict):
        raise BadConfig(f"{path} is not a mapping.", "see `craftkit init --help` for its form")
    return loaded


def cached_yaml(context: Context) -> Callable[[str], Any]:
    """A YAML loader that keeps parsed front matter by digest, so that PyYAML loads once."""

    def load(text: str) -> Any:
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        known = context.store.value("select json from parsed_yaml where digest = ?", digest)
        if known is not None:
            return json.loads(known)
        import yaml

        value = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - builds strings only
        with context.store.write() as tx:
            tx.execute(
                "insert into parsed_yaml values (?, ?) on conflict do nothing",
                (digest, json.dumps(value)),
            )
        return value

    return load
