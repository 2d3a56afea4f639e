"""Tokens: where they come from, where they may go, and that they do not show."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import pytest
from replies import CANARY

from craftkit.github.address import Server, find_server
from craftkit.github.gateway import NoToken
from craftkit.github.tokens import Token, find_token

EVERY = {
    "GH_TOKEN": "from-gh",
    "GITHUB_TOKEN": "from-github",
    "GH_ENTERPRISE_TOKEN": "from-ghe",
    "GITHUB_ENTERPRISE_TOKEN": "from-githube",
}
DOTCOM = find_server({}, {})
ACTIONS = find_server({"GITHUB_API_URL": "https://ghe.example.com/api/v3"}, {})
CONFIG = {"github.api_url": "https://ghe.example.com/api/v3"}
COMMITTED = find_server({}, CONFIG)
REMOTE = find_server({}, CONFIG, ("ghe.example.com", "o", "n"))
SANDBOX = find_server({"GITHUB_API_URL": "http://127.0.0.1:1"}, {})


def _no_gh(words: list[str], env: dict[str, str]) -> str | None:
    return None


@pytest.mark.parametrize(
    ("server", "order"),
    [
        (DOTCOM, ["GH_TOKEN", "GITHUB_TOKEN"]),
        (ACTIONS, ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"]),
        (REMOTE, ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]),
        (COMMITTED, []),
        (SANDBOX, ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"]),
    ],
    ids=["github.com", "named by env", "remote", "config alone", "loopback"],
)
def test_variables_are_asked_in_order_and_no_others(server: Server, order: list[str]) -> None:
    env = dict(EVERY)
    for name in order:
        token = find_token(server, env, _no_gh)
        assert (token.source, token.reveal()) == (name, EVERY[name])
        del env[name]
    with pytest.raises(NoToken) as caught:
        find_token(server, env, _no_gh)
    assert server.host in caught.value.message and caught.value.hint


def test_gh_is_asked_last_and_never_sees_the_variables() -> None:
    asked: list[tuple[list[str], dict[str, str]]] = []

    def gh(words: list[str], env: dict[str, str]) -> str | None:
        asked.append((words, env))
        return f"{CANARY}\n"

    token = find_token(COMMITTED, {**EVERY, "HOME": "/home/me"}, gh)
    assert (token.source, token.reveal()) == ("gh auth token", CANARY)
    ((words, env),) = asked
    assert words == ["auth", "token", "--hostname", "ghe.example.com"]
    assert not set(EVERY) & set(env) and env["HOME"] == "/home/me"


def test_gh_is_not_asked_for_a_token_of_this_machine() -> None:
    with pytest.raises(NoToken):
        find_token(SANDBOX, {}, lambda words, env: CANARY)


@pytest.mark.parametrize("text", ["two words", "zwei\nzeilen", "é", "x" * 2000])
def test_what_cannot_be_a_token_is_not_sent(text: str) -> None:
    with pytest.raises(NoToken, match="GH_TOKEN") as caught:
        find_token(DOTCOM, {"GH_TOKEN": text}, _no_gh)
    assert text not in caught.value.message


def test_blanks_around_a_token_are_taken_off() -> None:
    assert find_token(DOTCOM, {"GH_TOKEN": f" {CANARY}\n"}, _no_gh).reveal() == CANARY


@pytest.mark.parametrize(
    ("script", "found"),
    [(f"echo {CANARY}", CANARY), ("exit 1", None), ("printf 'a b'", None), ("kill -9 $$", None)],
)
def test_the_real_gh_is_run_without_a_shell(tmp_path: Path, script: str, found: str | None) -> None:
    fake = tmp_path / "gh"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", env["PATH"])
        if found is None:
            with pytest.raises(NoToken):
                find_token(DOTCOM, env)
        else:
            assert find_token(DOTCOM, env).reveal() == found


def test_no_gh_at_all_is_no_token() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        with pytest.raises(NoToken):
            find_token(DOTCOM, {"PATH": ""})


def test_a_token_does_not_show_itself() -> None:
    token = Token(CANARY, "GH_TOKEN")
    for text in (repr(token), str(token), f"{token}", f"{token!r}", token.fingerprint()):
        assert CANARY not in text
    for store in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            store(token)
    assert token.fingerprint() == Token(CANARY, "x").fingerprint() != Token("y", "x").fingerprint()
