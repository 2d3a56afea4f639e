"""Scrubbing of text before it is recorded or shown.  Pure: imports nothing of craftkit.

Every pattern is linear: a repeat either cannot start inside its own match or is bounded.
"""

from __future__ import annotations

import re
from typing import Any

MASK = "***"
_MAX_DEPTH = 64

# Kept as text: most commands need none of them, and `re` compiles a pattern at its first use.

# One alphabet for all kinds, so that a token glued to another one is swallowed whole.
_GITHUB_TOKEN = r"(?:gh[pousr]_[\w.-]{10}|github_pat_\w)[\w.-]*"  # noqa: S105 - a pattern

_HEADER = r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)"
_QUOTED_HEADER = _HEADER + r"""(["']\s{0,4}[:,]\s{0,4}[bB]?)(?:"[^"\r\n]*|'[^'\r\n]*)["']?"""
_PLAIN_HEADER = _HEADER + r"([ \t]{0,4}:)[^\r\n]*"

# "token X" is also English: the value must look like one (a digit in it, or long).
_CREDENTIAL = (
    r"(?i)\b(bearer|token)([ \t]{1,4}|:[ \t]{0,4})"
    r"(?:(?=[^\s\d]{0,200}\d)[\w.~+/=-]{6,}|[\w.~+/=-]{16,})"
)
_ASSIGNMENT = (
    r"(?i)(token|secret|passw(?:or)?d|api[_-]?key|private[_-]?key)"
    r"""(=["']?|["']\s{0,4}:\s{0,4}["']?)[^\s"',;&]+"""
)
_USERINFO = r"://[^\s/]+@"
# git@host is how every clone over ssh reads, not a person.
_EMAIL = r"(?<![\w.%+-])(?!git@)[\w.%+-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}"

_SECRET_KEY = (
    r"(?i)token|secret|passw(?:or)?d|passphrase|authorization|cookie|credential"  # noqa: S105
    r"|api[_-]?key|private[_-]?key"
)

_ANSI = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, …
    r"|\x1b[ -/]*[0-~]"
)
# Between two pictographs, the first maybe with a variation selector, a joiner makes them one.
_PICTOGRAPH = "[\u2194\u2195\u2300-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff]"
_JOINER = "\u200d"
_LONE_JOINER = (
    f"(?<!{_PICTOGRAPH})(?<!{_PICTOGRAPH}[\ufe0e\ufe0f]){_JOINER}|{_JOINER}(?!{_PICTOGRAPH})"
)
_INVISIBLE = (
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # controls that are not white space
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u2060-\u2065\u206a-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"  # zero width, fillers, variation selectors, tags
    f"|{_LONE_JOINER}"
)
_PRIVATE = "[\ue000-\uf8ff\U000f0000-\U0010ffff]"
_SURROGATE = "[\ud800-\udfff]"


def redact(text: str) -> str:
    """`text` with credentials and e-mail addresses masked."""
    text = re.sub(_GITHUB_TOKEN, MASK, text)
    text = re.sub(_QUOTED_HEADER, rf'\1\2"{MASK}"', text)
    text = re.sub(_PLAIN_HEADER, rf"\1\2 {MASK}", text)
    text = re.sub(_USERINFO, f"://{MASK}@", text)
    text = re.sub(_CREDENTIAL, rf"\1\2{MASK}", text)
    text = re.sub(_ASSIGNMENT, rf"\1\2{MASK}", text)
    return re.sub(_EMAIL, MASK, text)


def looks_secret(text: str) -> bool:
    """Whether `text` holds what looks like a credential."""
    secrets = (_GITHUB_TOKEN, _QUOTED_HEADER, _PLAIN_HEADER, _USERINFO, _CREDENTIAL, _ASSIGNMENT)
    return any(re.search(pattern, text) for pattern in secrets)


def redact_value(obj: Any) -> Any:
    """A copy of JSON-like data with every string redacted and the values of secret keys masked."""
    return _redact_value(obj, 0)


