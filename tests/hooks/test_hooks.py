"""What each event does and says, through the real script, with payloads as agents send them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bed as bed_of
import pytest
import sampling
from injections import FORBIDDEN, SAMPLES
from places import database_of, state_of

from craftkit.agents.events import NATIVE

Bed = Any


def edit(bed: Bed, path: str = "specs/demo.md") -> dict[str, Any]:
    return {
        "session_id": "abc",
        "transcript_path": "/tmp/t.jsonl",
        "cwd": str(bed.root),
        "permission_mode": "default",
        "hook_event_name": "PostToolUse",
        "tool_name": "Edit",
        "tool_input": {"file_path": str(bed.root / path), "old_string": "a", "new_string": "b"},
        "tool_response": {"filePath": path, "originalFile": None},
        "tool_use_id": "toolu_1",
    }


def stop(prompt: str = "p1", **more: Any) -> dict[str, Any]:
    base = {"session_id": "abc", "hook_event_name": "Stop", "stop_hook_active": False}
    return base | {"prompt_id": prompt} | more


# agent -> event -> payload as that agent documents it, without what no hook of ours reads
PAYLOADS: dict[str, dict[str, dict[str, Any]]] = {
    "claude": {
        "session-start": {"hook_event_name": "SessionStart", "source": "startup"},
        "prompt": {"hook_event_name": "UserPromptSubmit", "prompt": "go on"},
        "post-edit": {
            "hook_event_name": "PostToolUse",
            "tool_name": "Edit",
            "tool_input": {"file_path": "specs/demo.md"},
        },
        "stop": {"hook_event_name": "Stop", "stop_hook_active": False},
    },
    "codex": {
        "session-start": {"hook_event_name": "SessionStart", "source": "startup", "turn_id": "t"},
        "prompt": {"hook_event_name": "UserPromptSubmit", "prompt": "go on", "turn_id": "t"},
        "post-edit": {
            "hook_event_name": "PostToolUse",
            "tool_name": "apply_patch",
            "tool_input": {"command": "*** Update File: specs/demo.md"},
            "turn_id": "t",
        },
        "stop": {"hook_event_name": "Stop", "stop_hook_active": False, "turn_id": "t"},
    },
    "gemini": {
        "session-start": {"hook_event_name": "SessionStart", "source": "startup"},
        "prompt": {"hook_event_name": "BeforeAgent", "prompt": "go on"},
        "post-edit": {
            "hook_event_name": "AfterTool",
            "tool_name": "replace",
            "tool_input": {"file_path": "specs/demo.md"},
        },
        "stop": {"hook_event_name": "AfterAgent", "stop_hook_active": False},
    },
    "copilot": {
        "session-start": {"source": "new"},
        "prompt": {"prompt": "go on"},
        "post-edit": {"toolName": "edit", "toolArgs": '{"path": "specs/demo.md"}'},
        "stop": {},
    },
    "cursor": {
        "session-start": {"hook_event_name": "sessionStart"},
        "prompt": {"hook_event_name": "beforeSubmitPrompt", "prompt": "go on"},
        "post-edit": {"hook_event_name": "afterFileEdit", "file_path": "specs/demo.md"},
        "stop": {"hook_event_name": "stop", "status": "completed", "loop_count": 0},
    },
    "opencode": {
        "session-start": {},
        "prompt": {},
        "post-edit": {"file_path": "specs/demo.md"},
        "stop": {},
    },
}


def envelope(agent: str, event: str, words: str) -> dict[str, Any]:
    """The JSON in which an agent wants to have these words."""
    if event == "stop":
        return {
            "gemini": {"decision": "deny", "reason": words},
            "cursor": {"followup_message": words},
        }.get(agent, {"decision": "block", "reason": words})
    native = PAYLOADS[agent][event].get("hook_event_name") or NATIVE[event][0]
    return {
        "copilot": {"additionalContext": words},
        "cursor": {"additional_context": words},
    }.get(agent, {"hookSpecificOutput": {"hookEventName": native, "additionalContext": words}})


@pytest.mark.parametrize("agent", list(PAYLOADS))
def test_each_agent_gets_the_words_in_its_own_form(bed: Bed, agent: str) -> None:
    def hook(event: str) -> str:
        payload = {"session_id": "abc", "cwd": str(bed.root)} | PAYLOADS[agent].get(event, {})
        answer: str = bed.hook(event, payload, "--agent", agent)
        return answer

    silence = "{}" if agent == "cursor" else ""
    brief = (
        "Spec demo (implementation): 0/4 tasks done, 4 to go.\n"
        "Next: `craftkit task start T001` (One)\n"
        "After each task: `craftkit task done KEY`; it prints the next one.\n"
        "Chosen because this session is at work on it. All tasks: `craftkit task list`"
    )
    assert json.loads(hook("session-start")) == envelope(agent, "session-start", brief)
    assert hook("post-edit") == silence
    bed.ck("task", "start", "T001")
    bed.tick("T001")
    words = "craftkit: T001 was ticked: recorded done. 1/4 done. Next: `craftkit task start T002`"
    assert json.loads(hook("post-edit")) == envelope(agent, "post-edit", words)
    assert hook("prompt") == silence
    assert hook("pre-compact") == silence
    refreshed = json.loads(hook("prompt"))
    (text,) = (
        refreshed.get("hookSpecificOutput", refreshed).get(name)
        for name in ("additionalContext", "additional_context", "context")
        if name in refreshed.get("hookSpecificOutput", refreshed)
    )
    assert refreshed == envelope(agent, "prompt", text)
    assert "1/4 tasks done" in text and "craftkit task start T002" in text
    assert hook("prompt") == silence
    bed.ck("task", "start", "T002")
    bed.tick("T003")
    words = (
        "craftkit: T002 is still in progress, but T003, which comes after it, is done."
        " Run `craftkit task done T002` if it is finished; if not, say so. Asked once."
    )
    assert json.loads(hook("stop")) == envelope(agent, "stop", words)
    assert hook("stop") == silence


# What Codex, the strictest, takes of each event: nothing else may be in an answer.
STRICT = {
    "SessionStart": {"hookSpecificOutput", "systemMessage", "continue", "stopReason"},
    "UserPromptSubmit": {"hookSpecificOutput", "systemMessage", "continue", "stopReason"},
    "PostToolUse": {"hookSpecificOutput", "systemMessage", "continue", "decision", "reason"},
    "Stop": {"decision", "reason", "continue", "stopReason", "systemMessage"},
}


def is_strict(native: str, out: str) -> bool:
    if not out:
        return True
    answer = json.loads(out)
    inner = answer.get("hookSpecificOutput")
    if inner is not None and (
        set(inner) != {"hookEventName", "additionalContext"} or inner["hookEventName"] != native
    ):
        return False
    return set(answer) <= STRICT[native]


def test_what_another_program_edits_counts_at_the_next_event(bed: Bed) -> None:
    subprocess.run(["sed", "-i", "s/\\[ \\] T00[12]/[x]&/; s/\\[x\\]\\[ \\]/[x]/", bed.path])
    assert "[x] T001" in bed.text and "[x] T002" in bed.text
    assert bed.hook("post-edit", edit(bed, "src/app.py")) == ""
    assert "T001 was ticked: recorded done; T002" in bed.said("prompt")
    bed.tick("T003")
    assert bed.hook("subagent-stop") == ""
    bed.tick("T004")
    assert bed.hook("stop", stop()) == ""
    done = bed.ask("select task_id from history where event = 'task.done' order by seq")
    assert done == [("T001",), ("T002",), ("T003",), ("T004",)]


def test_a_spec_that_was_never_seen_is_seen(bed: Bed) -> None:
    other = bed.root / "specs/other.md"
    other.write_text("# Other\n\n## Tasks\n\n- [ ] T001 A\n")
    assert bed.hook("post-edit", edit(bed, "specs/other.md")) == ""
    other.write_text("# Other\n\n## Tasks\n\n- [x] T001 A\n")
    assert "T001 was ticked" in bed.said("post-edit", edit(bed, "specs/other.md"))


def test_outside_of_a_repository_nothing_is_said_or_made(tmp_path: Path, bed: Bed) -> None:
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    for event in ("session-start", "prompt", "post-edit", "stop", "pre-compact", "session-end"):
        payload = {"session_id": "abc", "cwd": str(empty), "tool_input": {"file_path": "a.md"}}
        assert bed.hook(event, payload, cwd=empty) == ""
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    "payload",
    ["", "{", "[]", "null", '"x"', "{}", '{"cwd": 7, "tool_input": []}', "\ud83d", "{" * 100_000],
    ids=range(9),
)
@pytest.mark.parametrize("event", ["session-start", "post-edit", "prompt", "stop"])
def test_a_payload_that_is_none_does_no_harm(bed: Bed, event: str, payload: str) -> None:
    payload = payload.encode("utf-8", "replace").decode()
    out = bed.hook(event, payload)
    assert is_strict(
        {
            "session-start": "SessionStart",
            "post-edit": "PostToolUse",
            "prompt": "UserPromptSubmit",
        }.get(event, "Stop"),
        out,
    )
    assert not (state_of(bed.root) / "logs/hooks.jsonl").exists()


def test_an_unknown_event_says_how_it_is_used(bed: Bed) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from craftkit.agent_hook import run; run()", "nonsense"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "") and "usage: craftkit-hook" in done.stderr


def test_a_payload_of_megabytes_is_read(bed: Bed) -> None:
    bed.tick("T001")
    payload = edit(bed)
    payload["tool_response"]["originalFile"] = "x" * 3_000_000
    assert "T001 was ticked" in bed.said("post-edit", payload)


def test_an_explicit_project_is_only_reminded(bed: Bed) -> None:
    bed.env["CRAFTKIT_AGENTS_AUTO_DONE"] = "explicit"
    bed.tick("T001")
    words = "T001 is ticked but not recorded: run `craftkit task done T001`"
    assert words in bed.said("post-edit", edit(bed))
    assert bed.ask("select count(*) from history where event = 'task.done'") == [(0,)]
    assert "T001 is ticked but not recorded" in bed.said("stop", stop())
    assert bed.said("stop", stop()) == ""
    assert bed.ck("task", "done", "T001")[0] == 0
    assert bed.said("stop", stop("p2")) == ""
    assert "1/4 tasks done" in bed.said("session-start")


def test_a_wrong_setting_is_named(bed: Bed) -> None:
    code, _, err = bed.ck("status", CRAFTKIT_AGENTS_AUTO_DONE="maybe")
    assert code == 2 and "box or explicit" in err


def test_all_steps_ticked_is_a_contradiction(bed: Bed) -> None:
    bed.write(bed.text.replace("T002 Two\n", "T002 Two\n  - [x] a step\n  - [ ] another\n"))
    bed.ck("task", "start", "T002")
    assert bed.said("stop", stop()) == ""
    bed.write(bed.text.replace("[ ] another", "[x] another"))
    assert "all its steps are ticked" in bed.said("stop", stop("p2"))


def test_in_progress_alone_never_blocks(bed: Bed) -> None:
    bed.ck("task", "start", "T001")
    assert bed.hook("stop", stop()) == ""


@pytest.mark.parametrize(
    "more",
    [
        {"stop_hook_active": True},
        {"permission_mode": "plan"},
        {"background_tasks": [{"id": 1}]},
        {"agent_id": "a1"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_who_cannot_act_is_not_asked(bed: Bed, more: dict[str, Any]) -> None:
    bed.ck("task", "start", "T001")
    bed.tick("T002")
    assert bed.hook("stop", stop(**more)) == ""
    assert "T001" in bed.said("stop", stop())


def test_two_hooks_at_once_complete_once_and_block_once(bed: Bed) -> None:
    """The plugin's and those in the settings."""
    bed.ck("task", "start", "T001")
    bed.tick("T002")
    both = [bed.start("post-edit", edit(bed)) for _ in range(2)]
    for finish in both:
        finish()
    assert bed.ask("select count(*) from history where event = 'task.done'") == [(1,)]
    both = [bed.start("stop", stop()) for _ in range(2)]
    assert sorted(bool(finish()) for finish in both) == [False, True]


