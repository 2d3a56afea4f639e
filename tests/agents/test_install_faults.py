"""`agents install` where something is in its way: whole or not at all, and it says why."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sampling
from installing import AGENTS, Place
from places import state_of, switch_on

from craftkit.agents import installer, jsontext
from craftkit.cli import main
from craftkit.store import private

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65534
NAMES = ("repo", "home", "bin")
SETTINGS = ".claude/settings.json"


def run(place: Place, verb: str, *agents: str, scope: str = "project", more: Any = ()) -> Any:
    words = [word for agent in agents for word in ("--agent", agent)]
    code, answer, _ = place("agents", verb, *words, "--scope", scope, *more, "--json")
    return code, answer["data"], answer["diagnostics"]


def settle(place: Place) -> dict[str, Any]:
    return {k: v for k, v in place.everything().items() if not k.endswith("agents.lock")}


def hooks(place: Place, event: str) -> list[Any]:
    found = jsontext.parse((place.repo / SETTINGS).read_text()).value["hooks"][event]
    assert isinstance(found, list)
    return found


# Files that cannot be understood


@pytest.mark.parametrize(
    ("agent", "path", "text", "line"),
    [
        ("claude", SETTINGS, '{\n  "a": 1\n  "b": 2\n}', 3),
        ("claude", SETTINGS, "[]", 1),
        ("claude", SETTINGS, '{\n  "hooks": []\n}', 2),
        ("claude", SETTINGS, '{"hooks":\n {"Stop": {}}}', 2),
        ("claude", ".mcp.json", '{\n\n"mcpServers": "x"}', 3),
        ("claude", SETTINGS, "{\n/* no end", 2),
        ("codex", ".codex/config.toml", 'a = 1\nb = "\n', 2),
        ("codex", ".codex/config.toml", "mcp_servers = {}\n", 1),
        ("codex", ".codex/hooks.json", "nonsense", 1),
        ("gemini", ".gemini/settings.json", "<<<<<<< HEAD\n{}", 1),
        ("opencode", "opencode.json", '{"mcp": 1}', 1),
        ("cursor", ".cursor/mcp.json", "{'a': 1}", 1),
    ],
)
def test_unparsable(place: Place, agent: str, path: str, text: str, line: int) -> None:
    file = place.write("project", path, text.encode())
    before = settle(place)
    for verb in ("install", "list"):
        code, data, notes = run(place, verb, agent)
        assert code == 1 and notes[0]["code"] == "bad_file", verb
        assert f"{path} line {line}: " in notes[0]["message"] and notes[0]["hint"]
        assert notes[0]["target"] == f"{path}:{line}"
        assert settle(place) == before
    other = "gemini" if agent != "gemini" else "claude"
    code, data, notes = run(place, "install", agent, other)
    assert code == 1 and [one["ok"] for one in data["agents"]] == [False, True]
    file.unlink()
    assert run(place, "install", agent)[0] == 0


def test_a_file_that_is_no_text(place: Place) -> None:
    place.write("project", "AGENTS.md", "# Rules\n".encode("utf-16"))
    before = settle(place)
    code, _, notes = run(place, "install", "codex")
    assert code == 1 and "UTF-8" in notes[0]["message"] and settle(place) == before


def test_bytes_that_are_not_utf8_stay(place: Place) -> None:
    old = b"caf\xe9 // \xff\n"
    place.write("project", "AGENTS.md", old)
    assert run(place, "install", "codex")[0] == 0
    assert (place.repo / "AGENTS.md").read_bytes().startswith(old)
    run(place, "remove", "codex")
    assert (place.repo / "AGENTS.md").read_bytes() == old


def test_a_damaged_manifest(place: Place) -> None:
    assert run(place, "install", "claude")[0] == 0
    file = state_of(place.repo) / "agents.json"
    for text in ("", "{}", "[]", '{"schema_version": 9}', '{"schema_version": 1, "pieces": 3}'):
        file.write_text(text)
        for verb in ("install", "remove", "update", "list"):
            code, _, notes = run(place, verb, "claude")
            assert code in (1, 2) and notes[0]["hint"], (text, verb)
    file.unlink()
    assert run(place, "install", "claude")[0] == 0


# Places that cannot be written


@pytest.mark.parametrize("name", [".claude", "CLAUDE.md", SETTINGS, ".git/craftkit/agents.json"])
@pytest.mark.parametrize("dangling", [False, True])
def test_symlinks_are_not_followed(place: Place, name: str, dangling: bool) -> None:
    away = place.top / "away"
    if not dangling and name == ".claude":
        away.mkdir()
    elif not dangling:
        away.write_text("{}")
    (place.repo / name).parent.mkdir(exist_ok=True)
    (place.repo / name).symlink_to(away)
    before = settle(place), away.exists() and away.is_file() and away.read_text()
    code, _, notes = run(place, "install", "claude")
    assert code == 1 and notes[0]["code"] == "unsafe_path" and "symlink" in notes[0]["message"]
    assert (settle(place), away.exists() and away.is_file() and away.read_text()) == before


def test_instructions_that_lead_to_each_other(place: Place) -> None:
    place.write("project", "AGENTS.md", b"# Rules\n")
    for name in ("CLAUDE.md", "GEMINI.md"):
        (place.repo / name).symlink_to("AGENTS.md")
    before = settle(place)
    assert run(place, "install", "all")[0] == 0
    assert (place.repo / "AGENTS.md").read_text().count("craftkit:begin") == 1
    assert (place.repo / "CLAUDE.md").is_symlink()
    run(place, "remove", "all")
    assert settle(place) == before


def test_claude_without_instructions_of_its_own(place: Place) -> None:
    place.write("project", "AGENTS.md", b"# Rules\n")
    assert run(place, "install", "claude")[0] == 0
    assert not (place.repo / "CLAUDE.md").exists()  # it would hide AGENTS.md
    place.write("project", "CLAUDE.md", b"Mine.\n")
    assert run(place, "update", "claude")[0] == 0
    assert (place.repo / "AGENTS.md").read_bytes() == b"# Rules\n"
    assert b"craftkit:begin" in (place.repo / "CLAUDE.md").read_bytes()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", [".claude", ".", ".git/craftkit"])
def test_a_read_only_folder(open_place: Place, name: str) -> None:
    place = open_place
    for verb in ("install", "remove"):  # which loads all that it takes
        run(place, verb, "claude")
    place.write("project", SETTINGS, b"{}")
    give_away(place)
    before = settle(place)
    (place.repo / name).chmod(0o555)
    code, text = as_nobody(place)
    (note,) = json.loads(text)["diagnostics"]
    assert code == 1 and note["code"] == "cannot_write" and "Permission denied" in note["message"]
    assert settle(place) == before
    (place.repo / name).chmod(0o755)
    assert as_nobody(place)[0] == 0


def as_nobody(place: Place) -> tuple[int, str]:
    """Install in a forked child, which needs to load nothing: nobody may read no libraries."""
    said = place.top / "bin/said"
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.dup2(os.open(said, os.O_RDWR | os.O_CREAT | os.O_TRUNC), 1)
            sys.stdout = os.fdopen(1, "w")
            if IS_ROOT:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.chdir(place.repo)
            os.environ.update(place.env())
            code = main(["agents", "install", "--agent", "claude", "--json"])
            sys.stdout.flush()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.read_text()


def give_away(place: Place) -> None:
    """Root may write anywhere, so that somebody else has to be it, and has switched it on."""
    for path in [place.top, *place.top.rglob("*")]:
        if IS_ROOT:
            os.chown(path, NOBODY, NOBODY)
    switch_on(place.repo)


@pytest.fixture
def open_place(place: Place) -> Iterator[Place]:
    """The place, where other users come to as well."""
    top = Path(tempfile.mkdtemp(prefix="craftkit-test-")).resolve()
    top.chmod(0o755)
    try:
        for name in ("repo", "home", "bin"):
            shutil.move(place.top / name, top / name)
        place.top, place.repo, place.home, place.bin = top, *(top / n for n in NAMES)
        yield place
    finally:
        for folder in [top, *(p for p in top.rglob("*") if p.is_dir())]:
            folder.chmod(0o755)
        shutil.rmtree(top)


@pytest.mark.parametrize(("agent", "scope"), sampling.some(product(AGENTS, ["project", "user"]), 4))
def test_a_write_that_fails_takes_the_others_back(
    place: Place, monkeypatch: pytest.MonkeyPatch, agent: str, scope: str
) -> None:
    """At each write in turn, as a read-only folder or a full disk would."""
    before, whole = settle(place), private._write
    for fatal in range(40):
        count = iter(range(1000))

        def failing(folder: Any, name: str, data: bytes, mode: int, _count: Any = count) -> None:
            number = next(_count)
            if number == fatal and name != ".gitignore":  # noqa: B023
                raise PermissionError(13, "Permission denied")
            whole(folder, name, data, mode)

        monkeypatch.setattr(private, "_write", failing)
        code, _, notes = run(place, "install", agent, scope=scope)
        monkeypatch.setattr(private, "_write", whole)
        if code == 0:
            break
        assert notes[0]["code"] == "cannot_write" and "Permission denied" in notes[0]["message"]
        assert settle(place) == before, fatal
    assert fatal > 2
    run(place, "remove", agent, scope=scope)
    assert settle(place) == before


def test_a_file_that_changes_meanwhile(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.write("project", "CLAUDE.md", b"Mine.\n")
    before, record = settle(place), installer._record

    def racing(*words: Any) -> Any:
        file.write_bytes(b"Mine, and more.\n")
        return record(*words)

    monkeypatch.setattr(installer, "_record", racing)
    code, _, notes = run(place, "install", "claude")
    assert code == 1 and notes[0]["code"] == "file_changed"
    assert settle(place) == before | {"repo/CLAUDE.md": b"Mine, and more.\n"}


def test_modes_stay(place: Place) -> None:
    file = place.write("project", SETTINGS, b"{}")
    file.chmod(0o600)
    run(place, "install", "claude")
    assert file.stat().st_mode & 0o777 == 0o600


# Others' hooks, and hooks by hand


def test_hooks_of_others_stay(place: Place) -> None:
    """Beside ours, and in the entry that is ours."""
    foreign = {"hooks": [{"type": "command", "command": "./mine.sh"}]}
    place.write("project", SETTINGS, json.dumps({"hooks": {"Stop": [foreign]}}).encode())
    run(place, "install", "claude")
    assert hooks(place, "Stop")[0] == foreign and len(hooks(place, "Stop")) == 2
    file = place.repo / SETTINGS
    loaded = json.loads(file.read_text())
    loaded["hooks"]["Stop"][1]["hooks"].append({"type": "command", "command": "./too.sh"})
    file.write_text(json.dumps(loaded, indent=4))
    mine = file.read_bytes()
    code, _, notes = run(place, "remove", "claude")
    assert code == 0 and notes[0]["code"] == "changed_by_user"
    assert b"craftkit-hook stop" in file.read_bytes() and b"session-start" not in file.read_bytes()
    file.write_bytes(mine)
    run(place, "install", "claude")
    run(place, "remove", "claude", more=["--force"])
    commands = [h["command"] for group in hooks(place, "Stop") for h in group["hooks"]]
    assert commands == ["./mine.sh", "./too.sh"] and b"craftkit" not in file.read_bytes()


def test_a_client_that_writes_its_settings_anew(place: Place) -> None:
    """Another layout is not a change by the user."""
    place.write("project", SETTINGS, b'{"a": 1}')
    run(place, "install", "claude")
    file = place.repo / SETTINGS
    file.write_text(json.dumps(json.loads(file.read_text()) | {"b": 2}, indent=3))
    rows = run(place, "list", "claude")[1]["agents"]
    assert rows[0]["state"] == "installed"
    run(place, "remove", "claude")
    assert json.loads(file.read_text()) == {"a": 1, "b": 2}


def test_hooks_that_somebody_wrote_by_hand_are_not_doubled(place: Place) -> None:
    entry = {"hooks": [{"type": "command", "command": "craftkit-hook session-start"}]}
    place.write("project", SETTINGS, json.dumps({"hooks": {"SessionStart": [entry]}}).encode())
    code, _, notes = run(place, "install", "claude")
    assert code == 0 and notes[0]["code"] == "changed_by_user"
    assert "session-start" in notes[0]["message"] and hooks(place, "SessionStart") == [entry]
    run(place, "install", "claude", more=["--force"])
    (only,) = hooks(place, "SessionStart")
    assert only["hooks"][0]["command"].startswith("command -v craftkit-hook")


def test_a_file_of_ours_that_others_wrote_into(place: Place) -> None:
    run(place, "install", "cursor")
    file = place.repo / ".cursor/hooks.json"
    loaded = json.loads(file.read_text())
    loaded["hooks"]["stop"].append({"command": "./mine.sh"})
    file.write_text(json.dumps(loaded))
    run(place, "remove", "cursor")
    assert json.loads(file.read_text()) == {
        "version": 1,
        "hooks": {"stop": [{"command": "./mine.sh"}]},
    }
    assert not (place.repo / ".cursor/mcp.json").exists()


def test_text_behind_the_pointer(place: Place) -> None:
    place.write("project", "AGENTS.md", b"# Rules\n")
    run(place, "install", "codex")
    file = place.repo / "AGENTS.md"
    file.write_bytes(file.read_bytes() + b"\nMore.\n")
    run(place, "remove", "codex")
    assert file.read_bytes() == b"# Rules\n\nMore.\n"


def test_force_takes_what_nobody_remembers(place: Place) -> None:
    before = settle(place)
    run(place, "install", "claude")
    (state_of(place.repo) / "agents.json").unlink()
    skill = place.repo / ".claude/skills/craftkit/SKILL.md"
    skill.write_text("mine")
    assert run(place, "remove", "claude")[2][0]["code"] == "changed_by_user"
    assert skill.read_text() == "mine"
    assert run(place, "remove", "claude", more=["--force"])[2] == []
    left = {k: v for k, v in settle(place).items() if isinstance(v, bytes)}
    empty = {"repo/.claude/settings.json", "repo/.mcp.json", "repo/CLAUDE.md"}
    assert {k for k in left if k not in before} <= empty
    assert not any(b"craftkit" in left[k] for k in left if k in empty)


# At the same time


def test_two_installs_at_once(place: Place) -> None:
    before = settle(place)
    for _ in range(2):
        running = [
            place.spawn("agents", "install", "--agent", agent, "--scope", scope)
            for agent in ("claude", "gemini", "all")
            for scope in ("project", "user")
        ]
        for process in running:
            assert process.communicate(timeout=300)[1].count("Traceback") == 0
            assert process.returncode == 0
        for scope in ("project", "user"):
            rows = run(place, "list", scope=scope)[1]["agents"]
            assert {row["state"] for row in rows} == {"installed"}
            assert run(place, "remove", "all", scope=scope)[0] == 0
        assert settle(place) == before


def killed_at(place: Place, verb: str, number: int) -> bool:
    """Kill a command before the file that it writes or removes as the `number`th; if there is one.

    The command runs in a forked child, which cannot end in any other way than by itself.
    """
    pid = os.fork()
    if pid == 0:
        count = itertools.count(1)

        def stop(name: str) -> None:
            real = getattr(os, name)

            def call(*args: Any, **more: Any) -> Any:
                if next(count) == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **more)

            setattr(os, name, call)

        code = 99
        try:
            for name in ("replace", "unlink", "rmdir"):
                stop(name)
            code = place("agents", verb, "--agent", "all")[0]
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code == -signal.SIGKILL


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("verb", ["install", "remove"])
def test_a_kill_in_between(place: Place, verb: str) -> None:
    """What is left can be installed, and taken away again without a rest."""
    place.write("project", SETTINGS, b'{"a": {}}\n')
    before, kills = settle(place), 0
    for number in (1, 2, 5, 12, 1000):
        if verb == "remove":
            assert run(place, "install", "all")[0] == 0
        kills += killed_at(place, verb, number)
        for path in place.repo.rglob("*.tmp"):
            path.unlink()
        assert run(place, "install", "all")[0] == 0
        assert run(place, "remove", "all")[0] == 0
        assert all(before[name] == data for name, data in settle(place).items() if name in before)
        rest = {k: v for k, v in settle(place).items() if k not in before}
        assert not any(isinstance(data, bytes) for data in rest.values()), rest
    assert kills == 4  # and the thousandth file is never reached


def test_linked_worktrees_have_files_of_their_own(place: Place) -> None:
    import subprocess

    who = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    git = ["git", "-C", str(place.repo), *who]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    other = place.top / "other"
    subprocess.run([*git, "worktree", "add", "-q", str(other)], check=True, capture_output=True)
    manifest = place.repo / ".git/worktrees/other/craftkit/agents.json"
    before = settle(place)
    assert place("agents", "install", "--agent", "claude", cwd=other)[0] == 0
    assert (other / SETTINGS).is_file() and manifest.is_file()
    assert settle(place) == before
    assert place("agents", "remove", cwd=other)[0] == 0
    assert not (other / ".claude").exists() and not (other / "CLAUDE.md").exists()
