"""What the last comparison with GitHub left to a person."""

from craftkit.loop import task_status
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.store import decisions, key_values

REMEMBERED = "doubts "  # begins the name under which those of a spec are remembered


def known(context: Context, spec: Spec) -> list[dict[str, str]]:
    """What is left to a person, save what was decided on since."""
    found = _remembered(context, spec)
    if found is None:
        return []
    import json  # most commands find nothing here

    text, moment = found
    ids = {task.ref: task.id for task in spec.tasks}
    settled = decisions.decided_since(context.store, spec.id, moment)
    notes: list[dict[str, str]] = json.loads(text)
    return [note for note in notes if ids.get(note["task"]) not in settled]


def duplicates(context: Context, spec: Spec) -> set[str]:
    """Ids of the tasks whose work is another issue's, as GitHub says: none is the next one."""
    found = _remembered(context, spec)
    if found is None or task_status.CLOSED_AS_DUPLICATE not in found[0]:
        return set()
    ids = {task.ref: task.id for task in spec.tasks}
    return {
        ids[note["task"]]
        for note in known(context, spec)
        if note["code"] == task_status.CLOSED_AS_DUPLICATE and note["task"] in ids
    }


def _remembered(context: Context, spec: Spec) -> tuple[str, str] | None:
    repo = str(context.config["github.repo"]).lower()
    return key_values.with_moment(context.store, repo, REMEMBERED + spec.id) if repo else None
