"""The commands that an agent is given: their names, descriptions and texts."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    name: str
    description: str
    description_ja: str
    hint: str  # what follows the name, as in "[KEY]"
    body: str


def load() -> tuple[Command, ...]:
    return (
        Command(
            "session-resume",
            "Find out where the work stands and what to do next",
            "作業の現在地と次にすることを確認する",
            "",
            "Run `craftkit session-resume` and do what the line that begins with `Next:` says.\n",
        ),
        Command(
            "task-done",
            "Record a task as done and get the next one",
            "タスクの完了を記録し、次のタスクを受け取る",
            "[KEY]",
            "Run `craftkit task done KEY`; its answer names the next command.\n",
        ),
    )
