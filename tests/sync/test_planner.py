"""The merge: its table written out, and what must hold of every plan."""

from __future__ import annotations

import sampling
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from craftkit.github import gateway as gh
from craftkit.sync.merge_model import Base, Policy, RemoteIssue, SpecSnapshot, SpecTask
from craftkit.sync.planner import ASKED, merge_task, plan_merge
from craftkit.sync.reopenings import ROUNDS, Round, confirm, next_round

OPEN, DONE, NOT, DUPLICATE = "open", "completed", "not planned", "duplicate"


def seen(state: str) -> RemoteIssue:
    return RemoteIssue(525, state != OPEN, state == DONE, "t", duplicate=state == DUPLICATE)


BASES = st.builds(
    Base,
    st.sampled_from([None, False, True]),
    st.none(),
    st.sampled_from([None, "t", "old"]),
    st.booleans(),
    st.booleans(),
)


@given(BASES, st.booleans(), st.sampled_from([OPEN, DONE, NOT, DUPLICATE]), st.booleans())
def test_i2_carried_out_a_verdict_leaves_nothing_to_do(
    base: Base, box: bool, state: str, held: bool
) -> None:
    assume(not (base.dropped and base.local_done))  # to drop is to take the other back
    verdict = merge_task(base, box, seen(state), None, held)
    if verdict in ASKED:
        return
    for kind in verdict:
        if kind in ("tick", "agree_done", "close"):
            base, box = base._replace(synced_done=True), True
            state = DONE if kind == "close" else state
        if kind in ("untick", "agree_open"):
            base, box = base._replace(synced_done=False, local_done=False), False
        if kind in ("drop", "undrop"):
            base = base._replace(dropped=kind == "drop")
    assert merge_task(base, box, seen(state), None, held) in ((), ("agree_open",), ("agree_done",))


def view(lines: list[SpecTask] | None, **more: object) -> SpecSnapshot:
    facts: dict[str, object] = {
        "base": {},
        "issues": {},
        "gone": {},
        "undelivered": {},
        "complete": True,
        **more,
    }
    return SpecSnapshot(lines, **facts)  # type: ignore[arg-type]


def task(n: int, checked: bool = False, issue: int | None = None, title: str = "t") -> SpecTask:
    return SpecTask(f"T{n:03d}", f"T{n:03d}", title, checked, issue)


def issue(number: int, closed: bool = False, **more: object) -> RemoteIssue:
    return RemoteIssue(number, closed, closed, **{"title": "t", **more})  # type: ignore[arg-type]


def test_i6_a_file_that_is_not_in_view_is_no_evidence() -> None:
    known = {"T001": Base(True, 1)}
    assert plan_merge(view(None, base=known, issues={1: issue(1)})) == plan_merge(view(None))


def test_i6_an_issue_that_was_not_listed_is_no_evidence() -> None:
    lines = [task(1, True, 1)]
    result = plan_merge(view(lines, base={"T001": Base(True, 1)}, complete=False))
    assert result.actions == () and result.conflicts == ()


def test_an_issue_that_is_gone_needs_a_person_and_is_never_made_again() -> None:
    result = plan_merge(view([task(1, False, 1)], gone={1: "deleted"}), Policy(create=True))
    assert [a.code for a in result.conflicts] == ["issue_gone"] and result.actions == ()


def test_a_dropped_task_needs_no_issue() -> None:
    known = {"T001": Base(False, 1, dropped=True)}
    result = plan_merge(view([task(1, False, 1)], base=known, gone={1: "deleted"}))
    assert result.conflicts == () and result.actions == ()


def test_a_removed_line_needs_a_person() -> None:
    known = {"T001": Base(False, 1), "T002": Base(False, 2)}
    result = plan_merge(view([task(1, False, 1)], base=known, issues={1: issue(1), 2: issue(2)}))
    assert [(a.code, a.issue) for a in result.conflicts] == [("line_removed", 2)]
    late = plan_merge(
        view([task(1, False, 1)], base=known, issues={1: issue(1), 2: issue(2)}, complete=False)
    )
    assert late.conflicts == ()


