"""The way to GitHub from a command: settings, one sender at a time, what is left in the outbox."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from craftkit import repo as git
from craftkit.errors import CraftkitError
from craftkit.store import outbox
from craftkit.sync import drain
from craftkit.workflow.context import Context

SECONDS = 20.0  # how long a command waits for GitHub before it leaves the rest to the next one


class Sent(NamedTuple):
    """What one delivery did, and what waits still."""

    delivered: int
    queued: int
    dead: int
    why: str = ""  # why something waits
    hint: str = ""
    code: str = ""

    def as_dict(self) -> dict[str, Any]:
        return self._asdict()


def is_configured(context: Context) -> bool:
    """Whether tasks of this repository are to be seen on GitHub."""
    return bool(context.config["github.repo"]) and context.store.durable


def settings(context: Context) -> drain.Settings:
    config = context.config
    return drain.Settings(
        repo=str(config["github.repo"]).lower(),
        in_progress_label=str(config["github.in_progress_label"]),
        phase_label=str(config["github.phase_label"]),
        project=bool(config["github.project"]),
        grace=context.grace,
    )


def bench(
    context: Context,
    seconds: float = SECONDS,
    progress: Callable[[int, int], None] | None = None,
) -> drain.Bench:
    """What a drain works with.  Raises NoToken, BadConfig and what the client raises."""
    gateway = context.connect(context, seconds)
    return drain.Bench(context.store, gateway, settings(context), context.clock, progress)


def send(
    context: Context,
    seconds: float = SECONDS,
    max_writes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sent:
    """Deliver what waits; where that cannot be done now, it stays queued and nothing is lost."""
    store = context.store
    before = outbox.counts(store)
    if not before["queued"] or context.offline or not is_configured(context):
        return Sent(0, **before)
    with only_sender(context) as free:
        if not free:
            return Sent(0, **before, why="another craftkit is sending now", code="busy")
        try:
            done = drain.drain(bench(context, seconds, progress), max_writes)
        except CraftkitError as error:
            return Sent(0, **outbox.counts(store), why=error.message, hint=error.hint, code=error.code)
    after = outbox.counts(store)
    if done.stopped is None:
        return Sent(done.delivered, **after)
    stop = done.stopped
    return Sent(done.delivered, **after, why=stop.message, hint=stop.hint, code=stop.code)


@contextlib.contextmanager
def only_sender(context: Context) -> Iterator[bool]:
    """False while another process sends: two senders could overtake each other."""
    try:
        import fcntl
    except ImportError:
        yield True
        return
    path = os.path.join(context.state_dir, "send.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def connect(context: Context, seconds: float) -> Any:
    """The gateway that the environment, the configuration and the git remote describe."""
    from craftkit.github import address, tokens

    remote = git.remote(context.repo)
    server = address.find_server(context.env, context.config, remote)
    owner, name = address.find_repository(context.env, context.config, remote, server)
    token = tokens.find_token(server, context.env)
    from craftkit.github import client  # loads PyGithub: only where there is a token

    return client.connect(context, server, owner, name, token, seconds)


def say(context: Context, sent: Sent) -> None:
    """Tell what waits and why; loud where something is dead."""
    if sent.dead:
        context.note(
            "error",
            "outbox_dead",
            f"{sent.dead} GitHub write(s) were given up.",
            "`craftkit outbox list` shows why; then `craftkit outbox retry` or `drop`",
        )
    if sent.queued:
        why = f": {sent.why}" if sent.why else ""
        context.note("info", "queued", f"{sent.queued} GitHub write(s) are queued{why}", sent.hint)
