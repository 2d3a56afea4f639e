"""Read the metadata at the top of a spec file, and simple YAML without loading yaml."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from ..model import PHASES, Diagnostic

ConfigValue: TypeAlias = str | list[str]

# A plain scalar that can mean nothing but its own characters: no `: `, no `#`, no indicators.
_PLAIN = r"[^\W](?:[^:#\n]|:(?=[^ \n]))*"
_SCALAR = rf"\"[^\"\\\n]*\"|'[^'\n]*'|{_PLAIN}|~"
_PAIR = re.compile(rf"([A-Za-z_][A-Za-z0-9_-]{{0,99}}):(?:[ ]+({_SCALAR})?)?[ ]*\Z")
# Characters that YAML refuses, or reads as something else than themselves.
# (Named one by one: the complement, with its wide ranges, takes 12 ms to compile.)
_ODD = "[\0-\t\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
# Some are kept as text, because few files need them: `re` compiles a pattern at its first use.
_ITEM = rf"-[ ]+({_SCALAR})[ ]*\Z"
_FLOW_ITEM = r"\"[^\"\\\n]*\"|'[^'\n]*'|[^\W](?:[^:#,\[\]{}\n'\"]|:(?=[^ ,\n\[\]{}]))*"
_FRONT = re.compile(r"---[ \t]*\r?\n")
_FRONT_END = re.compile(r"^(?:---|\.\.\.)[ \t]*\r?$", re.MULTILINE)
_LOOSE_PAIR = r"([A-Za-z_][A-Za-z0-9_-]*)[ \t]*:[ \t]*(.*)"
_BOLD = (
    r"(?m)^[ \t]*(?:[-*+][ \t]+)?\*\*(?P<label>[^*\n:：]{1,40}?)[ \t]*"
    r"(?:[:：][ \t]*\*\*|\*\*[ \t]*[:：])[ \t]*(?P<value>[^\n]*?)[ \t\r]*$"
)
_BOLD_END = r"(?m)^(?:##[ \t]|---[ \t]*\r?$|```)"

INVALID = "invalid_front_matter"  # the code of the remark

# Field -> its names, the first being the one that craftkit's own files use.
FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "name": ("name", "title"),
    "phase": ("phase",),
    "issue": ("issue", "github_issue_number"),
    "branch": ("branch", "branch_name"),
    "pr": ("pr", "pr_url"),
    "updated": ("updated", "updated_at"),
}
CC_KEYS = frozenset({"branch_name", "github_issue_number", "pr_url"})
_BOLD_LABELS = {
    "仕様書id": "id",
    "specid": "id",
    "フェーズ": "phase",
    "phase": "phase",
    "更新日時": "updated",
    "更新日": "updated",
}
_PHASE_ALIASES = {"tasks": "implementation", "testing": "review"}


class Meta(NamedTuple):
    """The metadata block: its fields, where the body begins, and what was wrong with it."""

    fields: dict[str, str]
    kind: str  # "yaml", "bold" or "none"
    body_at: int
    diagnostics: tuple[Diagnostic, ...] = ()

    def get(self, name: str) -> str | None:
        for key in FIELDS[name]:
            value = self.fields.get(key)
            if value is not None and value.strip() not in ("", "~", "null", "Null", "NULL"):
                return value.strip()
        return None


def _is_odd(text: str) -> bool:
    """Whether there is a character that YAML forbids or reads in its own way.

    Printable text has none, so that the class (0.8 ms to compile) is hardly ever needed.
    """
    if text.replace("\n", "").replace("\u3000", "").isprintable():
        return False
    return re.search(_ODD, text) is not None


def read_simple(block: str) -> dict[str, str] | None:
    """Flat `key: value` YAML as BaseLoader reads it, or None when in any doubt."""
    block = block.replace("\r\n", "\n")
    if _is_odd(block):
        return None
    out: dict[str, str] = {}
    for line in block.split("\n"):
        if not line.strip(" ") or line[0] == "#":
            continue
        m = _PAIR.match(line)
        if m is None:
            return None
        out[m[1]] = _scalar(m[2])
    return out


def _scalar(raw: str | None) -> str:
    if not raw:
        return ""
    return raw[1:-1] if raw[0] in "\"'" else raw.rstrip(" ")


def read_config(text: str) -> dict[str, ConfigValue | dict[str, ConfigValue]] | None:
    """Sections of two-space indented scalars and lists of scalars; None when in any doubt."""
    text = text.replace("\r\n", "\n")
    if _is_odd(text):
        return None
    out: dict[str, ConfigValue | dict[str, ConfigValue]] = {}
    section: dict[str, ConfigValue] | None = None
    open_key = ""  # the key whose value may follow on deeper lines
    target: dict[str, Any] = out
    for line in text.split("\n"):
        body = line.lstrip(" ")
        if not body or body[0] == "#":
            continue
        indent = len(line) - len(body)
        if body[0] == "-":
            if indent != (2 if target is out else 4) or not _add_item(target, open_key, body):
                return None
            continue
        pair = _config_pair(body)
        if pair is None or indent not in (0, 2):
            return None
        key, value, empty = pair
        if indent == 0:
            section, target = None, out
        elif section is None:
            if target.get(open_key) != "" or not open_key:
                return None
            section = {}
            out[open_key] = section
            target = section
        if key in target:
            return None
        target[key] = value
        open_key = key if empty else ""
    return out


def _config_pair(body: str) -> tuple[str, ConfigValue, bool] | None:
    m = _PAIR.match(body)
    if m is not None:
        return m[1], _scalar(m[2]), m[2] is None
    key, sep, rest = body.partition(":")
    rest = rest.strip(" ")
    if not sep or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,99}", key):
        return None
    if body[len(key) + 1 : len(key) + 2] != " " or not (rest[:1] == "[" and rest[-1:] == "]"):
        return None
    items = _flow_items(rest[1:-1])
    return None if items is None else (key, items, False)


def _flow_items(inner: str) -> list[str] | None:
    items: list[str] = []
    pos = 0
    inner = inner.strip(" ")
    while pos < len(inner):
        m = re.compile(_FLOW_ITEM).match(inner, pos)
        if m is None:
            return None
        items.append(_scalar(m[0]))
        pos = m.end()
        rest = inner[pos:].lstrip(" ")
        if not rest:
            break
        if rest[0] != ",":
            return None
        rest = rest[1:].lstrip(" ")
        if not rest:
            return None
        pos = len(inner) - len(rest)
    return items


def _add_item(target: dict[str, Any], key: str, body: str) -> bool:
    m = re.match(_ITEM, body)
    if m is None or not key or isinstance(target.get(key), dict):
        return False
    if target.get(key) == "":
        target[key] = []
    if not isinstance(target.get(key), list):
        return False
    # `- key: value` would be a mapping; _PLAIN cannot hold ": ", so this is a scalar.
    target[key].append(_scalar(m[1]))
    return True


def front_span(text: str) -> tuple[int, int, int] | None:
    """(first index of the block, its end, where the body begins) of the front matter."""
    start = 1 if text.startswith("\ufeff") else 0
    m = _FRONT.match(text, start)
    if m is None:
        return None
    end = _FRONT_END.search(text, m.end())
    if end is None:
        return None
    after = text.find("\n", end.end())
    return m.end(), end.start(), len(text) if after < 0 else after + 1


def bold_span(text: str) -> tuple[int, int]:
    """Where bold metadata may stand: above the first `## ` heading and the first rule."""
    start = 1 if text.startswith("\ufeff") else 0
    m = re.compile(_BOLD_END).search(text, start, start + 20_000)
    return start, m.start() if m is not None else min(len(text), start + 20_000)


def bold_fields(text: str) -> list[tuple[str, re.Match[str]]]:
    """The bold metadata lines with the field each one holds; the first of a field counts."""
    start, end = bold_span(text)
    if text.find("**", start, end) < 0:
        return []
    out: dict[str, re.Match[str]] = {}
    for m in re.compile(_BOLD).finditer(text, start, end):
        label = "".join(m["label"].split()).casefold()
        if label in _BOLD_LABELS:
            out.setdefault(_BOLD_LABELS[label], m)
    return list(out.items())


def read_meta(text: str, path: str, load_yaml: Callable[[str], Any] | None = None) -> Meta:
    """The metadata of a spec file, from front matter or bold lines; never raises."""
    span = front_span(text)
    if span is None and (cut := _cut_off(text)) is not None:
        hint = "end it with a line `---`; the tasks are read all the same"
        remark = Diagnostic("error", INVALID, "the front matter never ends", hint, f"{path}:1")
        return Meta(_recover(text[slice(*cut)]), "yaml", cut[1], (remark,))
    if span is None:
        start = 1 if text.startswith("\ufeff") else 0
        found = {name: m["value"].strip(" `") for name, m in bold_fields(text)}
        return Meta(found, "bold" if found else "none", start)
    first, end, body = span
    block = text[first:end]
    fields = read_simple(block)
    if fields is not None:
        return Meta(fields, "yaml", body)
    problem = "the front matter is not a mapping"
    bad_line = 2
    try:
        loaded = (load_yaml or plain_yaml)(block)
        if isinstance(loaded, dict):
            flat = {str(k): str(v) for k, v in loaded.items() if isinstance(v, str | int | float)}
            return Meta(flat, "yaml", body)
    except Exception as error:  # whatever the loader raises: a broken block is data, not a bug
        problem = f"the front matter is not valid YAML: {_first_words(error)}"
        mark = getattr(error, "problem_mark", None)
        bad_line = 2 + int(getattr(mark, "line", 0) or 0)
    remark = Diagnostic(
        "error",
        INVALID,
        problem,
        "correct that line; the tasks are read all the same",
        f"{path}:{bad_line}",
    )
    return Meta(_recover(block), "yaml", body, (remark,))


def _first_words(error: BaseException) -> str:
    words = " ".join(str(getattr(error, "problem", None) or error).split())
    return "".join(c if c.isprintable() else "?" for c in words)[:120]


def _cut_off(text: str) -> tuple[int, int] | None:
    """Where front matter stands that has no end: up to the first empty line.

    A rule that is followed by anything but a field of ours is only a rule.
    """
    opened = _FRONT.match(text, 1 if text.startswith("\ufeff") else 0)
    pair = opened and re.compile(_LOOSE_PAIR).match(text, opened.end())
    if not opened or not pair or pair[1] not in {key for keys in FIELDS.values() for key in keys}:
        return None
    empty = re.compile(r"(?m)^[ \t]*\r?$").search(text, opened.end())
    return opened.end(), len(text) if empty is None else empty.start()


def plain_yaml(block: str) -> Any:
    """Strings, lists and mappings of a YAML text.

    Aliases are refused before anything is built: a few of them stand for more than any machine
    holds.  Raises yaml.YAMLError or RecursionError.
    """
    import yaml  # type: ignore[import-untyped, unused-ignore]

    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    if "*" in block:
        event: Any
        for event in yaml.parse(block, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                words = f"the alias *{event.anchor} is not read here: write out what it stands for"
                mark: Any = event.start_mark
                raise yaml.composer.ComposerError(None, None, words, mark)
    return yaml.load(block, Loader=loader)  # noqa: S506 - BaseLoader builds only strings


def _recover(block: str) -> dict[str, str]:
    """What can be understood line by line of a block that is not YAML."""
    known = {key for keys in FIELDS.values() for key in keys}
    out: dict[str, str] = {}
    for line in block.split("\n"):
        m = re.match(_LOOSE_PAIR, line)
        if m is None or m[1] not in known or m[1] in out:
            continue
        value = m[2].strip(" \t\r")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        out[m[1]] = value
    return out


def phase_of(value: str | None) -> tuple[str | None, bool]:
    """(the phase, whether the value was understood)."""
    if value is None:
        return None, True
    phase = _PHASE_ALIASES.get(value, value)
    return (phase, True) if phase in PHASES else (None, False)


def number_of(value: str | None) -> int | None:
    """`12`, `#12` or an issue's address as a number."""
    m = re.fullmatch(r"(?:#|https?://\S+/issues/)?([0-9]{1,10})", value or "")
    return int(m[1]) or None if m is not None else None


def bold_time(value: str) -> str:
    """A time in the style of bold metadata, `YYYY/MM/DD HH:MM:SS`."""
    m = re.match(r"(?a)(\d{4})[-/](\d{2})[-/](\d{2})[T ](\d{2}:\d{2}:\d{2})", value)
    return f"{m[1]}/{m[2]}/{m[3]} {m[4]}" if m is not None else value
