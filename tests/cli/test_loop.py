"""The local loop through the real command line: what a caller may rely on."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import database_of, state_of

from craftkit.loop.work_status import BRIEF_TOKENS, SHORT_TOKENS, tokens

Ck = Callable[..., tuple[int, Any, str]]
KEYS = {
    "key",
    "number",
    "title",
    "state",
    "checked",
    "group",
    "depends_on",
    "parallel",
    "issue",
    "path",
    "line",
    "ready",
}
posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX modes")


def states(ck: Ck, *more: str, **env: Any) -> dict[str, str]:
    code, answer, _ = ck("task", "list", "--json", *more, **env)
    assert code == 0, answer
    return {t["key"]: t["state"] for t in answer["data"]["tasks"]}


def problem(answer: dict[str, Any]) -> dict[str, str]:
    assert answer["ok"] is False and answer["schema_version"] == 1
    assert len(answer["diagnostics"]) == 1
    return dict(answer["diagnostics"][0])


def database(repo: Path) -> Path:
    return database_of(repo)


def write_spec(repo: Path, name: str, *lines: str) -> Path:
    path = repo / "specs" / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    text = f"---\nid: {name}\nname: {name}\nphase: implementation\n---\n\n## Tasks\n\n"
    path.write_text(text + "\n".join(lines) + "\n", encoding="utf-8", newline="")
    return path


def test_init_twice_keeps_the_configuration(repo: Path, ck: Ck) -> None:
    code, first, _ = ck("init", "--json")
    assert code == 0 and first["data"]["created"] is True
    config = repo / ".craftkit" / "config.yaml"
    config.write_text(config.read_text() + "# mine\n")
    before = config.read_bytes()
    code, second, _ = ck("init", "--json")
    assert code == 0 and second["data"]["created"] is False
    assert config.read_bytes() == before


def test_spec_new_writes_a_file_and_refuses_to_write_over_it(repo: Path, ck: Ck) -> None:
    ck("init")
    code, answer, _ = ck("spec", "new", "Log in", "--task", "One", "--json")
    assert code == 0 and answer["data"]["spec"]["path"] == "specs/log-in.md"
    before = (repo / "specs/log-in.md").read_bytes()
    code, answer, _ = ck("spec", "new", "Log in", "--json")
    assert code == 2 and "exists already" in problem(answer)["message"]
    assert (repo / "specs/log-in.md").read_bytes() == before


def test_list_has_the_documented_keys(spec: Path, ck: Ck) -> None:
    _, answer, _ = ck("task", "list", "--json")
    tasks = answer["data"]["tasks"]
    assert [t["key"] for t in tasks] == ["T001", "T002", "T003"]
    assert [t["number"] for t in tasks] == [1, 2, 3]
    lines = spec.read_text().split("\n")
    for task in tasks:
        assert set(task) >= KEYS
        assert lines[task["line"] - 1] == f"- [ ] {task['key']} {task['title']}"
        assert task["path"] == "specs/login.md"
        assert task["ready"] and task["state"] == "todo" and not task["checked"]


def test_start_done_next(spec: Path, ck: Ck) -> None:
    before = spec.read_bytes()
    code, answer, _ = ck("task", "start", "T001", "--json")
    assert code == 0 and answer["data"]["task"]["state"] == "in_progress"
    code, answer, _ = ck("task", "done", "T001", "--json")
    assert code == 0 and answer["data"]["changed"] and answer["data"]["applied"]
    assert answer["data"]["next"]["key"] == "T002"
    assert spec.read_bytes() == before.replace(b"- [ ] T001", b"- [x] T001")
    code, answer, _ = ck("task", "next", "--json")
    assert answer["data"]["next"]["key"] == "T002" and answer["data"]["remaining"] == 2
    assert ck("task", "next")[1].strip() == "next: T002 Two"


def test_done_twice_is_a_note(spec: Path, ck: Ck) -> None:
    ck("task", "done", "T001")
    before = spec.read_bytes()
    code, out, _ = ck("task", "done", "T001")
    assert code == 0 and "T001 is done already" in out
    assert spec.read_bytes() == before
    _, answer, _ = ck("history", "--json")
    assert [e["event"] for e in answer["data"]["events"]].count("task.done") == 1


def test_unknown_key_names_the_near_one(spec: Path, ck: Ck) -> None:
    code, answer, _ = ck("task", "start", "T00O1", "--json")
    assert code == 2 and problem(answer)["code"] == "unknown_task"
    assert "did you mean" in problem(answer)["hint"] and "T001" in problem(answer)["hint"]


def test_ambiguous_prefix(spec: Path, ck: Ck) -> None:
    before = spec.read_bytes()
    code, answer, _ = ck("task", "done", "T00", "--json")
    assert code == 2 and problem(answer)["code"] == "ambiguous_task"
    assert spec.read_bytes() == before


def test_key_in_two_specs(repo: Path, ck: Ck) -> None:
    write_spec(repo, "alpha", "- [ ] T001 One")
    write_spec(repo, "beta", "- [ ] T001 One", "- [ ] T002 Two")
    ck("init")
    code, answer, _ = ck("task", "done", "T001", "--json")
    assert code == 2 and problem(answer)["code"] == "ambiguous_task"
    assert "specs/alpha.md" in problem(answer)["message"]
    assert "--spec" in problem(answer)["hint"]
    assert ck("task", "done", "T002")[0] == 0
    assert ck("task", "done", "T001", "--spec", "beta")[0] == 0
    assert "- [ ] T001" in (repo / "specs/alpha.md").read_text()


def test_a_task_of_another_live_session(spec: Path, ck: Ck) -> None:
    assert ck("task", "start", "T001", CRAFTKIT_SESSION="s2")[0] == 0
    code, answer, _ = ck("task", "start", "T001", "--json")
    assert code == 6 and problem(answer)["code"] == "task_claimed"
    assert "s2" in problem(answer)["message"] and "--take-over" in problem(answer)["hint"]
    code, answer, _ = ck("task", "start", "T001", "--take-over", "--json")
    assert code == 0 and answer["data"]["task"]["holder"] == "s1"


def test_a_task_of_an_ended_session_is_free(spec: Path, ck: Ck) -> None:
    ck("task", "start", "T001", CRAFTKIT_SESSION="s2")
    code, answer, _ = ck("session-end", "--json", CRAFTKIT_SESSION="s2")
    assert code == 0 and answer["data"]["unfinished"] == [{"spec": "login", "task": "T001"}]
    assert ck("task", "start", "T001")[0] == 0


def test_start_while_another_is_in_progress(spec: Path, ck: Ck) -> None:
    ck("task", "start", "T001")
    code, answer, _ = ck("task", "start", "T002", "--json")
    assert code == 2 and problem(answer)["code"] == "another_task_in_progress"
    assert "--switch" in problem(answer)["hint"]
    code, answer, _ = ck("task", "start", "T002", "--switch", "--json")
    assert code == 0 and answer["data"]["task"]["key"] == "T002"
    assert states(ck) == {"T001": "todo", "T002": "in_progress", "T003": "todo"}


def test_reopen_and_drop(spec: Path, ck: Ck) -> None:
    before = spec.read_bytes()
    ck("task", "done", "T001")
    code, answer, _ = ck("task", "reopen", "T001", "--json")
    assert code == 0 and answer["data"]["task"]["state"] == "todo"
    assert spec.read_bytes() == before
    code, answer, _ = ck("task", "drop", "T002", "--reason", "no", "--json")
    assert code == 0 and answer["data"]["progress"] == {"done": 0, "total": 2}
    assert spec.read_bytes() == before
    assert states(ck)["T002"] == "dropped"
    ck("task", "done", "T003")
    assert ck("task", "drop", "T003")[0] == 2
    assert ck("task", "reopen", "T002")[0] == 0
    assert states(ck)["T002"] == "todo"


def test_add_appends_the_next_key(spec: Path, ck: Ck) -> None:
    before = spec.read_text()
    code, answer, _ = ck("task", "add", "Four", "--depends-on", "T003", "--json")
    assert code == 0
    task = answer["data"]["task"]
    assert task["key"] == "T004" and task["depends_on"] == ["T003"] and not task["ready"]
    after = spec.read_text()
    assert after.startswith(before) and after.count("\n") == before.count("\n") + 1


def test_a_dependency_is_waited_for_but_not_enforced(spec: Path, ck: Ck) -> None:
    ck("task", "add", "Four", "--depends-on", "T001")
    code, answer, _ = ck("task", "start", "T004", "--json")
    assert code == 0 and "depends_open" in {d["code"] for d in answer["diagnostics"]}


def test_phases(spec: Path, ck: Ck) -> None:
    code, answer, _ = ck("spec", "phase", "review", "--json")
    assert code == 2 and problem(answer)["code"] == "illegal_phase"
    assert "spec phase design" in problem(answer)["hint"]
    assert ck("spec", "phase", "nonsense")[0] == 2
    for old, new in [
        ("requirements", "design"),
        ("design", "implementation"),
        ("implementation", "review"),
    ]:
        code, answer, _ = ck("spec", "phase", new, "--json")
        assert code == 0 and (answer["data"]["from"], answer["data"]["to"]) == (old, new)
        assert f"\nphase: {new}\n" in spec.read_text()
    code, answer, _ = ck("spec", "phase", "completed", "--json")
    assert code == 2 and "T001" in problem(answer)["message"]
    assert ck("spec", "phase", "completed", "--force")[0] == 2
    for key in ("T001", "T002"):
        ck("task", "done", key)
    ck("task", "drop", "T003")
    assert ck("spec", "phase", "completed")[0] == 0
    assert "\nphase: completed\n" in spec.read_text()


def test_a_phase_can_be_forced_with_a_reason(spec: Path, ck: Ck) -> None:
    assert ck("spec", "phase", "completed", "--force", "--reason", "shipped")[0] == 0
    _, answer, _ = ck("history", "--json")
    assert answer["data"]["events"][-1]["data"]["reason"] == "shipped"


OURS, THEIRS = b"<<<<<<< HEAD\n- [ ] T003 Three\n=======\n", b"- [x] T003 Three\n>>>>>>> x\n"


@pytest.fixture
def unmerged(spec: Path, ck: Ck) -> Path:
    """The spec with a merge conflict in the line of T003."""
    ck("status")
    spec.write_bytes(spec.read_bytes().replace(b"- [ ] T003 Three\n", OURS + THEIRS))
    return spec


@pytest.mark.parametrize("verb", ["start", "done", "reopen", "drop"])
def test_a_task_in_a_merge_conflict_is_left_alone(unmerged: Path, ck: Ck, verb: str) -> None:
    before = unmerged.read_bytes()
    code, answer, _ = ck("task", verb, "T003", "--json")
    found = problem(answer)
    assert code == 5 and found["code"] == "spec_needs_attention"
    assert "T003 stands in a merge conflict (lines 26 to 30)" in found["message"]
    assert ck("session-resume")[0] == 0 and unmerged.read_bytes() == before


@pytest.mark.parametrize("what", [("phase", "design"), ("update",)])
def test_what_needs_the_whole_file_waits_for_the_conflict(
    unmerged: Path, ck: Ck, what: tuple[str, ...]
) -> None:
    before = unmerged.read_bytes()
    _, answer, _ = ck("spec", *what, "--json")
    found = problem(answer)
    assert found["code"] == "spec_needs_attention" and "lines 26 to 30" in found["message"]
    assert unmerged.read_bytes() == before


def test_tasks_outside_of_a_merge_conflict_go_on(unmerged: Path, ck: Ck) -> None:
    code, answer, _ = ck("task", "list", "--json")
    assert [task["key"] for task in answer["data"]["tasks"]] == ["T001", "T002"]
    assert [note["code"] for note in answer["diagnostics"]] == ["conflict_markers"]
    before = unmerged.read_text()
    assert ck("task", "start", "T001")[0] == 0 and ck("task", "done", "T001")[0] == 0
    unmerged.write_text(unmerged.read_text().replace("[ ] T002", "[x] T002"))
    code, answer, _ = ck("session-resume", "--json")
    assert code == 0 and answer["data"]["progress"] == {"done": 2, "total": 2}
    assert answer["data"]["next_command"] == "craftkit task list"
    (note,) = answer["data"]["attention"]
    assert note["code"] == "conflict_markers" and "lines 26 to 30" in note["message"]
    assert unmerged.read_text() == before.replace("[ ] T001", "[x] T001").replace(
        "[ ] T002", "[x] T002"
    )
    assert "a merge conflict holds T003 (lines 26 to 30)" in ck("task", "next")[1]
    assert ck("task", "add", "Four")[0] == 0 and "- [ ] T004 Four\n<<<<<<< HEAD\n" in (
        unmerged.read_text()
    )


def test_a_task_is_the_same_before_and_after_a_merge_conflict(unmerged: Path, ck: Ck) -> None:
    text = unmerged.read_bytes()
    assert ck("task", "start", "T002")[0] == 0
    unmerged.write_bytes(text.replace(OURS + THEIRS, b"- [ ] T003 Three more\n"))
    code, answer, _ = ck("spec", "update", "--json")
    assert code == 0 and answer["data"]["new"] == answer["data"]["removed"] == []
    assert [t["key"] for t in answer["data"]["changed"]] == ["T003"]


def test_what_is_in_progress_stays_so_while_its_line_is_in_a_conflict(spec: Path, ck: Ck) -> None:
    assert ck("task", "start", "T003")[0] == 0
    before = spec.read_bytes()
    spec.write_bytes(before.replace(b"- [ ] T003 Three\n", OURS + THEIRS))
    code, answer, _ = ck("session-resume", "--json")
    assert code == 0 and answer["data"]["repaired"] == []
    spec.write_bytes(before)
    assert states(ck)["T003"] == "in_progress"


def test_i15_a_deleted_database_is_rebuilt(repo: Path, spec: Path, ck: Ck) -> None:
    ck("task", "done", "T001")
    before = spec.read_bytes()
    for path in state_of(repo).glob("craftkit.db*"):
        path.unlink()
    code, answer, _ = ck("session-resume", "--json")
    assert code == 0 and answer["data"]["progress"] == {"done": 1, "total": 3}
    assert answer["data"]["attention"] == [] and answer["data"]["repaired"] == []
    assert states(ck) == {"T001": "done", "T002": "todo", "T003": "todo"}
    assert spec.read_bytes() == before
    assert ck("task", "done", "T002")[0] == 0


def test_a_damaged_database_is_one_sentence_and_is_repaired(repo: Path, spec: Path, ck: Ck) -> None:
    ck("task", "done", "T001")
    for path in state_of(repo).glob("craftkit.db-*"):
        path.unlink()
    database(repo).write_bytes(b"this is not a database at all, and long enough to notice" * 200)
    for command in (("status",), ("task", "list"), ("task", "done", "T002")):
        code, out, err = ck(*command)
        assert code == 1 and out == ""
        assert len(err.strip().split("\n")) == 2
        assert "is damaged" in err and "hint: run `craftkit doctor --fix`" in err
    assert ck("doctor")[0] == 1
    code, answer, _ = ck("doctor", "--fix", "--json")
    assert code == 0 and answer["data"]["healthy"]
    assert list(state_of(repo).glob("craftkit.db.damaged-*"))
    assert states(ck) == {"T001": "done", "T002": "todo", "T003": "todo"}
    assert ck("doctor")[0] == 0


def test_a_newer_database_is_left_alone(repo: Path, spec: Path, ck: Ck) -> None:
    with sqlite3.connect(database(repo)) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = spec.read_bytes()
    code, answer, _ = ck("task", "done", "T001", "--json")
    assert code == 2 and problem(answer)["code"] == "database_newer"
    assert "upgrade" in problem(answer)["hint"]
    assert spec.read_bytes() == before
    ck("doctor", "--fix")
    connection = sqlite3.connect(database(repo))
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 99
    connection.close()


def test_crlf_and_bom_survive_a_tick(repo: Path, ck: Ck) -> None:
    path = write_spec(repo, "wide", "- [ ] T001 一つ", "- [ ] T002 Two  ")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    ck("init")
    before = path.read_bytes()
    assert ck("task", "done", "T001")[0] == 0
    after = path.read_bytes()
    differing = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert len(differing) == 1 and after[differing[0] : differing[0] + 1] == b"x"


def test_a_box_ticked_by_hand_is_completed(spec: Path, ck: Ck) -> None:
    ck("task", "start", "T002")
    spec.write_bytes(spec.read_bytes().replace(b"[ ] T002", b"[x] T002").replace(b"[-]", b"[x]"))
    before = spec.read_bytes()
    code, answer, _ = ck("session-resume", "--json")
    assert code == 0
    repaired = [r for r in answer["data"]["repaired"] if r["code"] == "box_ticked"]
    assert len(repaired) == 1 and "T002" in repaired[0]["message"]
    assert answer["data"]["current"] is None and spec.read_bytes() == before
    assert ck("session-resume", "--json")[1]["data"]["repaired"] == []
    _, answer, _ = ck("history", "--json")
    assert [e["event"] for e in answer["data"]["events"]].count("task.done") == 1


def test_a_box_opened_by_hand_needs_a_person(spec: Path, ck: Ck) -> None:
    ck("task", "done", "T001")
    spec.write_bytes(spec.read_bytes().replace(b"[x] T001", b"[ ] T001"))
    _, answer, _ = ck("session-resume", "--json")
    assert [a["code"] for a in answer["data"]["attention"]] == ["box_open_again"]
    assert ck("task", "reopen", "T001")[0] == 0
    assert ck("status", "--json")[1]["data"]["attention"] == []


def test_a_dependency_cycle_is_named(repo: Path, ck: Ck) -> None:
    lines = ("- [ ] T001 One (depends on T002)", "- [ ] T002 Two (depends on T001)")
    write_spec(repo, "ring", *lines, "- [ ] T003 Three")
    ck("init")
    _, answer, _ = ck("status", "--json")
    found = [a for a in answer["data"]["attention"] if a["code"] == "dependency_cycle"]
    assert found and "T001" in found[0]["message"] and "T002" in found[0]["message"]
    assert ck("task", "next", "--json")[1]["data"]["next"]["key"] == "T003"


def test_not_set_up(repo: Path, ck: Ck) -> None:
    for command in (("status",), ("task", "list"), ("session-resume",), ("history",)):
        code, answer, _ = ck(*command, "--json")
        assert code == 2 and problem(answer)["code"] == "not_set_up"
        assert "craftkit init" in problem(answer)["hint"]
    assert not (repo / ".craftkit").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("task", "start"),
        ("task", "frob"),
        ("frob",),
        ("task", "list", "--frob"),
        ("history", "--limit", "many"),
    ],
)
def test_a_usage_error_is_one_envelope(repo: Path, ck: Ck, command: tuple[str, ...]) -> None:
    code, answer, err = ck(*command, "--json")  # the helper parses all of stdout
    assert code == 2 and problem(answer)["code"] == "usage" and err == ""
    assert set(answer) == {"schema_version", "ok", "command", "data", "diagnostics"}


def test_the_brief_keeps_to_its_limit(repo: Path, ck: Ck) -> None:
    write_spec(repo, "big", *(f"- [ ] T{n:03d} {'長い' * 60} task" for n in range(1, 60)))
    ck("init")
    ck("task", "start", "T001")
    for options, limit in (
        ((), BRIEF_TOKENS),
        (("--brief",), SHORT_TOKENS),
        (("--max-tokens", "40"), 40),
        (("--max-tokens", "20"), 20),
    ):
        code, answer, _ = ck("session-resume", *options, "--json")
        assert code == 0 and 0 < tokens(answer["data"]["brief"]) <= limit
    assert tokens(ck("session-resume", "--brief")[1].rstrip("\n")) <= SHORT_TOKENS


def test_the_brief_names_progress_and_command(spec: Path, ck: Ck) -> None:
    ck("task", "done", "T001")
    out = ck("session-resume", "--brief")[1]
    assert "1/3" in out and "craftkit task start T002" in out


def test_a_linked_worktree_shares_the_state(repo: Path, spec: Path, ck: Ck) -> None:
    subprocess.run(["git", "-C", str(repo), "add", "specs"], check=True)
    subprocess.run(["git", "-C", str(repo), "commit", "-qm", "spec"], check=True)
    other = repo.parent / "other"
    add = ["git", "-C", str(repo), "worktree", "add", "-q", str(other), "-b", "side"]
    subprocess.run(add, check=True, capture_output=True)
    assert ck("task", "start", "T001")[0] == 0
    code, answer, _ = ck("task", "start", "T001", "--json", cwd=other, CRAFTKIT_SESSION="s2")
    assert code == 6 and "s1" in problem(answer)["message"]
    before = spec.read_bytes()
    assert ck("task", "done", "T002", cwd=other, CRAFTKIT_SESSION="s2")[0] == 0
    assert b"[x] T002" in (other / "specs/login.md").read_bytes()
    assert spec.read_bytes() == before
    assert not (database_of(other)).exists()


def test_works_in_a_sub_directory(repo: Path, spec: Path, ck: Ck) -> None:
    below = repo / "src" / "deep"
    below.mkdir(parents=True)
    assert ck("task", "done", "T001", cwd=below)[0] == 0
    assert b"[x] T001" in spec.read_bytes()
    code, answer, _ = ck("spec", "show", "--spec", "../../specs/login.md", "--json", cwd=below)
    assert code == 0 and answer["data"]["spec"]["id"] == "login"
    assert not (below / ".craftkit").exists()


@posix
def test_state_is_private(repo: Path, ck: Ck) -> None:
    ck("init", umask=0)
    ck("spec", "new", "Login", "--task", "One", umask=0)
    ck("task", "done", "T001", umask=0)
    state = state_of(repo)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for path in state.glob("craftkit.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert (
        subprocess.run(
            ["git", "-C", str(repo), "status", "--porcelain", "-uall"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.count("craftkit.db")
        == 0
    )


def test_history_is_append_only(repo: Path, spec: Path, ck: Ck) -> None:
    ck("task", "done", "T001")
    connection = sqlite3.connect(database(repo), isolation_level=None)
    for statement in ("update history set event = 'x'", "delete from history"):
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_machine_output_is_alone_on_stdout(spec: Path, ck: Ck) -> None:
    for command in (("status",), ("spec", "list"), ("history",), ("doctor",), ("process", "list")):
        code, answer, err = ck(*command, "--json")
        assert code == 0 and answer["ok"] and err == "", command
        assert answer["command"] == " ".join(command)
        json.dumps(answer)


def test_commands_for_a_spec_that_is_not_the_active_one_name_it(ck: Ck, spec: Path) -> None:
    """The other spec has the same keys: without its name, a command would finish the wrong task."""
    ck("task", "start", "T001")
    assert ck("spec", "new", "Other", "--task", "Uno", "--task", "Due")[0] == 0
    assert "next         craftkit task done T001 --spec login" in ck("status", "--spec", "login")[1]
    code, _, err = ck("task", "start", "T002", "--spec", "login")
    assert code != 0 and "`craftkit task done T001 --spec login`" in err
    _, out, _ = ck("session-resume")
    assert "Spec other" in out and "Next: `craftkit task start T001`" in out
    assert "Also in progress: T001 of login: `craftkit session-resume --spec login`" in out
    assert ck("task", "start", "T001", "--spec", "login")[0] == 0  # the work is on it again
    assert "Spec login" in ck("session-resume")[1]


def test_a_spec_that_is_away_for_a_while_is_named(ck: Ck, spec: Path) -> None:
    ck("spec", "new", "Other", "--task", "Uno")
    ck("task", "start", "T001", "--spec", "login")
    away = spec.rename(spec.with_suffix(".away"))
    _, out, err = ck("session-resume")
    assert "Also in progress: T001 of login" in out + err or "login" in err
    away.rename(spec)
    assert "Also in progress: T001 of login" in ck("session-resume", "--spec", "other")[1]
