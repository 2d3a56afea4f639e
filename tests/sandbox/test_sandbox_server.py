"""Starting and stopping, the control API, the pages, and who may ask."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sandbox_client import ISSUES, REPO, call, control, graphql, link, new_issue

from craftkit.errors import UsageProblem
from craftkit.sandbox import seed
from craftkit.sandbox.server import Server, serve
from craftkit.sandbox.world import issues_of


def test_several_at_once_and_the_port_is_free_afterwards() -> None:
    with serve() as one, serve() as two:
        assert one.port != two.port
        new_issue(one)
        assert call(two, "GET", f"{ISSUES}/1").status == 404
        with pytest.raises(UsageProblem):
            serve(one.port)
    with serve(one.port) as again:
        assert again.port == one.port


def test_the_environment(sandbox: Server) -> None:
    assert sandbox.environment() == {
        "GITHUB_API_URL": sandbox.url,
        "GITHUB_GRAPHQL_URL": f"{sandbox.url}/graphql",
        "GH_TOKEN": "sandbox-token",
        "GITHUB_REPOSITORY": "octo-dev/demo",
    }


def test_an_outage_refuses_connections_and_forgets_nothing(sandbox: Server) -> None:
    new_issue(sandbox)
    with sandbox.unreachable(), pytest.raises(ConnectionRefusedError):
        call(sandbox, "GET", REPO)
    assert call(sandbox, "GET", f"{ISSUES}/1").status == 200


def test_an_open_connection_ends_with_the_outage(sandbox: Server) -> None:
    import http.client

    line = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=120)
    headers = {"User-Agent": "x"}
    for _ in range(2):  # the connection stays open
        line.request("GET", REPO, headers=headers)
        line.getresponse().read()
    sandbox.offline()
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        line.request("GET", REPO, headers=headers)
        line.getresponse()
    sandbox.online()


def test_control_over_http(sandbox: Server) -> None:
    new_issue(sandbox)
    graphql(sandbox, "query Who{viewer{login} again:viewer{id}}")
    log = control(sandbox, "GET", "requests")
    assert log["count"] == 2
    assert [entry["method"] for entry in log["requests"]] == ["POST", "POST"]
    assert log["requests"][0]["changed"] and not log["requests"][1]["changed"]
    assert log["requests"][1]["operation"] == "Who"
    assert log["requests"][1]["fields"] == ["viewer", "viewer"]
    assert [e["number"] for e in control(sandbox, "GET", "requests?since=1")["requests"]] == [2]
    now = control(sandbox, "POST", "clock", {"advance": 3600})["now"]
    assert now == pytest.approx(time.time() + 3600, abs=60)
    assert control(sandbox, "POST", "capabilities", {"graphql": False})["graphql"] is False
    assert call(sandbox, "POST", "/graphql", {"query": "{viewer{login}}"}).status == 404
    known = control(sandbox, "GET", "state")["repos"][0]["issues"][0]
    assert (known["number"], known["title"], known["state"]) == (1, "Task", "open")
    control(sandbox, "POST", "reset", {})
    assert control(sandbox, "GET", "requests") == {"count": 0, "requests": []}
    assert graphql(sandbox, "{viewer{login}}")["data"]
    control(sandbox, "POST", "reset", {"seed": {"repos": [{"full_name": "a/b"}]}})
    assert control(sandbox, "GET", "state")["repos"][0]["full_name"] == "a/b"


def test_offline_over_http(sandbox: Server) -> None:
    assert control(sandbox, "POST", "offline", {"seconds": 0.2}) == {"seconds": 0.2}
    with pytest.raises(ConnectionRefusedError):
        call(sandbox, "GET", "/meta")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            assert call(sandbox, "GET", "/meta").status == 200
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError("it never came back")


@pytest.mark.parametrize(
    ("method", "name", "body"),
    [
        ("POST", "limits", {"nonsense": 1}),
        ("POST", "clock", {"advance": "much"}),
        ("POST", "clock", b"{"),
        ("POST", "reset", {"seed": {"reops": []}}),
        ("GET", "requests?since=x", None),
    ],
)
def test_control_refuses_nonsense(sandbox: Server, method: str, name: str, body: Any) -> None:
    assert call(sandbox, method, f"/_sandbox/{name}", body).status == 400
    assert call(sandbox, method, "/_sandbox/nothing", {}).status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1:1"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"content_type": "text/plain"}, 403),
        ({"host": "localhost:{port}"}, 200),
    ],
)
def test_only_loopback_controls(sandbox: Server, headers: dict[str, str], status: int) -> None:
    sent = {name: value.format(port=sandbox.port) for name, value in headers.items()}
    assert call(sandbox, "POST", "/_sandbox/clock", {"offset": 1}, **sent).status == status
    assert sandbox.state.offset == (1 if status == 200 else 0)


def test_no_other_host_is_answered(sandbox: Server) -> None:
    for path in ("/", REPO, "/_sandbox/state"):
        assert call(sandbox, "GET", path, host="sandbox.example:80").status == 403


def test_what_is_no_path_is_refused(sandbox: Server) -> None:
    assert call(sandbox, "GET", "user").status == 400


def test_too_much_is_not_read(sandbox: Server) -> None:
    assert call(sandbox, "POST", ISSUES, None, content_length="99999999").status == 413


def test_the_page_shows_issues_as_text(sandbox: Server) -> None:
    parent = new_issue(sandbox, "<script>alert(1)</script>", body="</pre><b>x", labels=["<i>"])
    child = new_issue(sandbox, "Child")
    link(sandbox, parent, child)
    call(sandbox, "PATCH", f"{ISSUES}/2", {"state": "closed"})
    page = call(sandbox, "GET", "/", token=None)
    text = page.body.decode()
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha")
    assert "octo-dev/demo" in text and "1 open, 1 closed" in text and "1/1" in text
    assert "&lt;script&gt;" in text and "<script" not in text and "<i>" not in text
    detail = call(sandbox, "GET", "/octo-dev/demo/issues/1", token=None).body.decode()
    assert "&lt;/pre&gt;&lt;b&gt;x" in detail and "Child" in detail
    assert "parent issue added" in call(sandbox, "GET", "/octo-dev/demo/issues/2").body.decode()
    assert call(sandbox, "GET", "/octo-dev/demo/issues/9").status == 404


def test_the_style_is_the_one_that_the_policy_allows(sandbox: Server) -> None:
    import base64
    import hashlib

    page = call(sandbox, "GET", "/")
    style = re.search(rb"<style>(.*?)</style>", page.body, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["Content-Security-Policy"]


def test_a_seed_file(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text(
        """
