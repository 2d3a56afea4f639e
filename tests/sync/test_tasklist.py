"""The managed list in a parent's body."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from craftkit.sync.markers import BEGIN, END, with_list

TASKS = [(2, False), (3, True)]


def test_appended_then_replaced_in_place() -> None:
    first = with_list("Words.\n", TASKS)
    assert first == f"Words.\n\n{BEGIN}\n- [ ] #2\n- [x] #3\n{END}\n"
    assert with_list(first, TASKS) == first
    edited = first.replace("Words.", "Other words.") + "After.\n"
    assert with_list(edited, [(2, True)]) == f"Other words.\n\n{BEGIN}\n- [x] #2\n{END}\nAfter.\n"


def test_broken_markers_are_left_alone() -> None:
    for body in (f"{BEGIN}\n- [ ] #2\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n"):
        assert with_list(body, TASKS) == body


@given(st.text(alphabet="ab \n\r-[x]#<!>", max_size=60), st.text(max_size=20))
def test_nothing_else_changes(before: str, after: str) -> None:
    body = with_list(before, TASKS) + after
    again = with_list(body, [(9, True)])
    assert again == body or again.endswith(after)
    assert before.rstrip() in again
