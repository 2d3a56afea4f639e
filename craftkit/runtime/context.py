"""What a command runs in: repository, configuration, store, clock, ids and who is at work."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from craftkit import repo as git
from craftkit.clock import iso_utc
from craftkit.errors import CraftkitError, DatabaseUnwritable, NotSetUp, UsageProblem
from craftkit.model import Diagnostic, Session, Spec
from craftkit.runtime.config import STATE_DIR, read_config
from craftkit.runtime.identity import session_and_agent, user_name
from craftkit.store import db


def random_id() -> str:
    return os.urandom(8).hex()


class Context:
    """Everything a use-case needs; built once per command, injected everywhere.

    `clock` gives seconds since 1970, `ids` a new id at each call; `connect` makes the gateway to
    GitHub, that of `hub.connect` by default.  `offline` keeps a command from using it.
    """

    def __init__(
        self,
        repo: git.Repo,
        config: dict[str, Any],
        session: Session,
        clock: Callable[[], float] = time.time,
        ids: Callable[[], str] = random_id,
        env: Mapping[str, str] | None = None,
        connect: Callable[[Context, float], Any] | None = None,
    ) -> None:
        self.repo = repo
        self.config = config
        self.session = session
        self.clock = clock
        self.ids = ids
        self.env = os.environ if env is None else env
        self.connect = connect
        self.offline = False
        self.network_until: float | None = None  # seconds since 1970: no network after it
        self.gave_up: CraftkitError | None = None  # why this command does not ask GitHub again
        self.flag = ""  # what commands about the spec at hand must add, as ` --spec demo`
        self.dead_writes: int | None = None  # as this command has seen and told them last
        self.repairing = False  # finishing what was interrupted before
        self.progress: Callable[[int, int], None] | None = None
        self.diagnostics: list[Diagnostic] = []
        self.specs_read: dict[str, tuple[bytes, Spec]] = {}  # path -> bytes, and what they say
        self._store: db.Store | None = None

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

    def close(self) -> None:
        """Let go of the database; whoever lives longer than one command does so after each."""
        if self._store is not None:
            self._store.connection.close()
            self._store = None

    @property
    def has_store(self) -> bool:
        """Whether there is a database; one that nobody needs is not made."""
        return self._store is not None or os.path.exists(os.path.join(self.state_dir, db.DATABASE))

    def now(self) -> str:
        """The time as ISO 8601 in UTC with milliseconds."""
        return iso_utc(self.clock())

    def require_github(self) -> None:
        """Raise UsageProblem if no repository on GitHub is configured."""
        if not self.config["github.repo"]:
            raise UsageProblem(
                "No GitHub repository is configured.",
                "set `github.repo: OWNER/NAME` in .craftkit/config.yaml",
            )

    def note(
        self, severity: str, code: str, message: str, hint: str = "", target: str = ""
    ) -> None:
        self.diagnostics.append(Diagnostic(severity, code, message, hint, target))


def here() -> str:
    """The current directory.  Raises UsageProblem where it was deleted."""
    try:
        return os.getcwd()
    except OSError as error:
        raise UsageProblem(
            "The current directory does not exist any more.", "`cd` into the repository"
        ) from error


def open_context(
    cwd: str | None = None, env: Mapping[str, str] | None = None, session: str | None = None
) -> Context:
    """The context of a repository that is set up.  Raises NotSetUp or BadConfig."""
    where = cwd or here()
    env = os.environ if env is None else env
    found = git.find(where)
    if found is None or not os.path.isdir(os.path.join(found.root, STATE_DIR)):
        raise NotSetUp(
            f"craftkit is not set up in {found.worktree if found else where}.",
            "run `craftkit init` at the top of the repository",
        )
    return build_context(found, env, session)


def build_context(found: git.Repo, env: Mapping[str, str], session: str | None = None) -> Context:
    config = read_config(found.root, env)
    return Context(found, config, identify(found, env, session), env=env)


def identify(found: git.Repo, env: Mapping[str, str], given: str | None = None) -> Session:
    """Who is at work."""
    session, agent = session_and_agent(env, found.worktree, given)
    return Session(
        id=session,
        agent=agent,
        worktree=found.worktree,
        branch=git.branch(found),
        head=git.head(found),
        actor=user_name(env),
    )