def test_compaction_is_answered_once_by_the_next_start_or_prompt(bed: Bed) -> None:
    bed.ck("task", "start", "T001")
    assert bed.hook("pre-compact") == "" and bed.hook("post-compact") == ""
    compact = {"session_id": "abc", "hook_event_name": "SessionStart", "source": "compact"}
    assert "In progress: T001 One" in bed.said("session-start", compact)
    assert bed.hook("prompt") == ""
    assert bed.hook("pre-compact") == ""
    assert "In progress: T001 One" in bed.said("prompt")
    assert bed.hook("prompt") == ""


def test_an_unticked_box_is_told_with_its_commands(bed: Bed) -> None:
    bed.ck("task", "done", "T001")
    bed.write(bed.text.replace("[x] T001", "[ ] T001"))
    said = bed.said("post-edit", edit(bed))
    assert "`craftkit task done T001` or `craftkit task reopen T001`" in said
    assert bed.said("post-edit", edit(bed)) == ""


def test_the_end_of_a_session_is_recorded(bed: Bed) -> None:
    bed.ck("task", "start", "T001")
    assert bed.hook("session-end", {"session_id": "abc", "reason": "logout"}) == ""
    assert bed.ask("select end_reason from sessions where id = 'abc'") == [("logout",)]


def test_a_damaged_database_is_for_the_log_and_doctor(bed: Bed) -> None:
    for name in ("craftkit.db-wal", "craftkit.db-shm"):
        (bed.root / ".craftkit" / name).unlink(missing_ok=True)
    (database_of(bed.root)).write_bytes(b"no database at all" * 100)
    for event in ("session-start", "prompt", "post-edit", "stop"):
        assert bed.hook(event, edit(bed)) == ""
    log = (state_of(bed.root) / "logs/hooks.jsonl").read_text()
    assert [json.loads(line)["event"] for line in log.splitlines()] == [
        "session-start",
        "prompt",
        "post-edit",
        "stop",
    ]
    assert bed.ck("doctor", "--fix")[0] in (0, 5)
    assert "4 failed within a day" in bed.ck("doctor")[1]