def test_missing_and_orphans_are_reported_and_made_only_when_asked() -> None:
    state = view([task(1, False, 1), task(2)], issues={1: issue(1), 9: issue(9)})
    quiet = plan_merge(state)
    assert quiet.missing == ("T002",) and quiet.orphans == (9,)
    assert {a.kind for a in quiet.actions} <= {"agree_open"}
    asked = plan_merge(state, Policy(create=True, adopt=True))
    assert {a.kind for a in asked.actions} == {"agree_open", "create", "adopt"}


def test_i6_what_cannot_be_listed_is_told_from_what_was_listed_in_part() -> None:
    lines = [task(1, False, 1), task(2)]
    for lists, command in ((True, "craftkit reconcile --create"), (False, "craftkit spec link")):
        state = view(lines, issues={1: issue(1)}, complete=False, lists=lists)
        result = plan_merge(state, Policy(create=True))
        assert [(a.code, a.commands) for a in result.conflicts] == [("list_incomplete", (command,))]
        assert {a.kind for a in result.actions} == {"agree_open"}


def test_a_marker_gives_a_lost_link_back() -> None:
    result = plan_merge(view([task(1)], issues={7: issue(7, marker="T001")}))
    assert ("link", 7) in [(a.kind, a.issue) for a in result.actions]
    assert result.missing == ()


def test_i4_two_issues_of_one_task_the_lowest_stays() -> None:
    marked = {n: issue(n, marker="T001") for n in (9, 7, 8)}
    result = plan_merge(view([task(1)], issues=marked))
    kinds = [(a.kind, a.issue) for a in result.actions]
    assert ("link", 7) in kinds
    assert sorted(n for kind, n in kinds if kind == "close_duplicate") == [8, 9]
    linked = plan_merge(view([task(1, False, 8)], issues=marked))
    assert sorted(a.issue for a in linked.actions if a.kind == "close_duplicate") == [8, 9]
    assert [(a.code, a.commands) for a in linked.conflicts] == [
        ("linked_to_duplicate", ("write (#7) in its line in place of (#8)",))
    ]


def test_a_marker_outside_the_spec_s_parents_does_not_count() -> None:
    result = plan_merge(view([task(1)], issues={7: issue(7, marker="T001", child=False)}))
    assert result.missing == ("T001",) and result.actions == ()


def test_a_title_follows_the_spec_only_while_the_issue_has_the_old_one() -> None:
    known = {"T001": Base(False, 1, "old")}
    lines = [task(1, False, 1, "new")]
    ours = plan_merge(view(lines, base=known, issues={1: issue(1, title="old")}))
    assert [a.kind for a in ours.actions] == ["retitle"]
    theirs = plan_merge(view(lines, base=known, issues={1: issue(1, title="edited")}))
    assert theirs.actions == ()


def test_a_line_that_was_known_by_its_place_alone_renames_nothing() -> None:
    known = {"T001": Base(False, 1, "old")}
    line = task(1, False, None, "new")._replace(bare=True)
    result = plan_merge(view([line], base=known, issues={1: issue(1, title="old")}))
    assert [a.kind for a in result.actions] == ["link", "keep_title"]


def test_conflict_markers_and_an_emptied_spec_stop_everything() -> None:
    known = {"T001": Base(False, 1)}
    assert plan_merge(
        view([task(1, True, 1)], base=known, issues={1: issue(1)}, blocked="a conflict")
    ).stopped
    assert plan_merge(view([], base=known, issues={1: issue(1)})).stopped


def test_many_unticks_stop_and_ask() -> None:
    lines = [task(n, True, n) for n in range(1, 21)]
    known = {line.id: Base(True, line.issue) for line in lines}
    state = view(lines, base=known, issues={n: issue(n, closed=n > 6) for n in range(1, 21)})
    asked = plan_merge(state)
    assert asked.stopped and asked.actions == ()
    assert len(plan_merge(state, Policy(yes=True)).actions) == 6
    few = view(lines, base=known, issues={n: issue(n, closed=n > 5) for n in range(1, 21)})
    assert len(plan_merge(few).actions) == 5


