"""Boxes that are not read are said wherever somebody could believe that all is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ck = Callable[..., tuple[int, Any, str]]
posix = pytest.mark.skipif(os.name == "nt", reason="needs symlinks")


def put(repo: Path, path: str, *lines: str) -> Path:
    file = repo / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return file


def keys(ck: Ck, *more: str) -> dict[str, str]:
    code, answer, _ = ck("task", "list", "--json", *more)
    assert code == 0, answer
    return {task["key"]: task["state"] for task in answer["data"]["tasks"]}


def codes(answer: dict[str, Any]) -> list[str]:
    return [note["code"] for note in answer["diagnostics"]]


@pytest.mark.parametrize(
    "line", ["1. **[ ] Tell them**", "### [ ] Tell them", "- [B] Tell them", "- ~~[ ] Tell~~"]
)
def test_open_boxes_that_are_not_read_are_loud(repo: Path, ck: Ck, line: str) -> None:
    assert ck("init")[0] == 0
    path = "specs/001-a/tasks.md"
    put(repo, path, "## Phase 1", "- [x] T001 Build", "", line)
    _, answer, _ = ck("spec", "check", path, "--json")
    notes = answer["data"]["files"][0]["diagnostics"]
    assert [(n["code"], n["target"]) for n in notes] == [("unread_box", f"{path}:4")]
    _, answer, _ = ck("task", "next", "--json")
    assert "unread_boxes" in codes(answer)
    assert "every task is done" not in ck("task", "next")[1]
    for command in ("status", "session-resume"):
        _, answer, _ = ck(command, "--json")
        attention = [note["code"] for note in answer["data"]["attention"]]
        assert attention == ["unread_boxes"], command
    assert ck("spec", "phase", "review")[0] == 0
    code, answer, _ = ck("spec", "phase", "completed", "--json")
    assert code != 0 and "not read as a task" in answer["diagnostics"][0]["message"]
    put(repo, path, "## Phase 1", "- [x] T001 Build", "", "Tell them")
    assert ck("spec", "phase", "completed")[0] == 0


def test_a_whole_is_done_with_its_last_part_and_opened_with_any(repo: Path, ck: Ck) -> None:
    assert ck("init")[0] == 0
    lines = ["- [ ] 1. Store", "- [ ] 1.1 Table", "- [ ] 1.2 Route", "- [ ] 2. Ship"]
    file = put(repo, ".kiro/specs/a/tasks.md", *lines)
    for key in ("1.1", "1.2"):
        assert ck("task", "next", "--json")[1]["data"]["next"]["key"] == key
        assert ck("task", "done", key)[0] == 0
    assert file.read_text().count("[x]") == 3
    assert ck("task", "reopen", "1.2")[0] == 0
    assert keys(ck) == {"1": "todo", "1.1": "done", "1.2": "todo", "2": "todo"}
    assert file.read_text().count("[x]") == 1


def test_a_new_open_part_of_a_whole_that_is_done_is_attention(repo: Path, ck: Ck) -> None:
    assert ck("init")[0] == 0
    put(repo, ".kiro/specs/a/tasks.md", "- [x] 1. Store", "- [x] 1.1 Table")
    assert ck("status")[0] == 0
    put(repo, ".kiro/specs/a/tasks.md", "- [x] 1. Store", "- [x] 1.1 Table", "- [ ] 1.2 Route")
    notes = ck("status", "--json")[1]["data"]["attention"]
    assert [(note["code"], note["task"]) for note in notes] == [("part_open", "1.2")]


@posix
def test_a_folder_of_specs_may_be_a_symlink_inside_the_repository(
    repo: Path, ck: Ck, tmp_path: Path
) -> None:
    assert ck("init")[0] == 0
    file = put(repo, "docs/specs/001-a/tasks.md", "- [ ] T001 One")
    (repo / "specs").symlink_to("docs/specs")
    assert ck("task", "done", "T001")[0] == 0
    assert ck("task", "list", "--spec", "specs/001-a/tasks.md")[0] == 0
    assert "[X] T001" in file.read_text()
    assert len(ck("spec", "list", "--json")[1]["data"]["specs"]) == 1
    (repo / "specs").unlink()
    put(tmp_path, "out/001-b/tasks.md", "- [ ] T001 Not ours")
    (repo / "specs").symlink_to(tmp_path / "out")
    _, answer, _ = ck("spec", "list", "--json")
    assert answer["data"]["specs"] == [] and "not_a_spec" in codes(answer)


@pytest.mark.parametrize(
    "path",
    [
        "frontend/specs/001-a/tasks.md",
        "packages/web/.kiro/specs/a/tasks.md",
        "packages/@acme/web/openspec/changes/a/tasks.md",
        "services/api/.specify/specs/001-a/tasks.md",
        ".specify/specs/001-a/tasks.md",
    ],
)
def test_specs_of_sub_packages(repo: Path, ck: Ck, path: str) -> None:
    assert ck("init")[0] == 0
    put(repo, path, "- [ ] 1. T001 One" if "kiro" in path else "- [ ] T001 One")
    found = ck("spec", "list", "--json")[1]["data"]["specs"]
    assert [spec["path"] for spec in found] == [path]


@pytest.mark.parametrize("folder", ["node_modules/x", "vendor/x", "tests", ".cache", "deep/er/x"])
def test_folders_that_hold_no_specs_of_ours(repo: Path, ck: Ck, folder: str) -> None:
    assert ck("init")[0] == 0
    put(repo, f"{folder}/specs/001-a/tasks.md", "- [ ] T001 One")
    assert ck("spec", "list", "--json")[1]["data"]["specs"] == []


def test_a_document_beside_the_specs_is_none(repo: Path, ck: Ck) -> None:
    assert ck("init")[0] == 0
    put(repo, "specs/001-x/tasks.md", "- [ ] T001 One")
    put(repo, "specs/001-x.md", "# Words", "Nothing to do here.")
    put(repo, "specs/open.md", "# Words", "- [ ] to do")
    found = ck("spec", "list", "--json")[1]["data"]["specs"]
    assert [spec["path"] for spec in found] == ["specs/001-x/tasks.md", "specs/open.md"]
    assert ck("task", "list", "--spec", "001-x")[0] == 0
    assert ck("doctor", "--json")[1]["data"]["checks"]


def test_an_archived_change_counts_as_finished_and_nobody_works_on_it(repo: Path, ck: Ck) -> None:
    assert ck("init")[0] == 0
    put(repo, "openspec/changes/add-x/tasks.md", "- [ ] 1.1 One", "- [ ] 1.2 Two")
    put(repo, "openspec/changes/add-y/tasks.md", "- [ ] 1.1 Other")
    assert ck("task", "start", "1.1", "--spec", "add-x")[0] == 0
    archive = repo / "openspec/changes/archive"
    archive.mkdir()
    (repo / "openspec/changes/add-x").rename(archive / "2026-01-02-add-x")
    code, answer, _ = ck("session-resume", "--json")
    assert code == 0 and answer["data"]["spec"]["id"] == "add-y"
    assert "archived" in codes(answer) and not answer["data"]["elsewhere"]
    data = ck("spec", "list", "--json")[1]["data"]
    assert [spec["id"] for spec in data["specs"]] == ["add-y"]
    assert data["archived"] == ["openspec/changes/archive/2026-01-02-add-x/tasks.md"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp932", "latin-1"])
@pytest.mark.parametrize("words", [("add", "Three"), ("done", "T001"), ("start", "T001")])
def test_a_file_in_another_encoding_is_never_changed(
    repo: Path, ck: Ck, encoding: str, words: tuple[str, str]
) -> None:
    assert ck("init")[0] == 0
    file = put(repo, "specs/001-a/tasks.md", "")
    title = "壁を塗る" if encoding == "cp932" else "Café"
    file.write_bytes(f"## P\r\n- [ ] T001 {title}\r\n- [ ] T002 Two\r\n".encode(encoding))
    before = file.read_bytes()
    assert list(keys(ck)) == ["T001", "T002"]
    code, _, _ = ck("task", *words)
    assert code != 0
    assert file.read_bytes() == before


def test_the_letter_of_the_file_and_keys_that_are_never_given_again(repo: Path, ck: Ck) -> None:
    assert ck("init")[0] == 0
    lines = ["## P", "- [x] T001 One", "- [x] ~~T002~~ No", "- [ ] T003A Three", "- [~] T004 Four"]
    file = put(repo, "specs/001-a/tasks.md", *lines)
    for key in ("T003A", "T004"):
        assert ck("task", "done", key)[0] == 0
    assert ck("task", "add", "Five")[0] == 0
    assert "- [x] T003A Three\n- [x] T004 Four\n- [ ] T005 Five\n" in file.read_text()
