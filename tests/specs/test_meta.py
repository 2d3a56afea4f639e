"""The fast YAML readers agree with yaml or say nothing."""

from __future__ import annotations

import sampling
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from craftkit.specs.meta import read_config, read_simple

SCALARS = st.one_of(
    st.sampled_from(
        [
            "",
            "a",
            "12",
            "null",
            "~",
            "a b",
            "a: b",
            "a:b",
            "a #b",
            "a#b",
            "'q'",
            "'it''s'",
            '"d"',
            '"d\\n"',
            "[a, b]",
            "[]",
            "[a, 'b c',d]",
            "{a: b}",
            "- a",
            "&a",
            "*a",
            "!x",
            "|",
            ">",
            "%",
            "@",
            "`",
            "https://h/p?a=1",
            "12:30",
            "日本 語",
            "a ",
            "a:",
            "x\ty",
            "\x85",
            "?",
            "a\u3000",
        ]
    ),
    st.text(max_size=8),
)
ROWS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "", "  ", "    ", " "]),
    st.sampled_from(["a", "b", "key", "- ", "", "# c", "'q'", "a-b", "<<", "---", "..."]),
    st.sampled_from([": ", ":", ":  ", "", " : "]),
    SCALARS,
)


def oracle(text: str) -> object:
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506


@given(st.lists(ROWS, max_size=6).map("\n".join))
@settings(max_examples=sampling.examples(200, 2000), deadline=None)
def test_read_simple_is_what_yaml_reads(text: str) -> None:
    fast = read_simple(text)
    if fast is not None:
        assert (oracle(text) or {}) == fast


@given(st.lists(ROWS, max_size=6).map("\n".join))
@settings(max_examples=sampling.examples(200, 2000), deadline=None)
def test_read_config_is_what_yaml_reads(text: str) -> None:
    fast = read_config(text)
    if fast is not None:
        assert (oracle(text) or {}) == fast


def test_ordinary_blocks_need_no_yaml() -> None:
    block = 'id: "a"\nname: \'日本語 "x"\'\nissue: 12\npr: https://h/p\nb:\nt: 10:00:00Z\n'
    assert read_simple(block) == oracle(block)
    config = (
        "github:\n  repo: a/b\n  labels: [x, 'y z']\n  more:\n    - one\n    - two\n\nplain: 1\n"
    )
    assert read_config(config) == oracle(config)