def _redact_value(obj: Any, depth: int) -> Any:
    if isinstance(obj, str):
        return redact(obj)
    if isinstance(obj, bytes):
        return redact(obj.decode("utf-8", "replace"))
    if depth > _MAX_DEPTH:
        return MASK if isinstance(obj, dict | list | tuple) else obj
    if isinstance(obj, dict):
        return {
            redact(key) if isinstance(key, str) else key: (
                MASK if _is_secret(key, value) else _redact_value(value, depth + 1)
            )
            for key, value in obj.items()
        }
    if isinstance(obj, list):
        return [_redact_value(item, depth + 1) for item in obj]
    if isinstance(obj, tuple):
        return tuple(_redact_value(item, depth + 1) for item in obj)
    return obj


def _is_secret(key: object, value: object) -> bool:
    if not isinstance(key, str) or not re.search(_SECRET_KEY, key):
        return False
    if value is None or isinstance(value, bool):
        return False  # whether there is one is not a secret
    # max_tokens: 400 is a count
    return not (isinstance(value, int | float) and key.lower().endswith("tokens"))


_PLAIN_WORD = r"[\w.@:+/-][\w.@:+/#-]*"
_TAME = str.maketrans({"<": "‹", ">": "›", "`": "'"})


def for_model(text: str, limit: int = 80) -> str:
    """`clean` text for a model to read: no tags, no code marks, no look-alikes of letters."""
    text = one_line(text, 4 * limit)
    if not text.isascii():
        import unicodedata

        text = one_line(unicodedata.normalize("NFKC", text), 4 * limit)
        text = re.sub(_PRIVATE, "", text)
    if "gh" in text:
        text = re.sub(_GITHUB_TOKEN, MASK, text)
    return one_line(text.translate(_TAME), limit)


def shell_word(text: str) -> str:
    """`text` as one word of a command line: what a file is called must not be run."""
    if re.fullmatch(_PLAIN_WORD, text):
        return text
    import shlex

    return shlex.quote(one_line(text))


def code_span(text: str) -> str:
    """`text` as code in Markdown that nothing in it can leave: a mention in it is none."""
    text = one_line(text)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    gap = " " if "`" in text else ""
    return f"{fence}{gap}{text}{gap}{fence}"


def one_line(text: str, limit: int = 200) -> str:
    """`text` as one harmless line of at most `limit` characters.

    Terminal escapes, control, bidi and zero-width characters go, white space is folded and bytes
    that were not UTF-8 (lone surrogates) become U+FFFD.
    """
    if not (text.isascii() and text.isprintable()):
        text = re.sub(_INVISIBLE, "", re.sub(_ANSI, "", text))
        text = re.sub(_SURROGATE, "\ufffd", text)
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    return _cut(text, limit)


def _cut(text: str, limit: int) -> str:
    return text[: limit - 1].rstrip().rstrip(_JOINER) + "…" if limit > 0 else ""


def visible(text: str) -> str:
    """`text` without control, bidi, zero-width and tag characters; lines, tabs and escapes stay."""
    if text.isascii():
        return text
    return re.sub(_INVISIBLE.replace("\x0e-\x1b", "\x0e-\x1a"), "", text)


def strip_escapes(text: str) -> str:
    """`text` in its lines, without terminal escapes, control, bidi and zero-width characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(_INVISIBLE, "", re.sub(_ANSI, "", text))
    text = re.sub("[\v\f\x1c-\x1f\x85\u2028\u2029]", "\n", re.sub(_SURROGATE, "\ufffd", text))
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def clean_lines(text: str, limit: int = 4000) -> str:
    """`plain` text of at most `limit` characters, without HTML comments.

    Comments go because a reader of the page does not see them.  What begins one and never ends
    goes to the end; a blank in their place keeps what is around from becoming one.
    """
    text = strip_escapes(re.sub(r"(?s)<!--.*?(?:-->|\Z)", " ", strip_escapes(text)))
    if len(text) <= limit:
        return text
    return _cut(text, limit)


def count(number: int, one: str, many: str = "") -> str:
    """`1 task`, `2 tasks`; `many` where an s at the end is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def typed(ref: str) -> str:
    """A task's name as a command has it: a shell takes `#5` for a comment, `~k3f` for a home."""
    return f'"{ref}"' if ref.startswith(("#", "~")) else ref
