"""What a repository, a file or a title brings is shown harmless, and never run or waited for."""

from __future__ import annotations

import os
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from craftkit import disk, text
from craftkit import repo as git
from craftkit.automation import install_source
from craftkit.errors import UsageProblem
from craftkit.specs import meta

# One place that reads


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    began = time.monotonic()
    with pytest.raises(OSError):
        disk.read_regular(str(path), 1000)
    assert time.monotonic() - began < 30


def test_a_file_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * 100)
    assert disk.read_regular(str(path), 100) == b"a" * 100
    with pytest.raises(OSError, match="more than 99 bytes"):
        disk.read_regular(str(path), 99)


# YAML

LETTERS = "abcdefghi"
LINES = [f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise(LETTERS)]
BOMB = "a: &a [x,x]\n" + "".join(LINES)


@pytest.mark.parametrize("block", ["a: &x 1\nb: *x\n", "<<: *x\n", "- &a [*a]\n", BOMB])
def test_an_alias_is_refused_before_it_is_expanded(block: str) -> None:
    with pytest.raises(yaml.YAMLError):
        meta.plain_yaml(block)


STARS = ("a: '*x'\n", 'a: "*x*"\n', "a: 2*3\n", "# *x\na: b\n", "a: |\n  *x\n")


@pytest.mark.parametrize("block", STARS)
def test_a_star_is_not_an_alias(block: str) -> None:
    assert isinstance(meta.plain_yaml(block), dict)


# git runs nothing that the repository names


PROGRAM = "#!/bin/sh\ntouch {mark}\ncat\n"


@pytest.fixture
def booby_trapped(tmp_path: Path) -> Path:
    """A repository whose own configuration names a program wherever one may stand."""
    place, program = tmp_path / "repo", tmp_path / "program"
    place.mkdir()
    program.write_text(PROGRAM.format(mark=tmp_path / "RAN"))
    program.chmod(0o755)

    def run(*words: str) -> None:
        who = ("-c", "user.name=T", "-c", "user.email=t@example.org")
        subprocess.run(["git", *who, "-C", str(place), *words], check=True, capture_output=True)

    run("init", "-q", "-b", "main")
    (place / "a.md").write_text("text\n")
    run("add", "-A")
    run("commit", "-qm", "a")
    (place / ".gitattributes").write_text("*.md filter=evil diff=evil\n")
    for name in (
        *("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "core.fsmonitor"),
        *("gpg.program", "gpg.ssh.program", "core.pager", "core.sshCommand", "diff.external"),
        *("diff.evil.textconv", "diff.evil.command", "trailer.Task.cmd", "trailer.Task.command"),
        *("core.editor", "sequence.editor", "credential.helper", "core.askPass"),
    ):
        run("config", name, str(program))
    run("config", "log.showSignature", "true")
    return place


def test_nothing_of_the_repository_runs(booby_trapped: Path, tmp_path: Path) -> None:
    found = git.find(str(booby_trapped))
    assert found is not None
    message = booby_trapped / ".git/COMMIT_EDITMSG"
    message.write_text("words\n")
    assert git.is_as_committed(found, "a.md")
    assert git.is_tracked(found, "a.md") and git.first_day(found, "a.md")
    assert git.branch_with(found, "a.md") == "main" and git.hooks_folder(found)
    assert git.add_trailer(found, str(message), "Task: a/T001")
    assert message.read_text() == "words\n\nTask: a/T001\n"
    (booby_trapped / "a.md").write_text("other\n")
    assert not git.is_as_committed(found, "a.md")
    assert not (tmp_path / "RAN").exists()


def test_line_ends_of_the_worktree_count_as_committed(booby_trapped: Path) -> None:
    found = git.find(str(booby_trapped))
    assert found is not None
    (booby_trapped / "a.md").write_bytes(b"text\r\n")
    assert git.is_as_committed(found, "a.md")


# What is shown


@given(st.text())
def test_a_code_span_is_never_left(words: str) -> None:
    span = text.code_span(words)
    fence = span[: len(span) - len(span.lstrip("`"))]
    inner = span[len(fence) : -len(fence)]
    assert span.endswith(fence) and "\n" not in span
    assert fence not in inner, "nothing inside ends it"
    assert inner.strip() == text.one_line(words)


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_shown_is_visible(words: str) -> None:
    shown = text.visible(words)
    assert not [c for c in shown if 0xE0000 <= ord(c) <= 0xE0FFF or c in "\u200b\u202e\u2066\ufeff"]
    assert text.visible(shown) == shown
    if words.isascii():
        assert shown == words


HARMLESS = ("Grüße", "日本語のタスク", "café ✓ → ½", "🎉 done", "مرحبا", "a\tb\nc")


@pytest.mark.parametrize("words", HARMLESS)
def test_harmless_words_stay(words: str) -> None:
    assert text.visible(words) == words


# Where a workflow installs from


@pytest.mark.parametrize("at", ["@v1.2.3", "@1a2b3c4", "@main#egg=craftkit"])
def test_a_source_with_a_version_is_taken(at: str) -> None:
    url = f"git+https://github.com/octo-dev/craftkit{at}"
    assert install_source.checked(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "git+https://github.com/octo-dev/craftkit",
        "craftkit @ git+https://github.com/octo-dev/craftkit",
        "git+ssh://git@github.com/octo-dev/craftkit",
        "git+https://github.com/octo-dev/craftkit#egg=a@b",
        "git+https://github.com/octo-dev/craftkit@",
    ],
)
def test_a_source_without_a_version_is_refused(url: str) -> None:
    with pytest.raises(UsageProblem, match="names no tag or commit"):
        install_source.checked(url)
