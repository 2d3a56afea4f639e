"""Whether there is a repository with issues at all: if not, a missing issue proves nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.sync.context import SyncContext
from craftkit.text import count


def away(sync: SyncContext) -> CraftkitError | None:
    """Why no issue of the repository can be seen now; None if they can."""
    try:
        seen = sync.gateway.repository()
    except (gh.NotFound, gh.Invalid, gh.IssueGone) as error:  # none of them a row's own fault
        return gh.RepositoryAway(error.message, error.hint)
    except CraftkitError as error:
        return error
    if seen.has_issues:
        return None
    return gh.RepositoryAway(
        f"Issues are switched off in {seen.full_name}, so nothing was compared or sent.",
        "switch them on in the repository's settings; what is queued waits until then",
    )


def require(sync: SyncContext, asked: Mapping[int, object]) -> None:
    """Raise what explains it if not one of the issues that were asked for is there."""
    if not asked or not all(isinstance(found, gh.Gone) for found in asked.values()):
        return
    error = away(sync)
    places = {found.to.partition("#")[0] for found in asked.values() if isinstance(found, gh.Gone)}
    if error is None and len(asked) > 1 and places - {""}:
        error = gh.RepositoryAway(
            f"The issues of {sync.settings.repo} were transferred to {min(places - {''})}.",
            "transfer them back on GitHub; what is queued waits until then",
        )
    if error is None and len(asked) > 1:
        numbers: Collection[int] = sorted(asked)
        shown = ", ".join(f"#{n}" for n in list(numbers)[:3]) + (", …" if len(numbers) > 3 else "")
        error = gh.RepositoryAway(
            f"GitHub has none of {count(len(asked), 'issue')} of {sync.settings.repo} ({shown}).",
            "`craftkit doctor` shows which repository is asked; if they were deleted,"
            " `craftkit spec unlink` forgets them",
        )
    if error is not None:
        raise error
