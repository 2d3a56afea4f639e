"""What a command runs in: repository, configuration, store, clock, ids and who is at work."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from craftkit import repo as git
from craftkit.clock import iso_utc
from craftkit.errors import (
    CopiedClone,
    CraftkitError,
    DatabaseUnwritable,
    ForeignState,
    GitDirectoryMissing,
    NotSetUp,
    OldState,
    UsageProblem,
)
from craftkit.model import Diagnostic, Session, Spec
from craftkit.runtime import clone, trust
from craftkit.runtime.config import read_config
from craftkit.runtime.identity import session_and_agent, user_name
from craftkit.store import db
from craftkit.text import one_line


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
        self.publish_secrets = False  # a person agreed to titles that look like secrets
        self.network_until: float | None = None  # seconds since 1970: no network after it
        self.gave_up: CraftkitError | None = None  # why this command does not ask GitHub again
        self.flag = ""  # what commands about the spec at hand must add, as ` --spec demo`
        self.dead_writes: int | None = None  # as this command has seen and told them last
        self.repairing = False  # finishing what was interrupted before
        self.progress: Callable[[int, int], None] | None = None
        self.diagnostics: list[Diagnostic] = []
        self.specs_read: dict[str, tuple[bytes, Spec]] = {}  # path -> bytes, and what they say
        # (spec id, task id) of linked tasks that this command is the first to see with other words,
        # and what they said before: nothing is done to their issues by it.
        self.rewritten: dict[tuple[str, str], str] = {}
        self.standing = clone.ON
        self.clone: clone.Clone | None = None  # as it is recorded
        self.agreed: trust.Agreed = {}  # values that a person has agreed to
        self.waiting: list[trust.Waiting] = []  # values that are set, and not agreed to
        self._store: db.Store | None = None

    @property
    def state_dir(self) -> str:
        return self.repo.state_dir

    @property
    def worktree(self) -> str:
        return self.repo.worktree

    @property
    def database(self) -> str:
        """The name of the database; a sandbox has its own, so that nothing of it becomes real."""
        return db.SANDBOX if names_sandbox(self.env) else db.DATABASE

    @property
    def store(self) -> db.Store:
        """The database, or an in-memory copy of it if it cannot be written."""
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def _open_store(self) -> db.Store:
        if self.standing == clone.OFF:
            self.note("info", NotSetUp.code, *off(self.repo, self.worktree))
            return db.open_nothing(self.state_dir, self.database)
        if self.standing != clone.ON:
            self.note_error(unreachable_state(self.repo, self.standing))
            return db.open_nothing(self.state_dir, self.database)
        try:
            store = db.open_store(self.state_dir, self.database)
        except DatabaseUnwritable as error:
            store = db.open_copy(self.state_dir, self.database)
            self.note("warning", error.code, *_without_writing(self.repo, store, error))
            return store
        self._keep_record()
        return store

    def _keep_record(self) -> None:
        """Record what this clone is if that is new, or not as recorded: moved or restored."""
        try:
            known = self.clone
            if known is None or known != clone.observe(self.repo, known.id):
                self.clone = clone.record(self.repo, known.id if known else self.ids())
        except OSError:
            return  # whoever can write there does it next time

    def close(self) -> None:
        """Let go of the database; whoever lives longer than one command does so after each."""
        if self._store is not None:
            self._store.connection.close()
            self._store = None

    @property
    def has_store(self) -> bool:
        """Whether there is a database; one that nobody needs is not made."""
        return self._store is not None or os.path.exists(
            os.path.join(self.state_dir, self.database)
        )

    def now(self) -> str:
        """The time as ISO 8601 in UTC with milliseconds."""
        return iso_utc(self.clock())

    def require_github(self) -> None:
        """Raise UsageProblem if no repository on GitHub is configured, or agreed to."""
        for one in self.waiting if not self.config["github.repo"] else ():
            if one.name == trust.REPO:
                raise UsageProblem(
                    f"{one.source} names {one_line(one.value, 120)}, and nobody has agreed to it"
                    " in this clone.",
                    "`craftkit trust` shows it and asks",
                )
        if not self.config["github.repo"]:
            raise UsageProblem(
                "No GitHub repository is configured.",
                "set `github.repo: OWNER/NAME` in .craftkit/config.yaml, then `craftkit trust`",
            )

    def note_error(self, error: CraftkitError) -> None:
        """Say as a warning what would be an error in a command that has to write."""
        self.note("warning", error.code, error.message, error.hint)

    def note(
        self, severity: str, code: str, message: str, hint: str = "", target: str = ""
    ) -> None:
        self.diagnostics.append(Diagnostic(severity, code, message, hint, target))


def names_sandbox(env: Mapping[str, str]) -> bool:
    """Whether the environment names a GitHub on this machine."""
    if not (env.get("CRAFTKIT_GITHUB_API_URL") or env.get("GITHUB_API_URL")):
        return False
    from craftkit.github import address

    return address.names_loopback(env)


def here() -> str:
    """The current directory.  Raises UsageProblem where it was deleted."""
    try:
        return os.getcwd()
    except OSError as error:
        raise UsageProblem(
            "The current directory does not exist any more.", "`cd` into the repository"
        ) from error


def open_context(
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    session: str | None = None,
    *,
    only_reads: bool = False,
) -> Context:
    """The context of a clone that is switched on; for what `only_reads` spec files, of any.

    Raises NotSetUp, CopiedClone, OldState or BadConfig.
    """
    where = cwd or here()
    env = os.environ if env is None else env
    found = git.find(where)
    standing, recorded = (clone.OFF, None) if found is None else clone.standing(found)
    old = None if found is None or standing != clone.OLD else clone.old_folder(found)
    if old and found is not None and clone.refusal(found, old):
        standing = clone.OFF
    if found is None or (
        standing == clone.OFF and not (only_reads and clone.has_configuration(found))
    ):
        raise NotSetUp(*off(found, where))
    if standing == clone.COPY and recorded is not None:
        raise CopiedClone(
            f"{found.worktree} is a copy of the clone in {recorded.path}, so craftkit is off here.",
            "`craftkit init` switches it on, with a state of its own",
        )
    if standing == clone.OLD:
        raise OldState(
            f"The state of craftkit is still in {old or found.state_dir}.",
            "`craftkit init` moves it into git's own directory",
        )
    context = build_context(found, env, session)
    context.standing, context.clone = standing, recorded
    return context


def build_context(found: git.Repo, env: Mapping[str, str], session: str | None = None) -> Context:
    agreed = trust.read(found.state_dir)
    config, waiting = read_config(found, env, agreed)
    context = Context(found, config, identify(found, env, session), env=env)
    context.agreed, context.waiting = agreed, waiting
    return context


def off(found: git.Repo | None, where: str) -> tuple[str, str]:
    """What is said of a clone that nobody has switched on: message and hint."""
    if found is not None and clone.has_configuration(found):
        return (
            f"craftkit is off in this clone of {os.path.basename(found.root)}: nothing that came"
            " with a clone decides anything.",
            "`craftkit init` switches it on, if you want it here",
        )
    return (
        f"craftkit is not set up in {found.worktree if found else where}.",
        "run `craftkit init` at the top of the repository",
    )


def unreachable_state(found: git.Repo, standing: str) -> CraftkitError:
    """Why the private state cannot be used at all, and what to do."""
    if standing == clone.MISSING and found.missing is not None:
        mount = git.folder_to_mount(found.missing)
        return GitDirectoryMissing(
            f"{os.path.join(found.worktree, '.git')} names {found.missing}, which is not here.",
            f"mount {mount} at the same path; until then craftkit only reads the spec files",
        )
    owner = _owner(found.state_dir)
    return ForeignState(
        f"The state of craftkit in {found.state_dir} belongs to {owner}.",
        f"run craftkit as {owner}; here it only reads the spec files",
    )


def _owner(path: str) -> str:
    import pwd

    uid = os.stat(path).st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _without_writing(
    found: git.Repo, store: db.Store, error: DatabaseUnwritable
) -> tuple[str, str]:
    """What it means that the database cannot be written here: message and hint."""
    if not store.readable:
        return f"{error.message} The answer comes from the spec files alone.", error.hint
    from craftkit.store import spool_folder

    folder = spool_folder.directory(found.worktree)
    return (
        f"{error.message} What is decided here waits in {folder}.",
        "nothing to do: the next command that can write reads it in (`git clean -x` deletes it)",
    )


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
