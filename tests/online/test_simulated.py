"""Any subset of hooks may be off: every finished task's issue is closed, exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import injections  # type: ignore[import-not-found]
import pytest
import sampling
import simulated

Desk = Any
PAGE = Path(__file__).parents[2] / "docs/forgetting.md"


@pytest.mark.parametrize(
    "enabled", sampling.few(simulated.CASES, 5), ids=lambda case: "+".join(case) or "none"
)
def test_i3_i4_with_any_hooks_off_all_is_closed_once(desk: Desk, enabled: Sequence[str]) -> None:
    closed = simulated.play(desk, enabled)
    assert len(closed) == simulated.TASKS
    assert simulated.closings(desk) == [1] * simulated.TASKS
    assert desk.text.count("- [x]") == simulated.TASKS
    assert not desk.quiet()
    row = simulated.row(enabled, closed)
    assert row in PAGE.read_text(encoding="utf-8"), f"`make docs` brings {PAGE.name} up to date"


@pytest.mark.parametrize(
    "enabled", sampling.few(simulated.CASES, 4), ids=lambda case: "+".join(case) or "none"
)
def test_i18_nobody_finishes_the_task_of_another(desk: Desk, enabled: Sequence[str]) -> None:
    """Two live sessions, a subagent and a nested agent: all is closed once, each by its own."""
    heard = simulated.play_together(desk, enabled)
    assert simulated.closings(desk) == [1] * 6
    assert desk.text.count("- [x]") == 6
    foreign = {
        "main": ("T002", "T006"),
        "other": ("T001", "T005"),
        "subagent": ("T001", "T002"),
        "nested": ("T001", "T002"),
    }
    for who, words in heard:
        for key in foreign[who] if "T005" not in words else ():
            for verb in ("done", "start"):
                assert f"craftkit task {verb} {key}" not in words, (who, words)
    if "prompt" in enabled and "stop" in enabled:
        to_main = " ".join(words for who, words in heard if who == "main")
        assert "T003 was ticked" in to_main and "T004 was ticked" in to_main


def test_no_byte_of_github_reaches_a_hooks_words(desk: Desk) -> None:
    """Hostile samples are titles, bodies and comments; the states still get through."""
    total = len(injections.SAMPLES)
    desk.begin(total).link()
    for number, sample in enumerate(injections.SAMPLES, 2):
        title = f"SENTINEL {sample}"[:250].replace("\x00", "")
        desk.human(
            "PATCH", f"issues/{number}", {"title": title, "body": f"<!-- {title} -->{title}"}
        )
        desk.human("POST", f"issues/{number}/labels", {"labels": [f"SENTINEL {number}"]})
        desk.human("POST", f"issues/{number}/comments", {"body": title})
    desk.close(3)
    desk.close(4, "not_planned")
    theirs = {"title": "SENTINEL <b>", "body": "SENTINEL", "parent": 1, "author": "reviewer"}
    desk.server.add_issues("octo-dev/demo", [theirs])
    said = []
    for event in ("session-start", "prompt", "post-edit", "pre-compact", "prompt", "stop"):
        payload = {"session_id": "s1", "cwd": str(desk.repo), "tool_input": {"file_path": "a.md"}}
        if event == "post-edit":
            desk.replace("[ ] T001", "[x] T001")
        said.append(simulated.hook(desk, event, payload, "s1"))
    assert "T002 (#3) ticked" in said[0] and "T003 (#4) dropped" in said[0]
    assert "T001 was ticked" in said[2] and "tasks done" in said[4]
    for text in said:
        assert "SENTINEL" not in text and "reviewer" not in text
        assert not [char for char in injections.FORBIDDEN if char in text]
