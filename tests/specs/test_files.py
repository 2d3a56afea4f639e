"""I7: a file is replaced whole or not at all, and nobody's save is lost."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest

from craftkit.errors import CannotRead, CannotWrite, FileChanged, UnsafePath, UsageProblem
from craftkit.specs import _exchange, files

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and modes")


@pytest.fixture(params=["exchange", "fallback"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "fallback":
        monkeypatch.setattr(files, "exchange", lambda fd, one, other: False)
    return str(request.param)


def put(root: Path, rel: str, data: bytes = b"old") -> str:
    path = root / rel
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return files.digest_of(data)


def left_over(root: Path) -> list[str]:
    return [p.name for p in root.rglob(".craftkit-*")]


@posix
def test_replace_keeps_the_mode(tmp_path: Path, way: str) -> None:
    digest = put(tmp_path, "specs/a.md")
    os.chmod(tmp_path / "specs/a.md", 0o640)
    files.replace(str(tmp_path), "specs/a.md", digest, b"new")
    assert files.read(str(tmp_path), "specs/a.md") == b"new"
    assert (tmp_path / "specs/a.md").stat().st_mode & 0o777 == 0o640
    assert left_over(tmp_path) == []


def test_a_changed_file_stays(tmp_path: Path, way: str) -> None:
    put(tmp_path, "a.md")
    with pytest.raises(FileChanged):
        files.replace(str(tmp_path), "a.md", files.digest_of(b"other"), b"new")
    assert (tmp_path / "a.md").read_bytes() == b"old" and left_over(tmp_path) == []


@posix
def test_links_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    outside = put(tmp_path, "outside/a.md")
    put(root, "specs/b.md")
    (root / "specs/final.md").symlink_to(tmp_path / "outside/a.md")
    (root / "middle").symlink_to(tmp_path / "outside")
    os.link(tmp_path / "outside/a.md", root / "specs/hard.md")
    os.mkfifo(root / "specs/pipe.md")
    for rel in ("specs/final.md", "middle/a.md", "specs/pipe.md", "specs"):
        with pytest.raises(UnsafePath):
            files.read(str(root), rel)
    for rel in (
        "specs/final.md",
        "middle/a.md",
        "specs/hard.md",
        "../outside/a.md",
        str(tmp_path / "outside/a.md"),
        "specs/../specs/b.md",
        "",
        "a\0b",
    ):
        with pytest.raises(UnsafePath):
            files.replace(str(root), rel, outside, b"new")
    with pytest.raises(UnsafePath):
        files.create(str(root), "middle/new.md", b"x")
    assert (tmp_path / "outside/a.md").read_bytes() == b"old"
    assert os.listdir(tmp_path / "outside") == ["a.md"]


def test_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "big.md", b"x" * 11)
    with pytest.raises(CannotRead, match="does not exist"):
        files.read(str(tmp_path), "none.md")
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    with pytest.raises(CannotRead, match="larger"):
        files.read(str(tmp_path), "big.md")


@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_full_disk_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    digest = put(tmp_path, "a.md")
    real = getattr(os, call)

    def full(*args: object, **more: object) -> object:
        if call != "open" or "craftkit" in str(args[0]):
            raise OSError(28, "No space left on device")
        return real(*args, **more)

    monkeypatch.setattr(os, call, full)
    with pytest.raises(CannotWrite) as caught:
        files.replace(str(tmp_path), "a.md", digest, b"new")
    monkeypatch.undo()
    assert "space" in caught.value.hint
    assert (tmp_path / "a.md").read_bytes() == b"old" and left_over(tmp_path) == []


def test_create(tmp_path: Path) -> None:
    files.create(str(tmp_path), "specs/new.md", b"x")
    assert (tmp_path / "specs/new.md").read_bytes() == b"x"
    with pytest.raises(UsageProblem, match="exists"):
        files.create(str(tmp_path), "specs/new.md", b"y")
    assert (tmp_path / "specs/new.md").read_bytes() == b"x" and left_over(tmp_path) == []


@posix
def test_a_save_in_any_gap_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor saves before the 1st, 2nd, … exchange: the last save always survives."""
    if files._DIR_FD is False or _exchange._function() is None:
        pytest.skip("no atomic exchange here")
    real = _exchange.exchange
    for saves in range(1, 5):
        digest = put(tmp_path, "a.md")
        count = 0

        def racing(fd: int | None, one: str, other: str, limit: int = saves) -> bool:
            nonlocal count
            if count < limit:
                count += 1
                (tmp_path / "editor").write_bytes(b"save %d" % count)
                os.replace(tmp_path / "editor", tmp_path / "a.md")
            return real(fd, one, other)

        monkeypatch.setattr(files, "exchange", racing)
        with pytest.raises(FileChanged):
            files.replace(str(tmp_path), "a.md", digest, b"new")
        assert (tmp_path / "a.md").read_bytes() == b"save %d" % saves
        assert left_over(tmp_path) == []


@posix
def test_i7_a_racing_editor_never_loses_a_save(tmp_path: Path) -> None:
    if _exchange._function() is None:
        pytest.skip("no atomic exchange here")
    path = tmp_path / "a.md"
    for turn in range(200):
        digest = put(tmp_path, "a.md", b"old")
        saved = b"editor %d" % turn
        start = threading.Barrier(2)

        def save(data: bytes = saved, go: threading.Barrier = start) -> None:
            other = tmp_path / "editor.swp"
            other.write_bytes(data)
            go.wait()
            os.replace(other, path)

        editor = threading.Thread(target=save)
        editor.start()
        start.wait()
        with contextlib.suppress(FileChanged):
            files.replace(str(tmp_path), "a.md", digest, b"new")
        editor.join()
        assert path.read_bytes() == saved
        assert left_over(tmp_path) == []


def test_sweep_spares_the_living(tmp_path: Path) -> None:
    put(tmp_path, f"specs/.craftkit-{os.getpid()}-{'0' * 16}.tmp")
    put(tmp_path, f"specs/.craftkit-4194999-{'0' * 16}.tmp")
    put(tmp_path, "specs/.craftkit-4194999-x.tmp")
    assert files.sweep(str(tmp_path), "specs") == (0 if os.name == "nt" else 1)
    assert files.sweep(str(tmp_path), "absent") == 0


def test_discover(tmp_path: Path) -> None:
    wanted = [
        ".cc-craft-kit/specs/a.md",
        ".kiro/specs/f/tasks.md",
        "docs/x.md",
        "openspec/changes/c/tasks.md",
        "specs/001/tasks.md",
        "specs/a.md",
    ]
    for rel in (
        *wanted,
        "specs/README.md",
        "openspec/changes/archive/tasks.md",
        "specs/a.txt",
        "specs/001/spec.md",
    ):
        put(tmp_path, rel)
    if os.name != "nt":
        (tmp_path / "specs/link.md").symlink_to(tmp_path / "specs/a.md")
    assert files.discover(str(tmp_path), ["docs/*.md", "../*.md"]) == wanted
