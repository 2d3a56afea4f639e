"""The agent-facing commands, read from their one source: `slash-commands/*.md`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from craftkit.errors import CraftkitError
from craftkit.specs import meta

KEYS = frozenset({"name", "description", "description-ja", "argument-hint"})
_PACKAGE = Path(__file__).resolve().parents[1]
# In an installed wheel, then in a checkout.
_PLACES = (_PACKAGE / "slash-commands", _PACKAGE.parent / "slash-commands")


class Command(NamedTuple):
    name: str  # of the file, and what the user types
    description: str
    description_ja: str
    hint: str  # what may be written behind the name; "" where nothing is expected
    body: str  # Markdown, to the agent


def load() -> tuple[Command, ...]:
    """Every command, by name.  Raises CraftkitError where the files are missing or damaged."""
    for place in _PLACES:
        pages = sorted(place.glob("*.md"))
        if pages:
            return tuple(_read(page) for page in pages)
    raise CraftkitError(
        "The texts of the agent commands are missing from this installation.",
        "install craftkit again",
    )


def _read(page: Path) -> Command:
    try:
        return parse(page.stem, page.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CraftkitError(
            f"{page} cannot be read.", "install craftkit again", str(page)
        ) from error


def parse(name: str, text: str) -> Command:
    """The command of the file `name`.md.  Raises CraftkitError for what is not exactly right."""
    span = meta.front_span(text)
    fields = meta.read_simple(text[span[0] : span[1]]) if span else None
    if span is None or fields is None:
        raise _damaged(name, "has no simple front matter")
    unknown = sorted(fields.keys() - KEYS)
    if unknown:
        raise _damaged(name, f"has an unknown key: {unknown[0]}")
    if fields.get("name") != name:
        raise _damaged(name, f"calls itself {fields.get('name') or 'nothing'}")
    body = text[span[2] :].strip("\n")
    description, in_japanese = fields.get("description", ""), fields.get("description-ja", "")
    if not (description and in_japanese and body):
        raise _damaged(name, "lacks a description or instructions")
    return Command(name, description, in_japanese, fields.get("argument-hint", ""), f"{body}\n")


def _damaged(name: str, why: str) -> CraftkitError:
    return CraftkitError(f"The agent command {name}.md {why}.", "install craftkit again", name)
