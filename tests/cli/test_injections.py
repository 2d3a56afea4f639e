"""Two corpora of prompt injections, as task titles, through everything that is printed.

No words can be kept from saying what they say.  What is promised is that nothing in them is
invisible, that none of them passes for craftkit's own words or ends a code span, and that harmless
titles stay what they are.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import commands
import pytest

from craftkit import text

Ck = Callable[..., tuple[int, Any, str]]
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\U000e0000-\U000e0fff]"
)


def lines_of(package: str, path: str) -> list[dict[str, Any]]:
    found = files(package).joinpath(path).read_text(encoding="utf-8")
    return [json.loads(line) for line in found.splitlines() if line.strip()]


def texts() -> tuple[list[str], list[str]]:
    """Injections, and harmless texts, each as one line."""
    rows = lines_of("bastioncorpus", "corpus/injections.jsonl")
    hostile = [row["text"] for row in rows if row["label"] == "malicious"]
    harmless = [row["text"] for row in rows if row["label"] == "benign"]
    for row in lines_of("aib", "data/attacks.jsonl"):
        hostile.append(str(row["injected"]))
    return [" ".join(t.split()) for t in hostile], [" ".join(t.split()) for t in harmless]


HOSTILE, HARMLESS = texts()
# What the reader of a task line takes for something else than words of the title.
OTHER = r"(?i)\(#\d+\)|depends on|<!--|\[P\]|\(optional\)|\\|^[~*_#]"


def is_plain(title: str) -> bool:
    return re.search(OTHER, title) is None and INVISIBLE.search(title) is None


@pytest.fixture
def spec(repo: Path, ck: Ck) -> list[str]:
    """A spec whose titles are all of them; the titles that are only words."""
    ck("init", "--no-agents")
    every = [*HOSTILE, *HARMLESS]
    rows = "".join(f"- [ ] T{n:03d} {title}\n" for n, title in enumerate(every, 1))
    (repo / "specs").mkdir()
    (repo / "specs/demo.md").write_text(
        f"---\nid: demo\nphase: implementation\n---\n\n## Tasks\n\n{rows}", encoding="utf-8"
    )
    return every


def test_the_corpora_are_whole() -> None:
    assert len(HOSTILE) > 140 and len(HARMLESS) > 50


def test_nothing_invisible_is_printed(repo: Path, ck: Ck, spec: list[str]) -> None:
    for words in (
        *("task list", "status", "task next", "task report", "spec show", "session-resume"),
        *("history", "spec check specs/demo.md", "task show T001", "spec list", "doctor --offline"),
    ):
        for more in ("", " --json"):
            done = commands.run(*f"{words}{more}".split(), cwd=repo, env=dict(os.environ))
            said = done.stdout + done.stderr
            assert done.returncode in (0, 1), (words, done.stderr[-300:])
            assert not INVISIBLE.findall(said.replace("\n", "").replace("\t", "")), words


def test_every_title_stays_a_title_of_its_own_line(ck: Ck, spec: list[str]) -> None:
    rows = ck("task", "list", "--json")[1]["data"]["tasks"]
    assert [row["key"] for row in rows] == [f"T{n:03d}" for n in range(1, len(spec) + 1)]
    shown = [line for line in ck("task", "list")[1].splitlines() if line.startswith("[")]
    assert len(shown) == len(spec)


def test_a_brief_holds_each_as_short_plain_words(ck: Ck, repo: Path, spec: list[str]) -> None:
    """In a brief a title is one harmless line: no tags, no code marks, and not long."""
    for number, title in enumerate(HOSTILE, 1):
        shown = text.for_model(title)
        assert len(shown) <= 80 and not {*"<>`\n"} & {*shown} and not INVISIBLE.search(shown)
        if number % 40 == 1:
            ck("task", "start", f"T{number:03d}", "--switch")
            brief = ck("session-resume", "--offline")[1]
            assert brief.count("\n") < 12 and "<" not in brief
            (line,) = (line for line in brief.splitlines() if line.startswith("In progress:"))
            assert shown[:20].split("…")[0].strip() in line


@pytest.mark.parametrize("title", [t for t in HARMLESS if is_plain(t)])
def test_harmless_words_are_not_mangled(title: str) -> None:
    assert text.visible(title) == title
    assert text.one_line(title, 10_000) == title


def test_harmless_titles_are_listed_as_they_are(ck: Ck, spec: list[str]) -> None:
    rows = ck("task", "list", "--json")[1]["data"]["tasks"]
    shown = [row["title"] for row in rows]
    wanted = [t for t in HARMLESS if is_plain(t)]
    missing = [title for title in wanted if title not in shown]
    assert len(wanted) > 30 and missing == []
