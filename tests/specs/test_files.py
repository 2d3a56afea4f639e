"""I7: a file is replaced whole or not at all, and nobody's save is lost."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest

from craftkit import folders
from craftkit.digests import sha256
from craftkit.errors import CannotRead, CannotWrite, FileChanged, UnsafePath, UsageProblem
from craftkit.specs import _exchange, discovery, files

DEAD = 4194999  # above the highest process number that Linux gives
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
    return sha256(data)


def left_over(root: Path) -> list[str]:
    return [p.name for p in root.rglob("*craftkit-*")]


def rescued_in(root: Path) -> list[bytes]:
    return [p.read_bytes() for p in sorted(root.rglob("craftkit-rescued-*.txt"))]


def temp_name(old: bytes, new: bytes, pid: int = DEAD, number: int = 0) -> str:
    digests = f"{sha256(old)[:12]}-{sha256(new)[:12]}"
    return f".craftkit-{pid}-{number:016x}-{digests}.tmp"


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
        files.replace(str(tmp_path), "a.md", sha256(b"other"), b"new")
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
    if folders._HANDLES is False or _exchange._function() is None:
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


@posix
@pytest.mark.parametrize(
    "failure",
    [OSError(5, "Input/output error"), KeyboardInterrupt(), None],
    ids=["refused", "interrupted", "no longer supported"],
)
def test_a_save_that_cannot_be_put_back_is_in_sight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException | None
) -> None:
    if not folders._HANDLES or _exchange._function() is None:
        pytest.skip("no atomic exchange here")
    real, told, calls = _exchange.exchange, [], 0
    digest = put(tmp_path, "specs/a.md")

    def racing(fd: int | None, one: str, other: str) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            (tmp_path / "editor").write_bytes(b"save")
            os.replace(tmp_path / "editor", tmp_path / "specs/a.md")
            return real(fd, one, other)
        if failure is not None:
            raise failure
        return False

    monkeypatch.setattr(files, "exchange", racing)
    with pytest.raises((FileChanged, CannotWrite, KeyboardInterrupt)):
        files.replace(str(tmp_path), "specs/a.md", digest, b"new", told.append)
    assert (tmp_path / "specs/a.md").read_bytes() == b"new"
    assert rescued_in(tmp_path) == [b"save"] and len(left_over(tmp_path)) == 1
    assert [(tmp_path / path).read_bytes() for path in told] == [b"save"]
    assert discovery.discover(str(tmp_path)) == ["specs/a.md"]


@posix
@pytest.mark.parametrize("links", [True, False])
def test_a_target_that_is_removed_gets_the_last_save_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not folders._HANDLES or _exchange._function() is None:
        pytest.skip("no atomic exchange here")
    real, told = _exchange.exchange, []
    digest = put(tmp_path, "a.md")

    def racing(fd: int | None, one: str, other: str) -> bool:
        if (tmp_path / "a.md").read_bytes() == b"new":
            os.unlink(tmp_path / "a.md")
        else:
            (tmp_path / "editor").write_bytes(b"save")
            os.replace(tmp_path / "editor", tmp_path / "a.md")
        return real(fd, one, other)

    def no_links(*args: object, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(files, "exchange", racing)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(FileChanged):
        files.replace(str(tmp_path), "a.md", digest, b"new", told.append)
    assert (tmp_path / "a.md").read_bytes() == b"save"
    assert (tmp_path / "a.md").stat().st_nlink == 1
    assert left_over(tmp_path) == told == []


@posix
def test_sweep_clears_what_the_dead_left(tmp_path: Path) -> None:
    put(tmp_path, f"specs/.craftkit-{DEAD}-{'0' * 16}.part", b"hal")
    put(tmp_path, f"specs/{temp_name(b'old', b'new', number=1)}", b"old")
    put(tmp_path, f"specs/{temp_name(b'old', b'new', number=2)}", b"new")
    told: list[str] = []
    assert files.sweep(str(tmp_path), "specs", told.append) == 3
    assert left_over(tmp_path) == told == []


def test_sweep_spares_the_living_and_the_unknown(tmp_path: Path) -> None:
    names = [
        f".craftkit-{os.getpid()}-{'0' * 16}.part",
        temp_name(b"old", b"new", os.getpid()),
        f".craftkit-{DEAD}-x.tmp",
        f".craftkit-{DEAD}-{'0' * 16}.tmp",
        f".craftkit-{DEAD}-{'0' * 16}.part.md",
    ]
    for name in names:
        put(tmp_path, f"specs/{name}", b"save")
    assert files.sweep(str(tmp_path), "specs") == 0
    assert sorted(left_over(tmp_path)) == sorted(names)
    assert files.sweep(str(tmp_path), "absent") == 0


@posix
def test_sweep_keeps_a_save(tmp_path: Path) -> None:
    """What is neither the old nor the new text gets a name in sight, and overwrites nothing."""
    put(tmp_path, f"specs/craftkit-rescued-{1:016x}.txt", b"another one's")
    put(tmp_path, f"specs/{temp_name(b'old', b'new', number=1)}", b"save 1")
    put(tmp_path, f"specs/{temp_name(b'old', b'new', number=2)}", b"save 2")
    (tmp_path / f"specs/{temp_name(b'old', b'new', number=3)}").symlink_to(tmp_path / "nowhere")
    told: list[str] = []
    assert files.sweep(str(tmp_path), "specs", told.append) == 3
    assert len(told) == 3 and all(os.path.lexists(tmp_path / path) for path in told)
    assert (tmp_path / f"specs/craftkit-rescued-{1:016x}.txt").read_bytes() == b"another one's"
    kept = {p.read_bytes() for p in (tmp_path / "specs").iterdir() if p.is_file()}
    assert kept == {b"another one's", b"save 1", b"save 2"}
    assert [p for p in left_over(tmp_path) if p.startswith(".")] == []
    assert discovery.discover(str(tmp_path)) == []
    assert files.sweep(str(tmp_path), "specs", told.append) == 0 and len(told) == 3


@posix
def test_sweep_leaves_a_restored_save_alone(tmp_path: Path) -> None:
    """Killed between the link that put a save back and the end: the save has its name again."""
    put(tmp_path, "specs/a.md", b"save")
    os.link(tmp_path / "specs/a.md", tmp_path / "specs" / temp_name(b"old", b"new"))
    assert files.sweep(str(tmp_path), "specs") == 1
    assert left_over(tmp_path) == [] and (tmp_path / "specs/a.md").stat().st_nlink == 1


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
    assert discovery.discover(str(tmp_path), ["docs/*.md", "../*.md"]) == wanted


ODD = ("\\", "\n", "\r", "\t", "\x01", "\x1b[31m", "\x7f", "\x9b", "\u202e", "\u200b", "\U000e0041")


@posix
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("shape", ["specs/a{}b.md", "specs/a{}b/tasks.md"])
def test_a_name_that_is_not_seen_as_it_is_is_not_read(tmp_path: Path, odd: str, shape: str) -> None:
    """A path that stands in a list or a command must be the path of the file, and one line."""
    for path in (tmp_path / shape.format(odd), tmp_path / "specs/plain ü.md"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("- [ ] T001 One\n")
    assert discovery.discover(str(tmp_path)) == ["specs/plain ü.md"]
    ((shown, why),) = discovery.misfits(str(tmp_path))
    assert shown.isprintable() and shown.startswith("specs/a") and "control character" in why