def test_many_renames_stop_and_ask_and_a_task_counts_once() -> None:
    lines = [task(n, n <= 3, n, "new") for n in range(1, 21)]
    known = {line.id: Base(n <= 3, n, "old") for n, line in enumerate(lines, 1)}

    def state(renamed: int) -> SpecSnapshot:
        titles = {n: "old" if n <= renamed else "a person's" for n in range(1, 21)}
        return view(lines, base=known, issues={n: issue(n, title=t) for n, t in titles.items()})

    assert plan_merge(state(6)).stopped  # three of them would be unticked as well
    assert plan_merge(state(6), Policy(yes=True)).actions
    assert not plan_merge(state(5)).stopped


def test_a_program_that_reopens_each_night_is_left_to_a_person() -> None:
    state = view([task(1, True, 1)], base={"T001": Base(True, 1)}, issues={1: issue(1)})
    plan, before = plan_merge(state), dict[int, Round]()
    for night in range(ROUNDS):
        seen = gh.Reopening("night-bot", f"night {night}")
        found = confirm(plan, {1: seen}, before)
        assert [a.kind for a in found.actions] == ["untick"]
        assert "re-opened by night-bot" in found.actions[0].why
        before = {1: next_round(before.get(1), seen)}
    assert confirm(plan, {1: seen}, before).actions, "the same re-opening, seen again"
    found = confirm(plan, {1: gh.Reopening("night-bot", "once more")}, before)
    assert found.actions == () and "night-bot" in found.conflicts[0].message
    person = gh.Reopening("a-person", "once more")
    assert confirm(plan, {1: person}, before).actions, "another account begins anew"
    assert next_round(before[1], person) == Round("a-person", 1, "once more")
    assert confirm(plan, {}, before) == plan._replace(actions=()), "a list that lags behind"


@st.composite
def views(draw: st.DrawFn) -> SpecSnapshot:
    count = draw(st.integers(0, 8))
    numbers = st.one_of(st.none(), st.integers(1, 12))
    lines = [
        task(n, draw(st.booleans()), draw(numbers), draw(st.sampled_from("tu")))
        for n in range(1, count + 1)
    ]
    base = {
        f"T{n:03d}": draw(st.builds(Base, st.sampled_from([None, False, True]), numbers, st.none()))
        for n in range(1, draw(st.integers(0, 9)) + 1)
    }
    markers = st.one_of(st.none(), st.sampled_from([f"T{n:03d}" for n in range(1, 10)]))
    issues = {
        n: RemoteIssue(
            n, draw(st.booleans()), draw(st.booleans()), "t", draw(markers), draw(st.booleans())
        )
        for n in draw(st.sets(st.integers(1, 12)))
    }
    gone = {n: "deleted" for n in draw(st.sets(st.integers(1, 12))) - set(issues)}
    intents = draw(
        st.dictionaries(st.sampled_from(sorted(base) or ["T001"]), st.sampled_from(["done"]))
    )
    return SpecSnapshot(
        lines, base, issues, gone, intents, draw(st.booleans()), draw(st.booleans())
    )


@given(views(), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=sampling.examples(150, 400), deadline=None)
def test_every_plan_is_sane(state: SpecSnapshot, create: bool, adopt: bool, yes: bool) -> None:
    result = plan_merge(state, Policy(create, adopt, yes))
    for action in result.actions:
        assert action.why
        assert action.kind != "create" or create
        assert action.kind != "adopt" or adopt
        if action.issue is not None:
            assert action.issue in state.issues, "acts on an issue that nobody saw"
    touched = [a.issue for a in result.actions if a.kind in ("close", "reopen", "close_duplicate")]
    assert len(touched) == len(set(touched))
    if result.stopped:
        assert result.actions == ()
