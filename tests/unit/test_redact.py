"""redact: nothing secret gets through, ordinary prose does; clean: one harmless line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craftkit.text import clean_lines, one_line, redact, redact_value

SECRET = "CaNaRy0123456789abcdefCaNaRy"
TOKENS = [f"gh{kind}_{SECRET}" for kind in "pousr"] + [f"github_pat_11AA_{SECRET}"]

SEPARATORS = ["Authorization:", "Cookie: ", "token ", "Bearer ", "password=", "a@b.example"]
SEPARATORS += ["github_pat_", "github_pat_a", "ghp_", "gh", "://", "@", "-", ".", ","]
SEPARATORS += ['"', "'", "\n", " "]

# Text in which the patterns' own words, separators and quotes are likely neighbours.
noise = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(SEPARATORS),
    ),
    max_size=6,
).map("".join)


@given(noise, st.sampled_from(TOKENS), noise)
def test_a_github_token_never_leaks_at_any_position(before: str, token: str, after: str) -> None:
    assert SECRET not in redact(before + token + after)


@given(noise, st.sampled_from(TOKENS), noise, st.sampled_from(["note", "a_token", "list"]))
def test_a_github_token_never_leaks_from_data(
    before: str, token: str, after: str, key: str
) -> None:
    text = before + token + after
    assert SECRET not in json.dumps(redact_value({key: [text, {text: (text,)}]}))


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: token {SECRET}",
        f"authorization : Basic {SECRET} more {SECRET}",
        f"Cookie: a=b; session={SECRET}",
        f"Set-Cookie: session={SECRET}; Path=/",
        f"{{'Authorization': 'Basic {SECRET}', 'Accept': 'x'}}",
        f'{{"Authorization":"{SECRET}"',
        f"curl -H 'Authorization: bearer {SECRET}' https://example.com",
        f"Bearer {SECRET}",
        f"using token {SECRET}.",
        f"https://{SECRET}@example.com/o/r",
        f"https://user:p@{SECRET}@example.com/o/r",
        f"ssh://{SECRET}:x@example.com/o/r",
        f"GH_TOKEN={SECRET} make",
        f'{{"password": "{SECRET}"}}',
        f"write to {SECRET}@mail.example.com now",
        f"連絡先：{SECRET}@example.com まで",
    ],
)
def test_secrets_in_their_usual_places_are_masked(text: str) -> None:
    assert SECRET not in redact(text)
    assert "***" in redact(text)


def test_masking_keeps_what_is_around() -> None:
    assert redact("see https://u:p@example.com/o/r ok") == "see https://***@example.com/o/r ok"
    assert redact("Cookie: a\nnext line") == "Cookie: ***\nnext line"
    assert redact("{'Cookie': 'a', 'n': 1}") == "{'Cookie': \"***\", 'n': 1}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no token was found: set GH_TOKEN",
        "the token budget is 400 words",
        "git@github.com:owner/name.git",
        "https://github.com/owner/name/issues/12",
        "react@18.2.0 and @decorator.name",
        "T012 をトークン一覧に追加する (#541)",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert redact(text) == text


@given(noise)
def test_redacting_never_raises_on_text(text: str) -> None:
    redact(text)


@pytest.mark.parametrize(
    "unit",
    ["a", "a@", "a.", "token ", "token\t", "://", "@", "ghp_", "Cookie", '"', "\x1b]", "a=b"],
)
def test_long_input_is_no_problem(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    redact(text)  # a quadratic pattern would take hours here
    assert len(one_line(text)) <= 200


def test_secret_keys_are_masked_whatever_they_hold() -> None:
    data = {
        "token": "abc",
        "api_token": ["abc"],
        "clientSecret": {"x": 1},
        "PASSWORD": 1234,
        "Authorization": "abc",
        "note": "by someone@example.com",
        "n": 3,
    }
    masked = redact_value(data)
    assert masked == {key: "***" for key in data if key not in ("note", "n")} | {
        "note": "by ***",
        "n": 3,
    }
    assert data["token"] == "abc"  # a copy


def test_counts_and_flags_are_not_secrets() -> None:
    data = {"max_tokens": 400, "has_token": True, "token": None, "ratio": 0.5}
    assert redact_value(data) == data


def test_bytes_and_endless_nesting() -> None:
    assert redact_value(b"Bearer " + SECRET.encode()) == "Bearer ***"
    deep: list[object] = [SECRET]
    for _ in range(5000):
        deep = [deep]
    assert SECRET not in json.dumps(redact_value(deep))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain 日本語 text", "plain 日本語 text"),
        ("  a \t\r\n b\u2028c\u00a0d\u3000e ", "a b c d e"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07x \x1b]8;;u\x1b\\y\x1b(B \x9b1mz", "red x y z"),
        ("a\x00b\x07c\x7fd\x1b", "abcd"),
        ("a\u202eb\u2066c\u200bd\ufeffe\u00adf\U000e0041g\ufe0f", "abcdefg"),
        ("bad \udcff byte", "bad \ufffd byte"),
        ("\x1b\u200b[31mx", "[31mx"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert one_line(text) == expected


FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"the {FAMILY} plan", f"the {FAMILY} plan"),
        # A skin tone and a variation selector before it; the selector itself goes.
        ("\U0001f469\U0001f3fd\u200d\U0001f4bb", "\U0001f469\U0001f3fd\u200d\U0001f4bb"),
        ("\u2764\ufe0f\u200d\U0001f525", "\u2764\u200d\U0001f525"),
        ("\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f3f3\u200d\U0001f308"),
        # Anywhere else it only hides.
        ("a\u200db", "ab"),
        ("\u200d\U0001f469", "\U0001f469"),
        ("\U0001f469\u200d", "\U0001f469"),
        ("\U0001f469\u200d\u200d\U0001f469", "\U0001f469\U0001f469"),
        ("\U0001f469\u200b\u200d\U0001f469", "\U0001f469\U0001f469"),
        ("\U0001f469\u200da\u200d\U0001f469", "\U0001f469a\U0001f469"),
        ("\U0001f469\ufe0f\ufe0f\u200d\U0001f469", "\U0001f469\U0001f469"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u0937"),
    ],
)
def test_a_joiner_stays_only_between_pictographs(text: str, expected: str) -> None:
    assert one_line(text) == expected == one_line(expected)
    assert clean_lines(text) == expected


def test_a_cut_leaves_no_joiner_at_the_end() -> None:
    for limit in range(8):
        assert not one_line(FAMILY * 2, limit).rstrip("…").endswith("\u200d")
        assert not clean_lines(FAMILY * 2, limit).rstrip("…").endswith("\u200d")


JOINED = st.text(alphabet="a \u200d\ufe0f\U0001f469\U0001f3fd\u2764\u200b", max_size=30)


@given(JOINED, st.integers(min_value=0, max_value=20))
def test_cleaning_joiners_twice_changes_nothing_more(text: str, limit: int) -> None:
    once = one_line(text, limit)
    assert one_line(once, limit) == once and len(once) <= limit


def test_clean_caps_the_length() -> None:
    assert one_line("x" * 200) == "x" * 200
    assert one_line("x" * 201) == "x" * 199 + "…"
    assert one_line("ab cd", 4) == "ab…"
    assert one_line("abc", 1) == "…"
    assert one_line("abc", 0) == ""


@given(st.text(), st.integers(min_value=0, max_value=50))
def test_clean_is_one_printable_line_and_idempotent(text: str, limit: int) -> None:
    once = one_line(text, limit)
    assert len(once) <= limit
    assert one_line(once, limit) == once
    assert len(once.splitlines()) <= 1
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in once)
    once.encode()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("one\r\n\r\n  two\t \nthree", "one\n\n  two\nthree"),
        ("a\x1b[31mb\x1b]0;t\x07c\u202ed\u200be\U000e0041f", "abcdef"),
        ("before <!-- hidden -->after", "before  after"),
        ("before <!-- hidden\nto the end", "before"),
        ("<!<!-- x -->-- y -->", "<! -- y -->"),
        ("<\u200b!-- hidden -->x", " x"),
        ("<!--> hidden -->x", " x"),
        ("a\u2028b\x1fc\x85d", "a\nb\nc\nd"),
        ("lone \ud800", "lone \ufffd"),
        ("", ""),
    ],
)
def test_lines_are_cleaned_and_comments_go(given: str, shown: str) -> None:
    assert clean_lines(given) == shown


@given(st.text() | noise, st.integers(0, 30))
def test_cleaned_lines_are_harmless_and_short(text: str, limit: int) -> None:
    shown = clean_lines(text, limit)
    assert len(shown) <= limit and "<!--" not in shown
    assert clean_lines(clean_lines(text)) == clean_lines(text)
    for line in shown.split("\n"):
        assert line == line.rstrip() and "\x1b" not in line and "\u202e" not in line
