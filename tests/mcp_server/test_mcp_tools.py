"""Each tool against a real repository and the sandbox GitHub, in both eras of the protocol."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("graphql")

import talk as talking

TALKS = {
    "inside, auto": (talking.inside, {"mode": "auto"}),
    "inside, legacy": (talking.inside, {"mode": "legacy"}),
    "outside, auto": (talking.outside, {"mode": "auto"}),
    "outside, legacy": (talking.outside, {"mode": "legacy", "command": "python -m craftkit.mcp"}),
}


def begin(desk: Any, which: str) -> contextlib.AbstractContextManager[talking.Talk]:
    how, named = TALKS[which]
    return how(desk, **named)


@pytest.mark.parametrize("which", TALKS)
def test_the_whole_loop(desk: Any, which: str) -> None:
    desk.link()
    with begin(desk, which) as talk:
        version = talk.client.protocol_version
        assert (version < "2026") == ("legacy" in which)
        assert "task_done" in (talk.client.instructions or "")

        stand = talk.data("status")
        assert stand["spec"]["id"] == "demo" and stand["progress"] == {"done": 0, "total": 5}
        assert stand["next_command"] == "craftkit task start T001"
        listed = talk.data("task_list")
        assert [t["key"] for t in listed["tasks"]] == [f"T00{n}" for n in range(1, 6)]
        assert listed["tasks"][0]["issue"] == 2 and listed["left_out"] == 0
        assert talk.data("task_next", spec="demo")["next"]["key"] == "T001"

        begun = talk.data("task_start", key="T001")
        assert begun["changed"] and begun["task"]["state"] == "in_progress" and begun["delivered"]
        assert "status: in-progress" in desk.issue(2)["labels"]
        assert not talk.data("task_start", key="gh2")["changed"]
        assert talk.data("task_next")["current"]["key"] == "T001"

        done = talk.data("task_done", key="T001")
        assert done["applied"] and done["delivered"] and done["next"]["key"] == "T002"
        assert "- [x] T001" in desk.text and desk.issue(2)["state"].lower() == "closed"
        again = talk.data("task_done", key="T001", spec="#1")
        assert not again["changed"] and again["progress"] == {"done": 1, "total": 5}

        dropped = talk.data(
            "task_drop", key="https://github.com/octo-dev/demo/issues/6", reason="nobody wants it"
        )
        assert dropped["task"]["state"] == "dropped" and dropped["progress"]["total"] == 4
        assert desk.issue(6)["reason"].lower() == "not_planned"

        assert talk.data("reconcile_check")["in_step"]
        desk.close(3)
        before = desk.text, desk.state.world
        found = talk.data("reconcile_check")
        assert not found["in_step"] and found["drift"]["closed_not_ticked"] == 1
        assert found["specs"][0]["actions"][0]["task"] == "T002"
        assert (desk.text, desk.state.world) == before
        assert talk.data("reconcile_apply")["specs"][0]["applied"]
        assert "- [x] T002" in desk.text and talk.data("reconcile_check")["in_step"]

        desk.replace("- [ ] T003", "- [x] T003")
        resumed = talk.data("session_resume")
        assert "T003 was ticked: recorded done" in resumed["brief"]
        assert resumed["next_command"] == "craftkit task start T004"
        assert desk.issue(4)["state"].lower() == "closed"

        shown = talk.data("issue_show", number=5)
        assert shown["untrusted"] is True and shown["source"] == "github"
        assert shown["title"] == "T004 Task 4" and shown["author_association"] == "OWNER"
        assert "specs/demo.md" in shown["body"] and "craftkit spec=" not in shown["body"]
    assert desk.ask("select count(*) from processes where status <> 'completed'") == [(0,)]
    if which.startswith("outside"):
        assert talking.errors(desk).read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("which", TALKS)
def test_resources_and_prompt(desk: Any, which: str) -> None:
    desk.link()
    wanted, listed = desk.data("status"), desk.data("task", "list")
    with begin(desk, which) as talk:
        assert [str(r.uri) for r in talk.do("list_resources").resources] == ["craftkit://state"]
        templates = talk.do("list_resource_templates").resource_templates
        uris = ["craftkit://spec/{id}", "craftkit://spec/{id}/task/{key}"]
        assert [t.uri_template for t in templates] == uris
        one = talk.read("craftkit://spec/demo/task/T001")
        state = talk.read("craftkit://state")
        spec = talk.read("craftkit://spec/demo")
        assert [p.name for p in talk.do("list_prompts").prompts] == ["resume"]
        (message,) = talk.do("get_prompt", "resume").messages
        with pytest.raises(Exception, match="There is no spec nowhere") as refusal:
            talk.read("craftkit://spec/nowhere")
        with pytest.raises(Exception, match="There is no spec nowhere"):
            talk.do("get_prompt", "resume", {"spec": "nowhere"})
    assert getattr(refusal.value, "code", None) == -32602
    assert one == {"spec": "demo", "task": listed["tasks"][0]}
    assert state == wanted
    assert spec["id"] == "demo" and spec["progress"] == {"done": 0, "total": 5}
    assert spec["tasks"] == listed["tasks"]
    assert message.content.text.startswith("Spec demo (requirements, issue #1): 0/5 tasks done")


def test_annotations_say_what_a_tool_may_do(desk: Any) -> None:
    with talking.inside(desk) as talk:
        hints = {name: tool.annotations for name, tool in talk.listed.items()}
    assert {n for n, h in hints.items() if h.read_only_hint} == {"reconcile_check", "issue_show"}
    assert {n for n, h in hints.items() if h.destructive_hint} == {
        "task_drop",
        "session_resume",
        "reconcile_apply",
    }
    assert {n for n, h in hints.items() if not h.open_world_hint} == {
        "status",
        "task_list",
        "task_next",
    }
    for hint in hints.values():
        assert hint.read_only_hint is not None
        assert hint.read_only_hint or (hint.idempotent_hint and hint.destructive_hint is not None)


def test_tools_without_a_network_send_nothing(desk: Any) -> None:
    desk.link()
    desk.ok("task", "start", "T001", "--offline")
    before = desk.requests()
    with talking.inside(desk) as talk:
        assert talk.data("status")["outbox"]["queued"] == 1
        talk.data("task_list")
        talk.data("task_next")
        talk.read("craftkit://state")
        talk.read("craftkit://spec/demo")
    assert desk.requests() == before


def test_the_whole_list_is_short(desk: Any) -> None:
    from craftkit.loop.work_status import tokens
    from craftkit.mcp.server import tool_listing

    listing = tool_listing()
    with talking.inside(desk) as talk:
        names = list(talk.listed)
    assert [tool["name"] for tool in json.loads(listing)["tools"]] == names
    assert tokens(listing) <= 1500


def test_no_parameter_is_a_path_a_repository_or_a_command(desk: Any) -> None:
    with talking.inside(desk) as talk:
        given = {n: set(t.input_schema["properties"]) for n, t in talk.listed.items()}
    assert set().union(*given.values()) == {"spec", "key", "reason", "number"}
    assert given["issue_show"] == {"number"}


def test_many_tasks_do_not_flood_the_client(desk: Any) -> None:
    lines = [f"- [{'x' if n <= 150 else ' '}] T{n:03d} Task {n}\n" for n in range(1, 401)]
    desk.write("".join(lines))
    with talking.inside(desk) as talk:
        listed = talk.data("task_list")
    assert listed["progress"] == {"done": 150, "total": 400}
    assert len(listed["tasks"]) == 200 and listed["left_out"] == 200
    assert listed["tasks"][0]["key"] == "T151"


def test_where_no_spec_is_active_the_candidates_are_named(desk: Any) -> None:
    desk.write(2, front="---\nid: other\nname: Other\n---\n", path="specs/other.md")
    with talking.inside(desk) as talk:
        stand = talk.data("status")
        assert stand["spec"] is None and {s["id"] for s in stand["specs"]} == {"demo", "other"}
        assert "none is active" in talk.data("session_resume")["brief"]
        assert "demo" in talk.refused("task_next")
        assert talk.data("task_next", spec="other")["spec"] == "other"
        assert talk.data("task_start", key="T001", spec="other")["spec"] == "other"
        assert talk.data("status")["spec"]["id"] == "other"
