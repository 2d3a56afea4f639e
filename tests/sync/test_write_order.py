"""What a queued write holds back.  Pure."""

from __future__ import annotations

import itertools

import pytest

from craftkit.store.outbox import Row
from craftkit.sync import write_order

NOW = 1000.0
EXTRAS = ("start", "comment", "retitle", "block")


def row(number: int, action: str, state: str = "queued", **more: object) -> Row:
    at = "1970-01-01T00:00:00.000Z"
    base = Row(number, None, "demo", "t1", 2, action, {}, state, 0, None, 0.0, None, at, at)
    return base._replace(**more)


def order(*rows: Row) -> list[int]:
    return [one.id for one in write_order.sort_out(rows, NOW, 60.0).rows]


STANDS = ({"state": "dead"}, {"not_before": NOW + 60}, {"state": "unknown", "not_before": NOW + 1})


@pytest.mark.parametrize(
    ("extra", "stands", "state"), list(itertools.product(EXTRAS, STANDS, write_order.STATES))
)
def test_nothing_that_decorates_holds_back_a_state(
    extra: str, stands: dict[str, object], state: str
) -> None:
    assert order(row(1, extra, **stands), row(2, state)) == [2]  # type: ignore[arg-type]


@pytest.mark.parametrize("state", write_order.STATES)
@pytest.mark.parametrize("later", [*EXTRAS, "close"])
def test_a_state_that_waits_holds_back_what_follows(state: str, later: str) -> None:
    rows = (row(1, state, "dead"), row(2, later))
    assert order(*rows) == []


@pytest.mark.parametrize("later", [*EXTRAS, *write_order.STATES])
def test_a_creation_holds_back_everything(later: str) -> None:
    assert order(row(1, "create", not_before=NOW + 60), row(2, later)) == []


def test_what_is_held_waits_for_a_person() -> None:
    assert order(row(1, "start", "held"), row(2, "close")) == []


@pytest.mark.parametrize("extra", ["comment", "retitle"])
def test_what_waits_keeps_its_own_kind_in_order(extra: str) -> None:
    assert order(row(1, extra, not_before=NOW + 60), row(2, extra)) == []
    assert order(row(1, extra, "dead"), row(2, extra)) == [2]


def test_a_label_that_was_given_up_is_settled_by_the_close() -> None:
    turn = write_order.sort_out([row(1, "start", "dead"), row(2, "close")], NOW, 60.0)
    assert [one.id for one in turn.overtaken] == [1]


def test_what_failed_often_goes_last_and_a_task_keeps_its_order() -> None:
    other = row(9, "close", task_id="t2")
    assert order(row(1, "retitle", attempts=5), row(2, "close"), other) == [9, 1, 2]


def test_a_comment_that_a_killed_process_sent_is_given_time() -> None:
    late = {"updated_at": "1970-01-01T00:16:00.000Z"}  # 40 seconds ago
    assert order(row(1, "comment", "sent", **late)) == []
    assert order(row(1, "retitle", "sent", **late)) == [1]
