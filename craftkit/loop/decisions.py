"""What was decided: the typed input of a recorded process.  Pure.

A decision is all that its process needs: its steps are planned from it, at first and again after
a kill or an upgrade.
"""

import json
from typing import Any, Literal, NamedTuple, Self, cast

Action = Literal["start", "done", "reopen", "drop"]
Source = Literal["command", "box", "spool", "github"]


class DecidedTask(NamedTuple):
    id: str
    issue: int | None = None  # as it was known when this was decided


class Decision(NamedTuple):
    """A decision on a task of a spec, and on the tasks that follow from it."""

    id: str  # its own everywhere: a spool file that is read twice is known by it
    action: Action
    source: Source
    spec: str
    path: str  # of the spec's file then
    ref: str  # what a person calls the task
    tasks: tuple[DecidedTask, ...]  # the task, then the parents that are done with it
    set_aside: tuple[DecidedTask, ...] = ()  # what the session had in progress in its place
    reason: str = ""
    held_by: str | None = None  # the other session that had the task in progress

    @property
    def kind(self) -> str:
        return f"task {self.action}"

    @property
    def task_ids(self) -> list[str]:
        return [task.id for task in self.tasks]

    def to_json(self) -> str:
        data: dict[str, Any] = self._asdict()
        data["tasks"] = [task._asdict() for task in self.tasks]
        data["set_aside"] = [task._asdict() for task in self.set_aside]
        return json.dumps(data, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote, or what craftkit wrote before schema 4.

        Raises KeyError or ValueError if it is neither.
        """
        data = json.loads(text)
        if "intent" in data:
            data = _from_before_schema_4(data)
        for name in ("tasks", "set_aside"):
            data[name] = tuple(DecidedTask(**task) for task in data[name])
        return cls(**{name: data[name] for name in cls._fields})


def _from_before_schema_4(old: dict[str, Any]) -> dict[str, Any]:
    """The untyped record of earlier versions: ids of tasks, and their issues beside them."""
    issues = old.get("issues", {})

    def decided(ids: list[str]) -> list[dict[str, Any]]:
        return [{"id": task_id, "issue": issues.get(task_id)} for task_id in ids]

    return {
        "id": old["intent"],
        "action": cast(Action, old["action"]),
        "source": cast(Source, old["source"]),
        "spec": old["spec"],
        "path": old["path"],
        "ref": old["refs"],
        "tasks": decided(old["tasks"]),
        "set_aside": decided(old.get("set_aside") or []),
        "reason": old.get("reason", ""),
        "held_by": old.get("held_by"),
    }


class PhaseDecision(NamedTuple):
    """A spec moves from one phase to another."""

    spec: str
    path: str
    old: str
    new: str

    def to_json(self) -> str:
        return json.dumps({"spec": self.spec, "path": self.path, "from": self.old, "to": self.new})

    @classmethod
    def from_json(cls, text: str) -> Self:
        data = json.loads(text)
        return cls(data["spec"], data["path"], data["from"], data["to"])


class LinkDecision(NamedTuple):
    """A spec gets its issues; what is to be created is in the outbox already."""

    spec: str
    path: str
    adopted: dict[str, int]  # task id -> the issue that its line names
    blocks: tuple[tuple[str, str], ...]  # (task, the task that it waits for)
    # Issues among them, and the parent, of which nothing but a person's word says that they are
    # the spec's.
    taken: tuple[int, ...] = ()

    def to_json(self) -> str:
        return json.dumps(self._asdict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        data = json.loads(text)
        blocks = tuple((task, other) for task, other in data["blocks"])
        taken = tuple(data.get("taken", ()))
        return cls(data["spec"], data["path"], data["adopted"], blocks, taken)