def test_an_agent_without_hooks_is_told_once_why(bed: Bed) -> None:
    agent = {"CRAFTKIT_SESSION": "", "CLAUDE_CODE_SESSION_ID": "zz", "CLAUDECODE": "1"}
    bed.ask("select 1")
    assert "hooks" not in bed.ck("task", "start", "T001", **agent)[2]  # they ran in this worktree
    subprocess.run(["git", "worktree", "add", "-q", "--orphan", "../other"], cwd=bed.root)
    import sqlite3

    with sqlite3.connect(database_of(bed.root)) as connection:
        connection.execute("delete from hooks")
    err = bed.ck("task", "done", "T001", **agent)[2]
    assert "No craftkit hook has run here" in err and "hint: " in err
    assert "hook" not in bed.ck("task", "start", "T002", **agent)[2]
    assert "hook" not in bed.ck("task", "start", "T003", "--switch")[2]  # a person has none


def test_a_heartbeat_is_seen_by_doctor(bed: Bed) -> None:
    bed.hook("stop", stop(), "--agent", "codex")
    assert "codex (stop at " in bed.ck("doctor")[1]


@pytest.mark.parametrize("number", sampling.some(range(len(SAMPLES)), 2))
def test_hostile_spec_lines_are_data(tmp_path: Path, number: int) -> None:
    """No byte of them reaches an agent as anything but plain words."""
    sample = SAMPLES[number]
    bed = bed_of.Bed(tmp_path.resolve() / "repo")
    flat = sample.replace("\x00", "").replace("\r", " ").replace("\n", " ")
    bed.begin("One", "Two")
    quoted = json.dumps(sample.replace("\x00", ""))
    bed.write(
        f"---\nid: {quoted}\nname: {quoted}\nphase: implementation\nbranch: {quoted}\n---\n\n"
        f"## Tasks\n\n- [ ] T001 {flat}\n- [ ] T002 {flat}\n  - [x] {flat}\n- [ ] T003 {flat}\n"
    )
    said = [("SessionStart", bed.hook("session-start"))]
    bed.ck("task", "start", "T002")
    bed.tick("T003")
    said.append(("PostToolUse", bed.hook("post-edit", edit(bed))))
    bed.hook("pre-compact")
    said.append(("UserPromptSubmit", bed.hook("prompt")))
    said.append(("Stop", bed.hook("stop", stop())))
    assert all(is_strict(native, out) for native, out in said)
    assert sum(bool(out) for _, out in said) >= 3
    for _, out in said:
        words = "\n".join(_strings(json.loads(out) if out else {}))
        for native in STRICT:
            words = words.removeprefix(f"{native}\n").removeprefix("block\n")
        found = [char for char in FORBIDDEN if char in words]
        assert not found, (found, words)
        for line in words.splitlines():
            head = line.split(" ", 1)[0].rstrip(":")
            assert head in {
                "Spec",
                "Next",
                "In",
                "When",
                "After",
                "Chosen",
                "Repaired",
                "Attention",
                "craftkit",
                "All",
                "…",
                "-",
            }, line
        assert "A" * 200 not in words and "ghp_abcdefghijklmnop" not in words


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _strings(item)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs an account without privileges")
def test_a_state_directory_that_cannot_be_written(bed: Bed) -> None:
    os.chmod(bed.root / ".craftkit", 0o500)
    for path in state_of(bed.root).iterdir():
        os.chmod(path, 0o400 if path.is_file() else 0o500)
    try:
        if os.access(database_of(bed.root), os.W_OK):
            pytest.skip("this account may write everything")
        assert bed.hook("session-start") == "" and bed.hook("prompt") == ""
    finally:
        os.chmod(bed.root / ".craftkit", 0o700)
