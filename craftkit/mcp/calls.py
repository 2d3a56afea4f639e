"""One call of a client: where it works, in which thread, and what becomes of its errors."""

from __future__ import annotations

import contextlib
import functools
import os
import traceback
from collections.abc import Callable, Mapping
from typing import TypeVar

import anyio
import anyio.to_thread

from craftkit import repo as git
from craftkit.errors import CraftkitError, NotSetUp
from craftkit.loop import sessions
from craftkit.runtime import clone, log
from craftkit.runtime.context import Context, here, open_context
from craftkit.store import sessions as rows
from craftkit.text import one_line

T = TypeVar("T")
NAMED_BY = "a client that starts the server elsewhere names the project by CRAFTKIT_ROOT=FOLDER"


class OwnError(CraftkitError):
    """Something that nobody foresaw; its words stay in the log."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__(
            "craftkit met an error of its own.",
            "see craftkit's log in git's directory; then `craftkit doctor`",
        )


def find_project(env: Mapping[str, str]) -> str:
    """The directory to work in: what $CRAFTKIT_ROOT names, else the current one.

    Some clients start their servers elsewhere: where nothing is set up here, the project that
    the client names counts.
    """
    if env.get("CRAFTKIT_ROOT"):
        return env["CRAFTKIT_ROOT"]
    named, current = env.get("CLAUDE_PROJECT_DIR", ""), here()
    if named and os.path.isdir(named) and not _is_set_up(current):
        return named
    return current


def _is_set_up(where: str) -> bool:
    found = git.find(where)
    return found is not None and clone.standing(found)[0] != clone.OFF


class Calls:
    """Carries out the calls on one project, one after another, each in a thread.

    One after another, because everything that keeps two commands apart (who runs a recorded
    operation, SQLite's locks on a file) is kept by operating-system process, and two calls are of
    one.  A call that is cancelled before its turn is not begun; one that has begun runs to its
    end, as a command would.
    """

    def __init__(self, project: str, *, pinned: bool = False) -> None:
        self.project = project
        self.pinned = pinned  # somebody named exactly this worktree
        self._turn = anyio.CapacityLimiter(1)

    async def run(self, name: str, work: Callable[[Context], T], *, offline: bool = False) -> T:
        """Raises CraftkitError, and nothing else."""
        job = functools.partial(self._work, name, work, offline)
        return await anyio.to_thread.run_sync(job, limiter=self._turn)

    def _work(self, name: str, work: Callable[[Context], T], offline: bool) -> T:
        context = None
        try:
            context = self._open()
            context.offline = offline
            return work(context)
        except NotSetUp as error:
            raise NotSetUp(error.message, f"{error.hint}; {NAMED_BY}") from error
        except CraftkitError:
            raise
        except Exception as error:
            if context is not None:
                facts = {"error": repr(error), "traceback": traceback.format_exc()[-4000:]}
                with contextlib.suppress(Exception):
                    log.write(context, "error", f"mcp {name}", "unexpected error", facts)
            raise OwnError from error
        finally:
            if context is not None:
                context.close()

    def _open(self) -> Context:
        """The context of the session that calls: that which goes on for it, in its worktree."""
        context = open_context(self.project)
        if context.session.id.startswith("local-") or not context.store.readable:
            return context
        session = sessions.followed(context, context.session.id)
        place = None if self.pinned else rows.last_place(context.store, session)
        where = self._other_worktree(context, place) or self.project
        if session == context.session.id and where == self.project:
            return context
        context.close()
        return open_context(where, session=session)

    @staticmethod
    def _other_worktree(context: Context, place: str | None) -> str | None:
        """The worktree in which a session was seen last, if it is another one of this clone."""
        if place is None or place == context.worktree or not os.path.isdir(place):
            return None
        found = git.find(place)
        same = found is not None and found.common_dir == context.repo.common_dir
        return place if same and context.repo.common_dir is not None else None


def sentence(error: CraftkitError) -> str:
    """An error as a client reads it."""
    hint = f"\nhint: {one_line(error.hint, 300)}" if error.hint else ""
    return one_line(error.message, 400) + hint
