"""The managed line of an issue body."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craftkit.sync.markers import Marker, find, marker

TEXTS = st.text(min_size=1, max_size=40).filter(lambda t: t.isprintable())


@given(TEXTS, st.one_of(st.none(), TEXTS), st.text(max_size=60), st.text(max_size=60))
def test_what_is_written_is_read(spec: str, task: str | None, before: str, after: str) -> None:
    line = marker(spec, task)
    assert line.isascii() and "--" not in line[4:-3] and "\n" not in line
    before, after = (text.replace("craftkit", "") for text in (before, after))
    assert find(f"{before}\n{line}\n{after}") == Marker(spec, task)


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
