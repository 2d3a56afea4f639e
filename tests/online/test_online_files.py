"""I18: copied, split, moved and regenerated spec files send nothing that is not their own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

Desk = Any
COPY = "specs/blog.md"
LINES = "- [ ] T001 Write the parser\n- [ ] T002 Write the printer\n"


@pytest.fixture
def linked(desk: Desk) -> Desk:
    desk.begin(LINES)
    desk.link()
    return desk


def copied(desk: Desk) -> Path:
    """The spec as a template of another one: new words, but its id and links are left in."""
    path = Path(desk.repo) / COPY
    path.write_text(desk.text.replace("parser", "blog").replace("printer", "feed"))
    return path


def states(desk: Desk) -> dict[int, tuple[str, str]]:
    return {n: (i["title"], i["state"]) for n, i in sorted(desk.issues().items())}


def test_a_copy_sends_nothing_and_says_so(linked: Desk) -> None:
    before = states(linked)
    path = copied(linked)
    assert linked.ok("task", "done", "T001", "--spec", COPY).code == 0
    assert "- [x] T001 Write the blog (#2)" in path.read_text()
    said = linked.ck("reconcile", "--all")
    assert said.code == 5 and "spec update specs/blog.md --new-id" in said.out
    refused = linked.ck("spec", "link", "--spec", COPY, "--yes")
    assert refused.code == 5 and "has the id demo of" in refused.err
    assert states(linked) == before
    listed = linked.data("task", "list", "--spec", "specs/demo.md")["tasks"]
    assert [t["state"] for t in listed] == ["todo", "todo"], "what is done there is not done here"


def test_a_copy_with_an_id_of_its_own_gets_its_own_issues(linked: Desk) -> None:
    before = states(linked)
    path = copied(linked)
    linked.ok("task", "done", "T001", "--spec", COPY)
    linked.ok("spec", "update", COPY, "--new-id")
    text = path.read_text()
    assert "id: blog\n" in text and "(#" not in text and "issue: 1" not in text
    assert "- [x] T001 Write the blog\n" in text
    assert linked.data("spec", "update", "blog")["spec"] == "blog"
    again = linked.ck("spec", "update", COPY, "--new-id")
    assert again.code == 2 and "which no other spec file here has" in again.err
    linked.ok("spec", "link", "--spec", "blog", "--yes")
    after = states(linked)
    assert {n: after[n] for n in before} == before
    assert {after[n][0] for n in set(after) - set(before)} >= {"T002 Write the feed"}
    linked.ok("reconcile", "--all", "--check")


def test_the_first_file_keeps_the_id_also_if_the_copy_is_read_first(linked: Desk) -> None:
    copied(linked)
    for _ in range(2):
        found = {s["path"]: s["id"] for s in linked.data("spec", "list")["specs"]}
        assert found["specs/demo.md"] == "demo" and found[COPY] != "demo"
    assert linked.data("status", "--spec", COPY)["attention"][0]["code"] == "same_id"


@pytest.mark.parametrize("how", ["git mv", "mv"])
def test_a_spec_that_is_moved_and_moved_back_stays_itself(linked: Desk, how: str) -> None:
    repo = Path(linked.repo)
    for command in (["add", "-A"], ["commit", "-qm", "specs"]):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *command], cwd=repo, check=True
        )
    before = states(linked)
    linked.ok("task", "start", "T002")
    for old, new in (("specs/demo.md", "specs/later.md"), ("specs/later.md", "specs/demo.md")):
        subprocess.run([*how.split(), old, new], cwd=repo, check=True)
        listed = linked.data("task", "list")["tasks"]
        assert [(t["issue"], t["state"]) for t in listed] == [(2, "todo"), (3, "in_progress")]
        linked.ok("reconcile")
        assert states(linked) == before
    linked.ok("task", "done", "T002")
    assert states(linked)[3][1] == "closed"


def test_the_copy_takes_over_if_the_first_file_is_deleted(linked: Desk) -> None:
    """A rename by copy and delete is a rename."""
    path = Path(linked.repo) / COPY
    path.write_text(linked.text)
    assert linked.data("status", "--spec", COPY)["attention"][0]["code"] == "same_id"
    (Path(linked.repo) / "specs/demo.md").unlink()
    assert [s["id"] for s in linked.data("spec", "list")["specs"]] == ["demo"]
    linked.ok("task", "done", "T002")
    assert states(linked)[3][1] == "closed" and states(linked)[2][1] == "open"


def test_what_is_split_off_leaves_the_first_files_issues_alone(linked: Desk) -> None:
    """A line goes to a new spec with its number; the text is found there, and nothing is closed."""
    before = states(linked)
    front = linked.text.partition("\n## Tasks")[0].replace("id: demo", "id: rest")
    front = "\n".join(line for line in front.split("\n") if not line.startswith("issue:"))
    moved = "- [ ] T002 Write the printer (#3)\n"
    linked.replace(moved, "")
    linked.write(moved, front=front, path="specs/rest.md")
    said = linked.ok("status", "--spec", "demo")
    assert (
        "#3 “Write the printer” has no task line in specs/demo.md any more;"
        " its text stands in specs/rest.md:" in said.err
    )
    assert "any more" not in linked.ok("status", "--spec", "demo").err, "it is said once"
    linked.ok("task", "done", "T002", "--spec", "rest")
    linked.ck("reconcile", "--all")
    assert states(linked)[3] == before[3], "the issue is the first spec's"
    linked.ok("spec", "link", "--spec", "rest", "--yes")
    after = states(linked)
    assert after[3] == before[3] and "(#3) (#" in (Path(linked.repo) / "specs/rest.md").read_text()


def test_what_moved_is_said_once_and_shown_whole(linked: Desk) -> None:
    front = linked.text.partition("\n## Tasks")[0]
    linked.write(
        "- [ ] T001 Choose a licence\n- [ ] T002 Write the parser (#2)\n"
        "- [ ] T003 Write the fast printer (#3)\n",
        front=front,
    )
    said = linked.ok("status")
    assert (
        "specs/demo.md: 1 task has another key, 1 task has other words, 1 is new." in said.err
        and "craftkit spec update demo" in said.err
    )
    assert "another key" not in linked.ok("status").err
    found = linked.data("spec", "update", "demo")
    assert [(row["kind"], row["issue"]) for row in found["mapping"]] == [
        *(("new", None), ("moved", 2), ("edited", 3))
    ]
    assert found["mapping"][1]["before"] == {"key": "T001", "title": "Write the parser"}
    assert found["mapping"][1]["now"]["key"] == "T002"
    again = linked.data("spec", "update", "demo")["mapping"]
    assert {row["kind"] for row in again} == {"same"}
