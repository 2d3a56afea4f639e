"""I12: what exit 0 promises is on the disk, in the right order, before anybody is told."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from places import state_of

from craftkit.digests import sha256
from craftkit.specs import files
from craftkit.store import db, spool

TEXT = b"## Tasks\n\n- [ ] T001 One\n"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What reaches the disk, and the names that are given, in order."""
    seen: list[str] = []

    def watch(name: str, label: Any) -> None:
        real = getattr(os, name)

        def call(*args: Any, **more: Any) -> Any:
            seen.append(label(*args))
            return real(*args, **more)

        monkeypatch.setattr(os, name, call)

    def kind(descriptor: int) -> str:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        return "sync folder" if folder else "sync file"

    watch("fsync", kind)
    for name in ("rename", "replace", "link"):
        watch(name, lambda *_: "name")
    real = files.exchange

    def exchange(*args: Any) -> Any:
        seen.append("name")
        return real(*args)

    monkeypatch.setattr(files, "exchange", exchange)
    return seen


def test_i12_a_box_is_on_the_disk_before_its_file_has_its_name(
    tmp_path: Path, calls: list[str]
) -> None:
    (tmp_path / "a.md").write_bytes(TEXT)
    files.replace(str(tmp_path), "a.md", sha256(TEXT), TEXT.replace(b"[ ]", b"[x]"))
    first_name = calls.index("name")
    assert "sync file" in calls[:first_name] and calls[-1] == "sync folder"


def test_i12_a_new_spec_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, calls: list[str]
) -> None:
    files.create(str(tmp_path), "specs/a.md", TEXT)
    first_name = calls.index("name")
    assert "sync file" in calls[:first_name] and calls[-1] == "sync folder"


def test_i12_a_spooled_decision_is_on_the_disk(tmp_path: Path, calls: list[str]) -> None:
    entry = spool.Entry("a", "done", "demo", "T001", "specs/demo.md", "s1", "2026-01-01")
    spool.write(str(tmp_path), entry, spool.Seal(bytes(32), "c", "."))
    name = calls.index("name")
    assert calls[name - 1] == "sync file" and calls[name + 1 :] == ["sync folder"] * 2


def test_i12_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    store = db.open_store(str(state_of(tmp_path)))
    assert store.value("pragma synchronous") == 2  # FULL: each commit is synced
    assert store.value("pragma journal_mode") == "truncate"
    with store.hasty():
        assert store.value("pragma synchronous") == 1
    assert store.value("pragma synchronous") == 2
