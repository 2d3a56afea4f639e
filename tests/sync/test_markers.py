"""The managed line of an issue body."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craftkit.specs import parse
from craftkit.sync.markers import Marker, find, marker, origin, origin_of, origins

TEXTS = st.text(min_size=1, max_size=40).filter(lambda t: t.isprintable())


@given(
    TEXTS,
    st.one_of(st.none(), TEXTS),
    st.from_regex("([0-9a-f]{8})?", fullmatch=True),
    st.text(max_size=60),
    st.text(max_size=60),
)
def test_what_is_written_is_read(
    spec: str, task: str | None, of: str, before: str, after: str
) -> None:
    of = of if task is not None else ""  # a parent is not made of a task
    line = marker(spec, task, of)
    assert line.isascii() and "--" not in line[4:-3] and "\n" not in line
    before, after = (text.replace("craftkit", "") for text in (before, after))
    assert find(f"{before}\n{line}\n{after}") == Marker(spec, task, of)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "craftkit spec=a task=T001",
        "text <!-- craftkit spec=a task=T001 -->",
        "<!-- craftkit spec=a task=T001 --> text",
        "> <!-- craftkit spec=a task=T001 -->",
        "<!-- craftkit spec=a task=T001 -->\n<!-- craftkit spec=a task=T002 -->",
        "<!-- craftkit spec= task=T001 -->",
        "<!-- craftkit task=T001 -->",
        "<!-- craftkit spec=" + "a" * 700 + " -->",
    ],
)
def test_anything_else_is_no_marker(body: str) -> None:
    assert find(body) is None


def test_line_ends_of_the_web_form() -> None:
    assert find("a\r\n<!-- craftkit spec=a task=T001 -->\r\nb") == Marker("a", "T001")


def test_an_origin_is_of_the_key_and_the_words_alone() -> None:
    assert origin("T001", "Set it up") == "d0060b9e" == origin("T001", "~~Set  **it** UP~~")
    others = [origin("T002", "Set it up"), origin(None, "Set it up"), origin("T001", "Set it")]
    assert len({origin("T001", "Set it up"), origin("T001", "Set it up", 2), *others}) == 5


@pytest.mark.parametrize("key", ["T001 ", ""])
def test_twins_have_origins_of_their_own_whatever_stands_around_them(key: str) -> None:
    def made(*lines: str) -> list[str]:
        text = "## Tasks\n\n" + "".join(f"- [ ] {line}\n" for line in lines)
        spec = parse(text.encode(), "specs/a.md")
        assert len(spec.tasks) == len(lines)
        return list(origins(spec.tasks).values())

    one, two = made(f"{key}Write tests", f"{key}Write tests")
    assert one != two
    assert made("Begin", f"{key}write **tests**", "Go on", f"{key}Write tests")[1::2] == [one, two]


@pytest.mark.parametrize(
    ("task", "title", "same_as"),
    [
        ("T001", "T001 Write tests", ("T001", "Write tests", 1)),
        ("T001~1", "T001 Write tests", ("T001", "Write tests", 1)),
        ("T001!2", "T001 Write tests", ("T001", "Write tests", 1)),
        ("~0123abcd", "Write tests", (None, "Write tests", 1)),
        ("~0123abcd.2", "Write tests", (None, "Write tests", 2)),
        ("#12", "Write tests", (None, "Write tests", 1)),
    ],
)
def test_an_older_marker_is_read_by_key_and_title(
    task: str, title: str, same_as: tuple[str | None, str, int]
) -> None:
    assert origin_of(Marker("a", task), title) == origin(*same_as)
    assert origin_of(Marker("a", task, "0123abcd"), title) == "0123abcd"
