"""Which repository several git remotes name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from craftkit import repo as git
from craftkit.commands import remotes
from craftkit.commands.agreement import NO_WORD, Word

HUB = "https://github.com/"


def clone(where: Path, **named: str) -> git.Repo:
    subprocess.run(["git", "init", "-q", str(where)], check=True)
    for name, url in named.items():
        subprocess.run(["git", "-C", str(where), "remote", "add", name, url], check=True)
    found = git.find(str(where))
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def _no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_API_URL", "CRAFTKIT_GITHUB_API_URL", "GH_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("urls", "repos", "remark"),
    [
        ({"origin": f"{HUB}acme/widgets.git"}, ("acme/widgets",), None),
        (
            {"origin": "git@github.com:me/widgets", "upstream": f"{HUB}acme/widgets"},
            ("me/widgets",),
            "other_remotes",
        ),
        (
            {"origin": "https://gitlab.com/acme/mirror", "hub": f"{HUB}acme/widgets"},
            ("acme/widgets",),
            None,
        ),
        (
            {"origin": "https://gitlab.com/a/b", "x": f"{HUB}a/b", "y": f"{HUB}c/d"},
            (),
            "other_remotes",
        ),
        ({"origin": "https://gitlab.com/acme/mirror"}, (), "foreign_remote"),
        ({"origin": f"{HUB}acme/widgets.wiki.git"}, (), "wiki_remote"),
        (
            {"origin": f"{HUB}acme/widgets.wiki.git", "code": f"{HUB}acme/widgets"},
            ("acme/widgets",),
            None,
        ),
        ({}, (), None),
    ],
)
def test_without_a_terminal_it_is_taken_or_named(
    tmp_path: Path, urls: dict[str, str], repos: tuple[str, ...], remark: str | None
) -> None:
    named = remotes.find(clone(tmp_path, **urls), NO_WORD)
    assert named.repos == repos
    assert (named.remark.code if named.remark else None) == remark
    if remark == "other_remotes" and named.remark is not None:
        assert "github.repo: " in named.remark.hint and "trust" in named.remark.hint
    if remark == "wiki_remote" and named.remark is not None:
        assert "acme/widgets" in named.remark.message


@pytest.mark.parametrize("answer", [True, False])
def test_a_terminal_is_asked_where_the_issues_are(tmp_path: Path, answer: bool) -> None:
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return answer

    found = clone(tmp_path, origin=f"{HUB}me/widgets", upstream=f"{HUB}acme/widgets")
    named = remotes.find(found, Word(ask=ask))
    assert len(asked) == 1 and "acme/widgets" in asked[0] and "me/widgets" in asked[0]
    assert named.repos == (("me/widgets", "acme/widgets") if answer else ("me/widgets",))
