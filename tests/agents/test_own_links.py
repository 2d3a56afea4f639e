"""Settings that lie elsewhere, behind a symlink that a person made in their own home."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path

import pytest
from installing import Place  # type: ignore[import-not-found]
from terminal import shown

from craftkit.agents import detection

OWN = b'{"model": "opus"}\n'


@pytest.fixture
def settings(place: Place) -> Path:
    """Of Claude Code, in the person's dotfiles; `~/.claude` has a link to them."""
    away = place.home / "dotfiles/settings.json"
    away.parent.mkdir()
    away.write_bytes(OWN)
    (place.home / ".claude").mkdir()
    (place.home / ".claude/settings.json").symlink_to(away)
    return away


INSTALL = ("install", "--agent", "claude", "--scope", "user")


def test_without_a_terminal_the_rest_is_written_and_the_link_is_named(
    place: Place, settings: Path
) -> None:
    code, answer, _ = place("agents", *INSTALL, "--json")
    link = str(place.home / ".claude/settings.json")
    (note,) = [n for n in answer["diagnostics"] if n["code"] == "own_symlink"]
    assert code == 0 and link in note["message"] and str(settings) in note["message"]
    assert answer["data"]["agents"][0]["links"] == [link]
    assert settings.read_bytes() == OWN
    assert (place.home / ".claude/skills/craftkit/SKILL.md").is_file()
    # The hint can be pasted, and does what it says.
    hint = note["hint"].split("`")[1].removeprefix("craftkit ").split()
    assert place(*hint)[0] == 0
    assert "craftkit-hook" in settings.read_text() and os.path.islink(link)


def test_a_link_that_is_followed_stays_and_everything_can_be_taken_back(
    place: Place, settings: Path
) -> None:
    before = place.everything()
    settings.chmod(0o640)
    place.agents(*INSTALL, "--follow-links")
    assert json.loads(settings.read_bytes())["model"] == "opus"
    assert json.loads(settings.read_bytes())["hooks"]
    assert settings.stat().st_mode & 0o777 == 0o640
    place.agents("update", "--scope", "user")  # does not follow, and loses no record
    place.agents("remove", "--scope", "user", "--follow-links")
    assert place.everything() == before


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_it_asks(place: Place, settings: Path, answer: str) -> None:
    leader, follower = pty.openpty()
    process = place.spawn("agents", *INSTALL, stdin=follower, stderr=follower)
    os.write(leader, f"{answer}\n".encode())
    process.communicate(timeout=120)
    said = shown(leader, "Write through it?").replace("\r\n", "")
    assert f"{place.home}/.claude/settings.json is a symlink to {settings}." in said
    assert process.returncode == 0
    for end in (leader, follower):
        os.close(end)
    assert (settings.read_bytes() == OWN) == (answer == "n")


@pytest.mark.parametrize("kind", ["dangling", "in a repository"])
def test_other_links_are_not_followed(place: Place, settings: Path, kind: str) -> None:
    words = ["install", "--agent", "claude", "--scope", "user"]
    if kind == "dangling":
        settings.unlink()
    else:
        (place.repo / ".claude").mkdir()
        (place.repo / ".claude/settings.json").symlink_to(settings)
        words[-1] = "project"
    before = place.everything()
    code, answer, _ = place("agents", *words, "--follow-links", "--json")
    assert code == 1 and answer["diagnostics"][0]["code"] == "unsafe_path"
    assert place.everything() == before


@pytest.mark.parametrize("name", [".claude", ".claude/skills", ".claude/settings.json"])
def test_a_link_that_comes_after_the_look_is_not_followed(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Between the look and the writing somebody puts a symlink there."""
    away = place.top / "away"
    away.mkdir()
    (place.repo / name).parent.mkdir(exist_ok=True)
    if name.endswith(".json"):
        (away / "settings.json").write_bytes(OWN)
        away /= "settings.json"
    (place.repo / name).symlink_to(away)
    monkeypatch.setattr(detection, "link_of", lambda where, path: None)  # as it looked before
    place("agents", "install", "--agent", "claude", "--json")
    kept = away.read_bytes() == OWN if away.is_file() else not list(away.iterdir())
    assert kept
