"""Two files that say, or whose places say, that they are the same spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ck = Callable[..., tuple[int, Any, str]]
PLACES = ("openspec/changes/login/tasks.md", ".kiro/specs/login/tasks.md", "specs/login/tasks.md")
LINES = "## 1. Begin\n\n- [ ] 1.1 {0} the form\n- [ ] 1.2 {0} the password\n"


def put(repo: Path, place: str, verb: str) -> None:
    (repo / place).parent.mkdir(parents=True, exist_ok=True)
    lines = LINES.format(verb)
    (repo / place).write_text(
        lines.replace("1.1", "T001").replace("1.2", "T002") if place.startswith("specs") else lines
    )


def states(ck: Ck, place: str) -> list[str]:
    tasks = ck("task", "list", "--spec", place, "--json")[1]["data"]["tasks"]
    return [task["state"] for task in tasks]


@pytest.mark.parametrize("first", PLACES)
def test_folders_of_one_name_are_specs_of_their_own(repo: Path, ck: Ck, first: str) -> None:
    ck("init", "--no-agents")
    for place, verb in zip(PLACES, ("Draw", "Read", "Test"), strict=True):
        put(repo, place, verb)
    key = "T001" if first.startswith("specs") else "1.1"
    assert ck("task", "done", key, "--spec", first)[0] == 0
    for place in PLACES:
        assert states(ck, place) == (["done", "todo"] if place == first else ["todo", "todo"])
    ids = {s["path"]: s["id"] for s in ck("spec", "list", "--json")[1]["data"]["specs"]}
    assert ids[first] == "login" and len(set(ids.values())) == 3
    again = {s["path"]: s["id"] for s in ck("spec", "list", "--json")[1]["data"]["specs"]}
    assert again == ids, "an id that was given stays"


def test_an_id_from_the_path_stays_if_the_other_file_goes(repo: Path, ck: Ck) -> None:
    ck("init", "--no-agents")
    put(repo, PLACES[0], "Draw")
    assert ck("task", "done", "1.1")[0] == 0
    put(repo, PLACES[1], "Read")
    assert ck("task", "drop", "1.2", "--reason", "no", "--spec", PLACES[1])[0] == 0
    (repo / PLACES[0]).unlink()
    assert states(ck, PLACES[1]) == ["todo", "dropped"]


def test_a_copy_that_is_put_right_by_hand_is_a_spec_of_its_own(repo: Path, ck: Ck) -> None:
    ck("init", "--no-agents")
    ck("spec", "new", "Shop", "--task", "Sell")
    text = (repo / "specs/shop.md").read_text()
    copy = repo / "specs/blog.md"
    copy.write_text(text)
    _, answer, _ = ck("status", "--spec", "specs/blog.md", "--json")
    assert [note["code"] for note in answer["data"]["attention"]] == ["same_id"]
    copy.write_text(text.replace("id: shop", "id: blog"))
    _, answer, _ = ck("status", "--spec", "blog", "--json")
    assert answer["data"]["attention"] == []
