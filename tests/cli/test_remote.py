"""Which GitHub repository `init` takes from the git remote, and which it passes over."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ck = Callable[..., tuple[int, Any, str]]
FOREIGN = (
    "git@gitlab.com:octo-dev/b.git",
    "https://bitbucket.org/octo-dev/b",
    "ssh://git@gitlab.com:2222/octo-dev/b",
)
OURS = (
    "git@github.com:octo-dev/b.git",
    "https://www.github.com/octo-dev/b",
    "ssh://git@ssh.github.com:443/octo-dev/b.git",
    "github-work:octo-dev/b",
)


def origin(repo: Path, url: str) -> None:
    subprocess.run(["git", "-C", str(repo), "remote", "add", "origin", url], check=True)


@pytest.fixture(autouse=True)
def no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GH_HOST", "GH_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def check(ck: Ck, name: str) -> dict[str, str]:
    found = ck("doctor", "--offline", "--json")[1]["data"]["checks"]
    return next((c for c in found if c["name"] == name), {})


@pytest.mark.parametrize("url", FOREIGN)
def test_a_remote_on_another_server_is_no_repository_of_github(
    repo: Path, ck: Ck, url: str
) -> None:
    origin(repo, url)
    code, answer, _ = ck("init", "--no-agents", "--json")
    assert code == 0 and answer["data"]["repo"] is None
    (note,) = answer["diagnostics"]
    assert note["code"] == "foreign_remote" and "github.com" in note["message"]
    assert "github.repo: OWNER/NAME" in note["hint"]
    assert 'repo: ""' in (repo / ".craftkit/config.yaml").read_text()
    assert "GitHub repository" not in ck("init", "--no-agents")[1]
    ck("spec", "new", "Login", "--task", "One")
    code, _, err = ck("spec", "link", "--yes")
    assert code == 2 and "No GitHub repository is configured." in err
    found = check(ck, "remote")
    assert found["status"] == "warning" and "octo-dev/b is passed over" in found["message"]
    assert "craftkit would talk to github.com" in found["message"] and found["hint"]


@pytest.mark.parametrize("url", OURS)
def test_a_remote_on_github_is_taken(repo: Path, ck: Ck, url: str) -> None:
    origin(repo, url)
    code, text, err = ck("init", "--no-agents")
    assert code == 0 and "GitHub repository: octo-dev/b\n" in text and not err
    assert check(ck, "remote") == {}


def test_a_mirror_works_by_its_setting(repo: Path, ck: Ck) -> None:
    origin(repo, FOREIGN[0])
    ck("init", "--no-agents")
    config = repo / ".craftkit/config.yaml"
    config.write_text(config.read_text().replace('""', "octo-dev/mirror"))
    code, answer, _ = ck("init", "--no-agents", "--json")
    assert code == 0 and answer["data"]["repo"] is None
    assert "not_agreed" in [note["code"] for note in answer["diagnostics"]]
    code, answer, _ = ck("init", "--no-agents", "--yes", "--json")
    assert code == 0 and answer["data"]["repo"] == "octo-dev/mirror" and not answer["diagnostics"]
    found = check(ck, "remote")
    assert found["status"] == "ok" and "for octo-dev/mirror" in found["message"]


@pytest.mark.parametrize(
    ("api", "url", "named"),
    [
        ("https://ghe.example.com/api/v3", "git@ghe.example.com:octo/b.git", "octo/b"),
        ("https://ghe.example.com/api/v3", "git@github.com:octo/b.git", None),
        ("https://api.corp.ghe.com", "https://corp.ghe.com/octo/b", "octo/b"),
        ("", "https://corp.ghe.com/octo/b", "octo/b"),
        ("", "git@ghe.example.com:octo/b.git", None),
        ("http://127.0.0.1:9", "git@github.com:octo/b.git", "octo/b"),
        ("http://127.0.0.1:9", "git@gitlab.com:octo/b.git", None),
    ],
)
def test_enterprise_and_the_sandbox(
    repo: Path, ck: Ck, api: str, url: str, named: str | None
) -> None:
    origin(repo, url)
    answer = ck("init", "--no-agents", "--json", GITHUB_API_URL=api)[1]
    assert answer["data"]["repo"] == named
    assert [n["code"] for n in answer["diagnostics"]] == ([] if named else ["foreign_remote"])


def test_a_remote_that_came_after_init_is_told(repo: Path, ck: Ck) -> None:
    ck("init", "--no-agents")
    origin(repo, OURS[0])
    code, answer, _ = ck("init", "--no-agents", "--json")
    assert code == 0 and answer["data"]["repo"] == "octo-dev/b"
    assert [one["value"] for one in answer["data"]["agreed"]] == ["octo-dev/b"]
