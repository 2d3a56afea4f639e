"""The way to GitHub from a command: settings, one sender at a time, what is left in the outbox."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from craftkit.clock import iso_utc
from craftkit.errors import BadConfig, CraftkitError
from craftkit.github.gateway import Invalid, Unreachable
from craftkit.github.pacing import LONGEST_WAIT, Limits
from craftkit.runtime import background, locks
from craftkit.runtime.context import Context
from craftkit.store import outbox
from craftkit.store.key_values import KeyValueCache
from craftkit.sync import double_issues, outbox_sender
from craftkit.sync.context import GRACE, Settings, SyncContext
from craftkit.text import count

BUSY, SILENT = "busy", "silent"
BOARD, LABEL = "board_status", "label_refused"
SECONDS = 10.0  # how long a command that is about GitHub waits for it
HOT_SECONDS = 3.0  # any other command; it leaves the rest to the next one
SILENT_SECONDS = 60.0  # for so long a server that did not answer is not asked by such a command


class DeliveryStatus(NamedTuple):
    """What one delivery did, and what waits still."""

    queued: int
    dead: int
    delivered: int = 0
    why: str = ""  # why something waits
    hint: str = ""
    code: str = ""
    held: int = 0  # until a person lets them go

    def as_dict(self) -> dict[str, Any]:
        return self._asdict()


def is_configured(context: Context) -> bool:
    """Whether tasks of this repository are to be seen on GitHub."""
    return bool(context.config["github.repo"]) and context.store.durable


def settings(context: Context) -> Settings:
    config = context.config
    return Settings(
        repo=str(config["github.repo"]).lower(),
        in_progress_label=str(config["github.in_progress_label"]),
        phase_label=str(config["github.phase_label"]),
        project=bool(config["github.project"]),
        grace=_grace(context),
        publish_secrets=context.publish_secrets,
    )


def _grace(context: Context) -> float:
    given = context.env.get("CRAFTKIT_UNKNOWN_GRACE", "")
    try:
        return max(0.0, float(given)) if given else GRACE
    except ValueError as error:
        raise BadConfig(
            f"CRAFTKIT_UNKNOWN_GRACE={given} is not a number of seconds.",
            "unset it, or give a number",
        ) from error


def open_session(
    context: Context,
    seconds: float = SECONDS,
    progress: Callable[[int, int], None] | None = None,
) -> SyncContext:
    """What a drain works with.  Raises NoToken, BadConfig and what the client raises.

    Once a command could not reach GitHub, it does not try again.
    """
    if context.offline:
        raise Unreachable("GitHub is not asked with `--offline`.", "leave out `--offline`")
    if context.gave_up is not None:
        raise context.gave_up
    if context.network_until is not None:
        seconds = min(seconds, context.network_until - context.clock())
    if seconds <= 0:
        raise Unreachable("GitHub took too long", "the next command asks it again")
    gateway = (context.connect or connect)(context, seconds)
    remark = functools.partial(note_extra, context)
    declined = functools.partial(note_declined, context)
    facts = settings(context)
    return SyncContext(context.store, gateway, facts, context.clock, progress, remark, declined)


def note_declined(context: Context, number: int, reason: str) -> None:
    """Tell that an issue stays as a person closed it, though its task is done here."""
    context.note(
        "warning",
        "closed_as_not_planned",
        f"#{number} was closed as {reason} on GitHub, so it is left as it is.",
        f"`craftkit task done gh{number} --anyway` re-opens it and closes it as completed",
    )


def note_extra(context: Context, error: CraftkitError, kind: str) -> None:
    """Tell, once in a command, that a label or a board does not show what was done."""
    if kind == "status":
        note_board(context, error)
    elif all(note.code != LABEL for note in context.diagnostics):
        words = "the label was not removed" if kind == "unlabel" else "the label was not set"
        context.note("warning", LABEL, f"{error.message.rstrip('.')}; {words}.", error.hint)


def note_board(context: Context, error: CraftkitError) -> None:
    """Tell, once in a command, that a board does not show what was done."""
    if any(note.code == BOARD for note in context.diagnostics):
        return
    hint = "give the token *Projects: read and write* (scope `project`), or unset `github.project`"
    if isinstance(error, Invalid):
        hint = error.hint
    elif error.retryable:
        hint = "the next change of the task sets it"
    why = error.message.rstrip(".")
    context.note("warning", BOARD, f"{why}; the status on the board was not set.", hint)


@contextlib.contextmanager
def github_session(
    context: Context,
    seconds: float = SECONDS,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[SyncContext]:
    """A sync whose limits are remembered also when GitHub refuses."""
    sync = open_session(context, seconds, progress)
    try:
        yield sync
    finally:
        save_rate_limits(context, sync.gateway)


def send(
    context: Context,
    seconds: float | None = None,
    max_writes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    lists: bool = True,
) -> DeliveryStatus:
    """Deliver what waits.  If that cannot be done now, it stays queued and nothing is lost."""
    seconds = HOT_SECONDS if seconds is None else seconds
    store = context.store
    before = outbox.counts(store)
    waits = before.queued or before.looks
    if not waits or context.offline or not is_configured(context):
        return _sent(before)
    with send_lock(context) as free:
        if not free:
            return _sent(before)._replace(why="another craftkit is sending now", code=BUSY)
        try:
            with github_session(context, seconds, progress) as sync:
                done = outbox_sender.drain(sync, max_writes, lists=lists)
        except CraftkitError as error:
            context.gave_up = error
            return stopped(outbox.counts(store), error)
    after = outbox.counts(store)
    context.gave_up = done.stopped
    report_doubles(context, done.doubles)
    why = done.stopped or done.away
    sent = _sent(after) if why is None else stopped(after, why)
    if why is None and after.unknown:
        sent = sent._replace(
            why="a creation got no answer, and is looked for before it is repeated",
            hint="`craftkit reconcile` goes on in a minute",
        )
    return sent._replace(delivered=done.delivered)


def report_doubles(context: Context, doubles: Sequence[double_issues.Double]) -> None:
    """Say which issues were the second ones of their tasks."""
    for double in doubles:
        context.note(
            "info",
            "double_issue",
            f"#{double.number} was a second issue of the task of #{double.first}:"
            " it is closed as a duplicate.",
        )


def deliver(context: Context) -> DeliveryStatus:
    """The end of a command: send what it has queued, once, and say what still waits."""
    sent = send(context)
    report_pending(context, sent)
    return sent


def pending_status(context: Context) -> DeliveryStatus:
    """What waits in the outbox."""
    return _sent(outbox.counts(context.store))


def _sent(counts: outbox.Counts) -> DeliveryStatus:
    return DeliveryStatus(counts.queued, counts.dead, held=counts.held)


def stopped(counts: outbox.Counts, error: CraftkitError) -> DeliveryStatus:
    """What waits, and the error that keeps it waiting."""
    return _sent(counts)._replace(why=error.message, hint=error.hint, code=error.code)


def send_lock(context: Context) -> contextlib.AbstractContextManager[bool]:
    """Gives False while another process sends: two senders could overtake each other."""
    return locks.only_one(os.path.join(context.state_dir, "send.lock"))


def connect(context: Context, seconds: float) -> Any:
    """The gateway that the environment, the configuration and the git remote describe.

    Raises NoToken, BadConfig and NotAgreed before anything heavy is loaded.
    """
    from craftkit.github import address, tokens
    from craftkit.sync import destination

    server, owner, name = destination.find(context)
    token = tokens.find_token(server, context.env)
    project = address.find_project(str(context.config["github.project"]), owner)
    from craftkit.github.client import Client  # loads PyGithub: only where there is a token
    from craftkit.github.gateway import Capabilities

    box = KeyValueCache(
        context.store, f"{server.api_url} {context.config['github.repo']}".lower(), context.now()
    )
    seconds = _seconds_for(context, box, server.host, seconds)
    known = box.get("capabilities")
    client = Client(
        server,
        (owner, name),
        token,
        limits=Limits(*json.loads(box.get("limits", "[]"))),
        capabilities=Capabilities(*json.loads(known)) if known else None,
        remembered=box,
        project=project,
        clock=context.clock,
        actions=context.env.get("GITHUB_ACTIONS") == "true",
    )
    client.rate_limiter.deadline = context.clock() + seconds
    client.rate_limiter.queued = outbox.counts(context.store).queued
    return client


def _seconds_for(context: Context, box: KeyValueCache, host: str, seconds: float) -> float:
    """How long to wait for a server, which may have been silent a moment ago.  Raises Unreachable.

    A command that is not about GitHub does not pay for that again; one that is tries for a short
    time.
    """
    until = float(box.get(SILENT, "0"))
    if not 0 < until - context.clock() <= SILENT_SECONDS or seconds > SECONDS:
        return seconds
    if seconds > HOT_SECONDS:
        return HOT_SECONDS
    raise Unreachable(
        f"{host} did not answer a moment ago; it is asked again at {iso_utc(until)[11:19]} UTC.",
        "work goes on offline; `craftkit reconcile` asks it at once",
    )


def save_rate_limits(context: Context, client: Any) -> None:
    """Remember what the server can do, and until when it wants to be left alone.

    A success ends a row of limits, so that is remembered too; but a limit that another command
    has met meanwhile holds.
    """
    place = f"{client.access.caller.server.api_url} {context.config['github.repo']}".lower()
    box = KeyValueCache(context.store, place, context.now())
    known = client.known_capabilities
    text = json.dumps(known) if known is not None else None
    if text is None:
        box.pop("capabilities", None)
    elif box.get("capabilities") != text:
        box["capabilities"] = text
    if client.silent:
        box[SILENT] = str(context.clock() + SILENT_SECONDS)
    elif client.requests:
        box.pop(SILENT, None)
    old, new = Limits(*json.loads(box.get("limits", "[]"))), client.rate_limiter.limits
    holds = old.until > new.until and 0 < old.until - context.clock() <= LONGEST_WAIT
    if not holds and old[:2] != new[:2]:  # a write of its own is nothing to write down
        box["limits"] = json.dumps(new)


def report_pending(context: Context, sent: DeliveryStatus) -> None:
    """Tell what waits, and why, and what was given up."""
    if sent.queued and all(note.code != "queued" for note in context.diagnostics):
        why = f": {sent.why.rstrip('.')}." if sent.why else "."
        plural = "write waits" if sent.queued == 1 else "writes wait"
        hint = "`craftkit reconcile` sends what is queued"
        if sent.dead:  # it may wait behind what was given up
            hint = "`craftkit outbox list` shows what it waits for"
        hint = sent.hint or hint
        context.note("info", "queued", f"{sent.queued} GitHub {plural}{why}", hint)
    if sent.held and all(note.code != "held" for note in context.diagnostics):
        words = count(sent.held, "GitHub write waits", "GitHub writes wait")
        context.note(
            "warning",
            "held",
            f"{words} for your word, queued before craftkit was switched on here.",
            "`craftkit outbox list` shows, `craftkit outbox send --yes` sends",
        )
    background.report_dead_writes(context, sent.dead)
