"""Editing JSON texts: what is put in and taken out again leaves the same bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craftkit.agents import jsontext
from craftkit.agents.jsontext import Node, Unparsable, find, insert, parse, remove, replace

SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NEW = {"hooks": [{"type": "command", "command": "x // y"}], "n": 1}


@st.composite
def documents(draw: st.DrawFn, comments: bool = True) -> tuple[str, Any]:
    """A text in any layout, with comments and trailing commas, and what it says."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    breaks = draw(st.booleans())

    def gap() -> str:
        pieces = [" ", "  ", "\t", ""] + [newline, newline + "  "] * breaks
        if comments:
            pieces += ["/* a, */", "/*{*/ "] + [f"// c ], {newline}", f" //{newline}\t"] * breaks
        return "".join(draw(st.lists(st.sampled_from(pieces), max_size=2)))

    def write(value: Any) -> str:
        if isinstance(value, dict):
            parts = [f"{json.dumps(k)}{gap()}:{gap()}{write(v)}" for k, v in value.items()]
        elif isinstance(value, list):
            parts = [write(v) for v in value]
        else:
            return json.dumps(value, ensure_ascii=draw(st.booleans()))
        inside = ",".join(f"{gap()}{part}{gap()}" for part in parts) or gap()
        if parts and comments and draw(st.booleans()):
            inside += "," + gap()
        return f"{{{inside}}}" if isinstance(value, dict) else f"[{inside}]"

    value = draw(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return mark + gap() + write(value) + gap(), value


def containers(node: Node, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Node]]:
    found = [(path, node)] if isinstance(node.value, dict | list) else []
    for member in node.members:
        found += containers(member.node, (*path, member.key))
    for number, item in enumerate(node.items):
        found += containers(item, (*path, number))
    return found


def grown(value: Any, path: tuple[Any, ...], new: Any, key: str | None) -> Any:
    """A copy of `value` with `new` at its place."""
    if not path:
        return {**value, key: new} if key is not None else [*value, new]
    inner = grown(value[path[0]], path[1:], new, key)
    if isinstance(value, dict):
        return {**value, path[0]: inner}
    return [inner if n == path[0] else item for n, item in enumerate(value)]


@given(documents())
def test_reading(document: tuple[str, Any]) -> None:
    text, value = document
    assert parse(text).value == value


@given(documents(comments=False))
def test_reading_agrees_with_python(document: tuple[str, Any]) -> None:
    text, _ = document
    assert parse(text).value == json.loads(text.removeprefix("\ufeff"))


@given(st.text(alphabet='{}[]",:/*\n\\ a1tn-', max_size=30))
def test_what_is_no_json_is_refused_and_nothing_else(text: str) -> None:
    try:
        wanted = json.loads(text)
    except ValueError:
        wanted = None
    try:
        assert parse(text).value == wanted or wanted is None
    except Unparsable as error:
        assert wanted is None and 1 <= error.line <= text.count("\n") + 1


@given(documents(), st.data())
def test_insert_and_remove_leave_the_same_bytes(document: tuple[str, Any], data: Any) -> None:
    text, value = document
    path, box = data.draw(st.sampled_from(containers(parse(text))))
    key = "craftkit new" if isinstance(box.value, dict) else None
    made = insert(text, path, NEW, key)
    assert parse(made.text).value == grown(value, path, NEW, key)
    place = (*path, key if key is not None else len(box.items))
    assert remove(made.text, place, made.glue) == text
    assert parse(remove(made.text, place)).value == value
    # Nothing that was there is gone or moved: the old text is what is left without some of the new.
    rest = iter(made.text)
    assert all(char in rest for char in text)


@given(documents(), st.lists(st.sampled_from(["a!", "b!", "c!"]), max_size=6))
def test_nested_steps_are_undone_in_reverse(document: tuple[str, Any], names: list[str]) -> None:
    text, _ = document
    before, steps = text, list[tuple[tuple[Any, ...], jsontext.Padding]]()
    for path in ((), ("hooks!",), *((("hooks!", name)) for name in dict.fromkeys(names))):
        if not path:
            made = insert(text, (), {}, "hooks!")
            steps.append((("hooks!",), made.glue))
        elif len(path) == 1:
            made = insert(text, path, [], "z")
            steps.append((("hooks!", "z"), made.glue))
        else:
            made = insert(text, ("hooks!",), [NEW], path[1])
            steps.append((path, made.glue))
        text = made.text
    for path, glue in reversed(steps):
        text = remove(text, path, glue)
    assert text == before


@given(documents(), st.data())
def test_remove_takes_one_thing_only(document: tuple[str, Any], data: Any) -> None:
    text, value = document
    full = [(path, box) for path, box in containers(parse(text)) if box.children]
    if not full:
        return
    path, box = data.draw(st.sampled_from(full))
    key = data.draw(st.sampled_from(list(box.value) if box.members else range(len(box.items))))
    after = parse(remove(text, (*path, key))).value
    wanted = json.loads(json.dumps(value))
    inner = wanted
    for step in path:
        inner = inner[step]
    del inner[key]
    assert after == wanted


@given(documents(), st.data(), VALUES)
def test_replace_changes_one_value(document: tuple[str, Any], data: Any, new: Any) -> None:
    text, value = document
    if not value:
        return
    key = data.draw(st.sampled_from(list(value)))
    changed = replace(text, (key,), new)
    assert parse(changed).value == {**value, key: new}
    node = find(parse(text), (key,))
    assert node is not None
    assert changed.startswith(text[: node.start]) and changed.endswith(text[node.end :])


def test_the_layout_of_the_file_is_kept() -> None:
    text = '{\n\t"a": 1, // one\n\t"b": {} // two\n\t// end\n}\n'
    made = insert(text, (), {"c": [1]}, "n").text
    assert made == (
        '{\n\t"a": 1, // one\n\t"b": {}, // two\n\t"n": {\n\t\t"c": [\n\t\t\t1\n\t\t]\n\t}'
        "\n\t// end\n}\n"
    )
    assert insert('{"a":1}', (), [1, 2], "n").text == '{"a":1, "n": [1, 2]}'
    assert insert("{}\r\n", (), 1, "n").text == '{\r\n  "n": 1\r\n}\r\n'


def test_what_a_formatter_did_in_between() -> None:
    made = insert('{"a": {}}', ("a",), 1, "n")
    assert remove('{\n  "a": {\n    "n": 1,\n  }\n}', ("a", "n"), made.glue) == '{\n  "a": {}\n}'
    assert remove('{ // c\n  "n": 1 }', ("n",), jsontext.Padding("\n  ")) == "{ // c\n }"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("{", 1),
        ('{\n  "a": 1\n  "b": 2\n}', 3),
        ('{"a": 1}\n\nx', 3),
        ("{'a': 1}", 1),
        ('{"a": tru}', 1),
        ('{"a": "x\ny"}', 1),
        ("{} /* no end", 1),
        ("[" * 300, 1),
        ('{"a": 1,,}', 1),
    ],
)
def test_unparsable(text: str, line: int) -> None:
    with pytest.raises(Unparsable) as caught:
        parse(text)
    assert caught.value.line == line and caught.value.reason
