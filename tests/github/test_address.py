"""Which GitHub, which repository, which board."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craftkit.errors import BadConfig
from craftkit.github.address import (
    Project,
    Server,
    find_project,
    find_repository,
    find_server,
    foreign,
    is_host_of,
    is_loopback,
    of_remote,
    origin,
)

REMOTE = ("github.com", "octo", "demo")


@pytest.mark.parametrize(
    ("url", "graphql", "host"),
    [
        ("https://api.github.com", "https://api.github.com/graphql", "github.com"),
        ("https://api.github.com/", "https://api.github.com/graphql", "github.com"),
        (
            "https://ghe.example.com/api/v3",
            "https://ghe.example.com/api/graphql",
            "ghe.example.com",
        ),
        ("https://api.corp.ghe.com", "https://api.corp.ghe.com/graphql", "corp.ghe.com"),
        ("http://127.0.0.1:4100", "http://127.0.0.1:4100/graphql", "127.0.0.1"),
        ("http://localhost:4100", "http://localhost:4100/graphql", "localhost"),
        ("http://[::1]:4100", "http://[::1]:4100/graphql", "::1"),
    ],
)
def test_the_graphql_address_follows_from_the_api(url: str, graphql: str, host: str) -> None:
    server = find_server({"GITHUB_API_URL": url}, {})
    assert (server.api_url, server.graphql_url, server.host) == (url.rstrip("/"), graphql, host)
    assert server.named and server.vouched


@pytest.mark.parametrize(
    "url",
    [
        "http://ghe.example.com/api/v3",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://0.0.0.0:4100",
        "https://github.com",
        "https://user:pw@ghe.example.com",
        "https://ghe.example.com/api/v3?x=1",
        "https://ghe.example.com/#x",
        "https://ghe.example.com/../x",
        "https://ghe.example.com:99999",
        "https://ghe.exa\nmple.com",
        "https://ghé.example.com",
        "https://",
        "ftp://ghe.example.com",
        "ghe.example.com",
        "nonsense",
    ],
)
@pytest.mark.parametrize("source", ["GITHUB_API_URL", "github.api_url"])
def test_nonsense_is_refused(url: str, source: str) -> None:
    env = {source: url} if source.isupper() else {}
    config: dict[str, Any] = {} if source.isupper() else {source: url}
    with pytest.raises(BadConfig) as caught:
        find_server(env, config)
    assert source in caught.value.message and caught.value.hint
    assert "pw" not in caught.value.message


@given(st.text())
def test_any_text_is_an_address_or_a_clear_error(text: str) -> None:
    try:
        server = find_server({"GITHUB_API_URL": text}, {})
    except BadConfig:
        return
    assert server.api_url.startswith("https://") or is_loopback(server)
    assert origin(server.graphql_url) == origin(server.api_url)


def test_the_environment_comes_before_the_configuration() -> None:
    config = {"github.api_url": "https://config.example.com/api/v3"}
    env = {"GITHUB_API_URL": "https://actions.example.com/api/v3"}
    assert find_server(env, config).host == "actions.example.com"
    env["CRAFTKIT_GITHUB_API_URL"] = "http://127.0.0.1:1"
    assert find_server(env, config).host == "127.0.0.1"
    assert find_server({}, config).host == "config.example.com"
    assert find_server({}, {}).api_url == "https://api.github.com"


def test_a_graphql_address_is_taken_from_the_same_server_only() -> None:
    env = {
        "GITHUB_API_URL": "https://g.example/api/v3",
        "GITHUB_GRAPHQL_URL": "https://g.example/q",
    }
    assert find_server(env, {}).graphql_url == "https://g.example/q"
    with pytest.raises(BadConfig):
        find_server(env | {"GITHUB_GRAPHQL_URL": "https://evil.example/graphql"}, {})


def test_the_remote_of_a_data_residency_host_names_its_api() -> None:
    server = find_server({}, {}, ("corp.ghe.com", "octo", "demo"))
    assert (server.api_url, server.vouched) == ("https://api.corp.ghe.com", True)


def test_a_host_that_only_the_committed_config_names_is_not_vouched_for() -> None:
    config = {"github.api_url": "https://evil.example/api/v3"}
    assert not find_server({}, config, REMOTE).vouched
    assert find_server({}, config, ("evil.example", "o", "n")).vouched
    assert find_server({"GH_HOST": "evil.example"}, config, REMOTE).vouched


def test_the_repository_is_what_the_setting_names() -> None:
    assert find_repository({"github.repo": "in/config"}) == ("in", "config")


@pytest.mark.parametrize(
    "text", ["", "octo", "octo/", "/demo", "octo/demo/x", "o c/demo", "../demo"]
)
def test_a_repository_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadConfig):
        find_repository({"github.repo": text})


@pytest.mark.parametrize(
    ("api", "host", "ours"),
    [
        ("https://api.github.com", "github.com", True),
        ("https://api.github.com", "www.github.com", True),
        ("https://api.github.com", "ssh.github.com", True),
        ("https://api.github.com", "github-work", True),
        ("https://api.github.com", "gitlab.com", False),
        ("https://api.github.com", "bitbucket.org", False),
        ("https://api.github.com", "gist.github.com", False),
        ("https://api.github.com", "github.com.evil.example", False),
        ("https://api.github.com", "127.0.0.1", False),
        ("https://ghe.example.com/api/v3", "ghe.example.com", True),
        ("https://ghe.example.com/api/v3", "github.com", False),
        ("https://ghe.example.com/api/v3", "other.example.com", False),
        ("https://api.corp.ghe.com", "corp.ghe.com", True),
        ("https://api.corp.ghe.com", "other.ghe.com", False),
        ("https://api.corp.ghe.com", "github.com", False),
        ("http://127.0.0.1:4100", "github.com", True),
        ("http://127.0.0.1:4100", "127.0.0.1", True),
        ("http://127.0.0.1:4100", "localhost", True),
        ("http://127.0.0.1:4100", "gitlab.com", False),
    ],
)
def test_a_remote_belongs_to_one_server(api: str, host: str, ours: bool) -> None:
    env = {"GITHUB_API_URL": api}
    server = find_server(env, {})
    assert is_host_of(server, host) is ours
    assert of_remote(env, {}, (host, "o", "n")) == (("o", "n") if ours else None)
    if not ours:
        message, hint = foreign(server, host)
        assert host in message and "github.repo" in hint


def test_no_remote_names_nothing() -> None:
    assert of_remote({}, {}, None) is None
    assert of_remote({}, {}, ("corp.ghe.com", "o", "n")) == ("o", "n")


@pytest.mark.parametrize(
    ("text", "board"),
    [
        ("", None),
        ("3", Project("octo", 3)),
        ("acme/12", Project("acme", 12)),
        ("https://github.com/orgs/acme/projects/12", Project("acme", 12)),
        ("https://github.com/users/me/projects/1/views/2", Project("me", 1)),
    ],
)
def test_a_board_has_several_names(text: str, board: Project | None) -> None:
    assert find_project(text, "octo") == board


@pytest.mark.parametrize("text", ["board", "0", "a/b/3", "https://x/3/4/5", "-1"])
def test_a_board_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadConfig):
        find_project(text, "octo")


def test_a_server_is_plain_data() -> None:
    assert isinstance(find_server({}, {}), Server)
