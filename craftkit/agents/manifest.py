"""What was written: `agents.json` in the private state of a worktree, or in a user's folder.

Each record names a place and the digest of what was put there, so that what somebody changed since
can be told from what is merely old.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from craftkit.agents.jsontext import Padding
from craftkit.errors import UsageProblem

NAME = "agents.json"
SCHEMA = 1

Place = tuple[str, str, tuple[str, ...]]  # path, kind, where in the file


class Record(NamedTuple):
    what: str  # hooks, skill, command, mcp, pointer or plugin
    digest: str
    agents: tuple[str, ...]  # those that need it
    glue: Padding | None = None


class Made(NamedTuple):
    """A container that was made in a file so that something could be put into it."""

    at: tuple[str, ...]
    glue: Padding


class Manifest(NamedTuple):
    """Never changed in place: `copy` first."""

    records: dict[Place, Record]
    made: dict[str, list[Made]]  # by path
    created: list[str]  # files that were not there
    folders: list[str]  # folders that were not there, outer ones first
    language: str = ""
    version: str = ""

    def copy(self) -> Manifest:
        made = {path: list(items) for path, items in self.made.items()}
        return self._replace(
            records=dict(self.records),
            made=made,
            created=list(self.created),
            folders=list(self.folders),
        )

    @property
    def agents(self) -> list[str]:
        found = {name: None for record in self.records.values() for name in record.agents}
        return sorted(found)


def empty() -> Manifest:
    return Manifest({}, {}, [], [])


def digest(value: Any) -> str:
    """Of bytes, of a text, or of a JSON value however it is laid out."""
    if not isinstance(value, bytes | str):
        value = json.dumps(value, sort_keys=True, separators=(",", ":"))
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return hashlib.sha256(data).hexdigest()


def dump(manifest: Manifest, version: str) -> bytes:
    pieces = [
        {
            "path": path,
            "kind": kind,
            "at": list(at),
            "what": record.what,
            "sha256": record.digest,
            "agents": list(record.agents),
            **({} if record.glue is None else {"glue": list(record.glue)}),
        }
        for (path, kind, at), record in manifest.records.items()
    ]
    made = [
        {"path": path, "at": list(item.at), "glue": list(item.glue)}
        for path, items in manifest.made.items()
        for item in items
    ]
    document = {
        "schema_version": SCHEMA,
        "craftkit": version,
        "language": manifest.language,
        "pieces": pieces,
        "made": made,
        "created": manifest.created,
        "folders": manifest.folders,
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def load(data: bytes | None, path: str) -> Manifest:
    """Raises UsageProblem for a file that craftkit did not write, or a newer one did."""
    if data is None:
        return empty()
    try:
        document = json.loads(data)
        if document["schema_version"] > SCHEMA:
            raise UsageProblem(
                f"{path} was written by a newer craftkit.",
                "upgrade craftkit from where you installed it",
            )
        return _read(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageProblem(
            f"{path} is damaged.",
            "delete it and run `craftkit agents install`: what is there is recognised",
            path,
        ) from error


def _read(document: dict[str, Any]) -> Manifest:
    found = empty()._replace(language=str(document["language"]), version=str(document["craftkit"]))
    for piece in document["pieces"]:
        place = (str(piece["path"]), str(piece["kind"]), _words(piece["at"]))
        glue = Padding(*_words(piece["glue"])) if "glue" in piece else None
        found.records[place] = Record(
            str(piece["what"]), str(piece["sha256"]), _words(piece["agents"]), glue
        )
    for item in document["made"]:
        made = Made(_words(item["at"]), Padding(*_words(item["glue"])))
        found.made.setdefault(str(item["path"]), []).append(made)
    found.created.extend(_words(document["created"]))
    found.folders.extend(_words(document["folders"]))
    return found


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("a list of words was expected")
    return tuple(str(word) for word in value)
