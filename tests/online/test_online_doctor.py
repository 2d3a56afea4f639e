"""What `doctor` says of the way to GitHub, and how it ends."""

from __future__ import annotations

import os
from typing import Any

import pytest
from places import agree

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
Desk = Any
FINE = "fine-token"


def give(desk: Desk, issues: str) -> dict[str, str]:
    """The environment of a fine-grained token with that permission."""
    from craftkit.sandbox.world import Token

    token = Token("octo-dev", "fine-grained", permissions={"issues": issues})
    with desk.state.lock:
        world = desk.state.world
        desk.state.commit(world._replace(tokens={**world.tokens, FINE: token}))
    return {"GH_TOKEN": FINE}


def doctor(desk: Desk, **env: str) -> tuple[int, dict[str, dict[str, str]]]:
    said = desk.ck("doctor", "--json", **env)
    answer = said.answer
    found = {check["name"]: check for check in answer["data"]["checks"]}
    failed = any(check["status"] == "error" for check in found.values())
    assert answer["ok"] is answer["data"]["healthy"] is (said.code == 0) is not failed
    assert all(check["hint"] for check in found.values() if check["status"] == "error")
    return said.code, found


def test_a_token_that_may_only_read_is_never_said_to_write(desk: Desk) -> None:
    desk.begin(2).link()
    env = give(desk, "read")
    code, found = doctor(desk, **env)
    assert code == 0 and "may be written" not in found["permission"]["message"]
    assert (
        "whether the token from GH_TOKEN may shows only at a write"
        in (found["permission"]["message"])
    )
    desk.ck("task", "done", "T001", **env)
    code, found = doctor(desk, **env)
    said = found["permission"]
    assert code == 4 and said["status"] == "error"
    assert "a write was refused (" in said["message"] and "not accessible" in said["message"]
    assert "Triage" in said["hint"] and "Issues: read and write" in said["hint"]
    assert desk.ck("reconcile").code == 0
    code, found = doctor(desk)
    assert code == 0 and found["permission"]["status"] == "ok"


def test_before_the_first_write_a_fine_grained_token_is_not_known_to_write(desk: Desk) -> None:
    desk.begin(2)
    env = give(desk, "write")
    code, found = doctor(desk, **env)
    assert code == 0 and found["permission"]["status"] == "warning"
    assert "octo-dev may write issues of octo-dev/demo (ADMIN)" in found["permission"]["message"]
    desk.ok("spec", "link", "--yes", **env)
    code, found = doctor(desk, **env)
    assert code == 0 and found["permission"]["status"] == "ok"
    assert "The last issue was made 20" in found["permission"]["message"]


@pytest.mark.parametrize("linked", [True, False])
def test_what_is_barred_fails_whether_linked_or_not(desk: Desk, linked: bool) -> None:
    desk.begin(2)
    if linked:
        desk.link()
    assert doctor(desk)[0] == 0
    elsewhere = {"CRAFTKIT_GITHUB_REPO": "octo-dev/none"}
    agree(desk.repo, "github.repo", "octo-dev/none")
    code, found = doctor(desk, **elsewhere)
    assert code == 4 and found["access"]["status"] == "error"
    assert "access to it" in found["access"]["hint"]
    code, found = doctor(desk, GH_TOKEN="wrong")
    assert code == 4 and found["token"]["status"] == "error"
    code, found = doctor(desk, GH_TOKEN="sandbox-stranger")
    assert code == 4 and "may only read" in found["permission"]["message"]
    desk.set_repo(archived=True)
    code, found = doctor(desk)
    assert code == 1 and found["archived"]["status"] == "error"
    desk.set_repo(archived=False, has_issues=False)
    code, found = doctor(desk)
    assert code == 1 and found["issues"]["status"] == "error"


@pytest.mark.parametrize(("linked", "code"), [(True, 4), (False, 0)])
def test_who_has_linked_nothing_needs_no_token(desk: Desk, linked: bool, code: int) -> None:
    desk.begin(2)
    if linked:
        desk.link()
    got, found = doctor(desk, GH_TOKEN="", GITHUB_TOKEN="", PATH=os.defpath)
    assert got == code and found["token"]["status"] == ("error" if linked else "warning")
    nowhere = {"GITHUB_API_URL": "http://127.0.0.1:9"}
    assert doctor(desk, **nowhere)[0] == 1  # GITHUB_GRAPHQL_URL names another server
    got, found = doctor(desk, **nowhere, GITHUB_GRAPHQL_URL="")
    assert got == int(linked)
    assert found["connection"]["status"] == ("error" if linked else "warning")


def test_who_is_no_collaborator_is_told_of_role_and_token(desk: Desk) -> None:
    desk.begin(2).link()
    said = desk.ck("task", "done", "T001", GH_TOKEN="sandbox-stranger")
    said = desk.ck("reconcile", GH_TOKEN="sandbox-stranger")
    assert "your role in octo-dev/demo is below *Triage*" in said.err
    assert "the token lacks *Issues: read and write*" in said.err
