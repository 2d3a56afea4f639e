"""Which issues are second ones of a task: pure."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from craftkit.github import gateway as gh
from craftkit.store import db, outbox
from craftkit.sync import double_issues, markers
from craftkit.sync.context import Settings, SyncContext
from craftkit.sync.double_issues import Double, doubles


def issue(number: int, task: str | None, title: str = "t", **facts: Any) -> gh.Issue:
    body = markers.marker("demo", task)
    made = gh.Issue(number, number, f"I{number}", title, gh.OPEN, None, (), "", "", True, 1, "")
    return made._replace(**{"body": body, **facts})


def test_the_higher_issue_of_a_task_is_the_second() -> None:
    found = doubles("demo", [issue(5, "T001"), issue(3, "T001"), issue(4, "T002")], {3, 4})
    assert found == [Double(5, 3)]


def test_what_is_no_evidence_closes_nothing() -> None:
    first = issue(3, "T001")
    others = [
        issue(5, "T001", title="another title"),  # its key was used again
        issue(6, "T001", trusted=False),  # anybody can write a marker
        issue(7, "T001", state=gh.CLOSED),
        issue(8, "T001", body=markers.marker("other", "T001")),
        issue(9, "T001", body=""),
        issue(10, None),
    ]
    assert doubles("demo", [first, *others], {3}) == []
    assert doubles("demo", [first, issue(5, "T001")], {5}) == []  # a line names the higher one
    assert doubles("demo", [first, issue(5, "T001")], {3, 5}) == []  # both are tasks' issues


@given(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from("AB"), st.sampled_from("xy"))),
    st.sets(st.integers(1, 12)),
)
def test_i4_no_remembered_issue_and_no_lowest_one_is_closed(
    drawn: list[tuple[int, str, str]], known: set[int]
) -> None:
    children = {n: issue(n, task, title) for n, task, title in drawn}
    found = doubles("demo", list(children.values()), known)
    for number, first in found:
        assert number not in known and first in known and first < number
        one, two = children[number], children[first]
        assert (one.title, one.body) == (two.title, two.body)


def test_an_incomplete_list_decides_nothing(tmp_path: Any) -> None:
    store = db.open_store(str(tmp_path / "state"))
    with store.write() as tx:
        outbox.queue_look(tx, "2026-01-01", "demo", 1)
        outbox.queue_look(tx, "2026-01-01", "demo", 1)

    class Short:
        def trees(self, wanted: list[int]) -> dict[int, gh.Tree]:
            return {1: gh.Tree(issue(1, None), (issue(3, "T001"), issue(5, "T001")), False)}

    sync = SyncContext(store, Short(), Settings("o/r"), lambda: 1000.0)  # type: ignore[arg-type]
    (row,) = outbox.looks(store, 1000.0)
    assert double_issues.look(sync, row) == []
    assert outbox.looks(store, 1000.0) == [] and len(outbox.looks(store, 1060.0)) == 1
