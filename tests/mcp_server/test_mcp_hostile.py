"""What strangers write on GitHub reaches no client, save on request and then as data."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from places import agree

pytest.importorskip("mcp")
pytest.importorskip("graphql")

import hostile
import talk as talking

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\u3164\ufeff\uffa0\U000e0000-\U000e0fff]"
)
COUNT = len(hostile.SAMPLES)


def _poison(desk: Any) -> dict[int, str]:
    """A linked spec, each of whose Sub Issues says something else by now; number -> sample."""
    desk.write(COUNT)
    desk.link()
    said = dict(enumerate(hostile.SAMPLES, start=2))
    for number, sample in said.items():
        body = f"{sample}\n{hostile.LONG}" if number % 7 == 0 else sample
        desk.human("PATCH", f"issues/{number}", {"title": sample[:250], "body": body})
    desk.human("POST", "issues", {"title": "pwn alone", "body": "pwn"}, login="stranger")
    return said


def test_no_tool_but_one_gives_text_of_github(desk: Any) -> None:
    assert COUNT == 30
    _poison(desk)
    desk.close(3)
    desk.human("PATCH", "issues/4", {"state": "closed", "state_reason": "not_planned"})
    with talking.inside(desk) as talk:
        answers = [
            talk.data("status"),
            talk.data("task_list"),
            talk.data("task_next"),
            talk.data("reconcile_check"),
            talk.data("task_start", key="T001"),
            talk.data("task_done", key="T001"),
            talk.data("task_drop", key="T004", reason="no"),
            talk.data("reconcile_apply"),
        ]
        desk.human("PATCH", "issues/3", {"state": "open"})  # somebody re-opens T002
        answers += [
            talk.data("reconcile_check"),
            talk.data("session_resume"),
            talk.refused("issue_show", number=COUNT + 2),
            talk.read("craftkit://state"),
            talk.read("craftkit://spec/demo"),
            talk.do("get_prompt", "resume").messages[0].content.text,
        ]
    found = json.dumps(answers, ensure_ascii=False)
    assert "T002" in found and "pwn" not in found and "reviewer" not in found
    assert not re.search("evil|system-reminder|INST|zzz", found)
    kinds = [a["kind"] for a in answers[8]["specs"][0]["actions"]]
    assert kinds == ["untick"]


def test_issue_show_gives_it_as_data(desk: Any) -> None:
    said = _poison(desk)
    with talking.inside(desk) as talk:
        for number in said:
            result = talk.call("issue_show", number=number)
            shown = talk.data("issue_show", number=number)
            assert shown["untrusted"] is True and shown["source"] == "github"
            assert shown["number"] == number and shown["author"] == "octo-dev"
            assert len(shown["body"]) <= 4000 and len(shown["title"]) <= 256
            assert "\n" not in shown["title"]
            for text in (shown["title"], shown["body"]):
                assert not UNSEEN.search(text) and "<!--" not in text
            (block,) = result.content
            assert "<" not in block.text and "\n" not in block.text
        hidden = json.dumps([talk.data("issue_show", number=n) for n in (12, 13, 15, 16)])
        assert "pwn11" not in hidden and "pwn12" not in hidden
        assert "craftkit spec" not in hidden and "pwn14" in hidden


def _by_a_stranger(desk: Any) -> int:
    made = desk.human("POST", "issues", {"title": "pwn", "body": "pwn"}, login="stranger")
    number: int = made["number"]
    desk.write(f"- [ ] T001 First\n- [ ] T002 Theirs (#{number})\n")
    desk.ok("spec", "link", "--yes", "--take", str(number))
    return number


def test_what_a_stranger_wrote_is_withheld(desk: Any) -> None:
    number = _by_a_stranger(desk)
    with talking.inside(desk) as talk:
        shown = talk.data("issue_show", number=number)
    assert shown["withheld"] and shown["title"] == "" and shown["body"] == ""
    assert shown["author"] == "stranger" and shown["author_association"] == "NONE"


def test_unless_everybody_is_trusted(desk: Any, monkeypatch: Any) -> None:
    number = _by_a_stranger(desk)
    monkeypatch.setenv("CRAFTKIT_MCP_TRUST", "all")
    with talking.inside(desk) as talk:
        assert talk.data("issue_show", number=number)["withheld"], "nobody has agreed to it"
    agree(desk.repo, "mcp.trust", "all")
    with talking.inside(desk) as talk:
        shown = talk.data("issue_show", number=number)
    assert not shown["withheld"] and (shown["title"], shown["body"]) == ("pwn", "pwn")
    assert shown["untrusted"] is True


def test_an_issue_that_is_gone(desk: Any) -> None:
    desk.link()
    desk.delete(3)
    with talking.inside(desk) as talk:
        assert "The issue #3 is gone" in talk.refused("issue_show", number=3)


def test_issues_of_a_spec_that_is_not_linked_are_not_shown(desk: Any) -> None:
    desk.human("POST", "issues", {"title": "Secret plan", "body": "x"})
    desk.write("- [ ] T001 Mine (#1)\n")
    with talking.inside(desk) as talk:
        assert "#1 belongs to no linked spec" in talk.refused("issue_show", number=1)


def test_what_a_spec_file_says_is_cleaned_too(desk: Any) -> None:
    desk.write(
        "".join(
            f"- [ ] T{n:03d} {s.splitlines()[0]}\n"
            for n, s in enumerate(hostile.SAMPLES, start=1)
            if "<!--" not in s
        )
    )
    with talking.inside(desk) as talk:
        found = [talk.data("task_list"), talk.data("status"), talk.read("craftkit://spec/demo")]
    assert not UNSEEN.search(json.dumps(found, ensure_ascii=False))