tokens: {t: {login: me}}
repos:
  - full_name: me/it
    issues:
      - {title: Parent, number: 524}
      - {title: Child, parent: 524, state: closed, state_reason: not_planned}
      - {title: Later, blocked_by: [525], comments: [{author: you, body: Hm}], author: you}
""",
        encoding="utf-8",
    )
    with serve(seed=path) as server:
        world = server.state.world
        known = {issue.number: issue for issue in issues_of(world, *world.repos.values())}
        assert sorted(known) == [524, 525, 526]
        assert known[525].parent == known[524].id and known[525].reason == "not_planned"
        assert known[526].blocked_by == (known[525].id,) and known[526].author == "you"
        got = call(server, "GET", "/repos/me/it/issues/526", token="t").json
        assert (got["comments"], got["author_association"]) == (1, "NONE")


def test_thousands_of_issues_at_once(sandbox: Server) -> None:
    issues = [{"title": "Parent"}, *({"title": f"T{n}", "parent": 1} for n in range(100))] * 3
    numbered = [
        issue | ({"parent": n // 101 * 101 + 1} if "parent" in issue else {})
        for n, issue in enumerate(issues)
    ]
    sandbox.add_issues("octo-dev/demo", numbered)
    assert call(sandbox, "GET", f"{ISSUES}/203").json["sub_issues_summary"]["total"] == 100
    assert sandbox.state.before(1).issues == {}
    page = call(sandbox, "GET", "/").body.decode()
    assert "303 open" in page
    with pytest.raises(UsageProblem):
        sandbox.add_issues("octo-dev/none", [])
    with pytest.raises(UsageProblem):
        sandbox.add_issues("octo-dev/demo", [{"title": "x", "parent": 1}])


@pytest.mark.parametrize(
    "given",
    [
        {"repositories": []},
        {"repos": [{"name": "x"}]},
        {"repos": [{"full_name": "nothing"}]},
        {"repos": [{"full_name": "a/b", "issues": [{"title": ""}]}]},
        {"repos": [{"full_name": "a/b", "issues": [{"title": "x", "parent": 9}]}]},
        {"repos": [{"full_name": "a/b", "access": {"c": "king"}}]},
        {"tokens": {"t": {"login": "a", "kind": "magic"}}},
        {"limits": {"much": 1}},
        [],
    ],
)
def test_a_seed_with_a_mistake(given: Any) -> None:
    with pytest.raises(UsageProblem, match="The seed is not as it should be"):
        seed.build(given)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("repos: 5", "at repos: a list is needed, not 5.", "[{full_name: octo-dev/demo}]"),
        ("[1]", "be: a mapping is needed, not [1].", "users"),
        ("reops: []", "be: 'reops' is unknown.", "did you mean repos?"),
        ("tokens: {t: {login: a, scopes: 7}}", "at tokens.t.scopes: a list is needed", "[repo"),
        ("tokens: {t: {login: a, kind: x}}", "at tokens.t.kind: 'x' is unknown.", "fine-grained"),
        (
            "tokens: {t: {login: a, permissions: {issues: admin}}}",
            "at tokens.t.permissions.issues: 'admin' is unknown.",
            "read or write",
        ),
        ("tokens: {t: {kind: classic}}", "at tokens.t: login is missing.", "login"),
        ("repos: [{full_name: x}]", "at repos[0].full_name: 'x' is not OWNER/NAME.", "OWNER/NAME"),
        (
            "repos: [{full_name: a/b, access: {c: king}}]",
            "at repos[0].access.c: 'king' is unknown.",
            "read or triage",
        ),
        (
            "repos: [{full_name: a/b, issues: [{title: x}, {title: ''}]}]",
            "at repos[0].issues[1]: ",
            "docs/sandbox.md",
        ),
        (
            "repos: [{full_name: a/b, issues: [{title: 2026}]}]",
            "at repos[0].issues[0].title: a text is needed, not 2026.",
            "quotes",
        ),
        (
            "repos: [{full_name: a/b, issues: [{title: x, parent: 9}]}]",
            "at repos[0].issues[0]: there is no issue 9 in a/b.",
            "docs/sandbox.md",
        ),
        (
            "repos: [{full_name: a/b, issues: [{title: x, blocked_by: 1}]}]",
            "at repos[0].issues[0].blocked_by: a list is needed, not 1.",
            "[1, 2]",
        ),
        ("repos: [{full_name: a/b, private: 'no'}]", "at repos[0].private: true or false", "false"),
        ("projects: [{owner: a, number: x}]", "at projects[0].number: a whole number", "digits"),
        ("limits: {core: many}", "at limits.core: a whole number", "digits"),
        ("users: [1]", "at users[0]: a mapping is needed, not 1.", "login"),
        ("a: [", "line 1: ", "YAML"),
    ],
)
def test_a_mistake_in_a_seed_is_told_by_its_place(
    tmp_path: Path, text: str, said: str, hint: str
) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageProblem) as caught:
        serve(seed=path)
    assert said in caught.value.message and "object" not in caught.value.message
    assert "\n" not in caught.value.message and caught.value.message.endswith(".")
    assert hint in caught.value.hint


def test_what_holds_nothing_in_a_seed_is_left_out() -> None:
    given = {"users": None, "tokens": {"t": {"login": "a", "scopes": None, "repos": None}}}
    assert seed.build(given).world.tokens["t"].repos is None


def test_an_unreadable_seed(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    for name in ("none.yaml", "bad.yaml"):
        with pytest.raises(UsageProblem, match=name):
            serve(seed=tmp_path / name)


def test_a_connection_that_has_gone_before_it_is_taken_holds_nothing_up() -> None:
    with serve() as server, pytest.raises(BlockingIOError):
        server._http.get_request()


def test_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "craftkit.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as run:
        assert run.stdout
        lines = [run.stdout.readline().strip() for _ in range(4)]
        found = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        assert found.keys() == set(serve_environment())
        port = int(found["GITHUB_API_URL"].rpartition(":")[2])
        import http.client

        line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        line.request("GET", "/meta", headers={"User-Agent": "x"})
        assert json.loads(line.getresponse().read()) == {
            "verifiable_password_authentication": False
        }
        line.close()
        run.send_signal(2)
        assert run.wait(120) == 0


def serve_environment() -> set[str]:
    with serve() as server:
        return set(server.environment())


@pytest.mark.parametrize("words", [["--seed", "none.yaml"], []])
def test_a_command_that_cannot_start_says_why(tmp_path: Path, words: list[str]) -> None:
    code = "import sys; sys.modules['graphql'] = None\n" if not words else ""
    code += "import runpy; runpy.run_module('craftkit.sandbox', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
    if not words:
        assert "hint: pip install 'craftkit[sandbox]'" in done.stderr


def test_nothing_of_craftkit_but_its_errors_is_loaded() -> None:
    code = (
        "import sys, craftkit.sandbox.server as s; s.serve().close();"
        "print([m for m in sys.modules if m.startswith('craftkit') and 'sandbox' not in m],"
        "'github' in sys.modules, 'requests' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['craftkit', 'craftkit.errors'] False False"
