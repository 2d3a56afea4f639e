"""The only place that prints: data on stdout, words on stderr, one envelope with `--json`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from craftkit.errors import CraftkitError
from craftkit.model import Diagnostic

COLOURS = {"error": "31", "warning": "33", "info": "36", "ok": "32", "dim": "2", "bold": "1"}


@dataclass
class Reply:
    """What a command answers: data for programs, lines for people."""

    data: dict[str, Any]
    lines: Sequence[str] = ()
    notes: Sequence[str] = ()  # words beside the data, on stderr
    exit_code: int = 0
    diagnostics: list[Diagnostic] = field(default_factory=list)


def paint(text: str, colour: str, stream: Any = None) -> str:
    """Colour for a terminal; never with NO_COLOR, never into a pipe."""
    stream = stream or sys.stdout
    if os.environ.get("NO_COLOR") or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def emit(command: str, as_json: bool, action: Callable[[], Reply]) -> int:
    """Run a command and print its answer; return the exit code."""
    try:
        reply = action()
    except CraftkitError as error:
        return fail(command, as_json, error)
    if as_json:
        envelope(command, reply.exit_code == 0, reply.data, reply.diagnostics)
        return reply.exit_code
    for line in reply.lines:
        out(line)
    for line in reply.notes:
        say(line)
    for note in reply.diagnostics:
        remark(note)
    return reply.exit_code


def fail(command: str, as_json: bool, error: CraftkitError) -> int:
    if os.environ.get("CRAFTKIT_DEBUG") == "1":
        import traceback

        traceback.print_exc()
    note = Diagnostic("error", error.code, error.message, error.hint, error.target)
    if as_json:
        envelope(command, False, {}, [note])
    else:
        remark(note)
    return error.exit_code


def envelope(command: str, ok: bool, data: dict[str, Any], notes: Sequence[Diagnostic]) -> None:
    import json

    document = {
        "schema_version": 1,
        "ok": ok,
        "command": command,
        "data": data,
        "diagnostics": [note.as_dict() for note in notes],
    }
    text = json.dumps(document, ensure_ascii=False, indent=2)
    out(text.encode("utf-8", "replace").decode())


def remark(note: Diagnostic) -> None:
    from craftkit.redact import redact

    where = f"{note.target}: " if note.target else ""
    label = paint(f"{note.severity}:", note.severity, sys.stderr)
    say(f"{label} {where}{redact(note.message)}")
    if note.hint:
        say(f"{paint('hint:', 'dim', sys.stderr)} {redact(note.hint)}")


def out(line: str) -> None:
    print(_printable(line, sys.stdout))


def say(line: str) -> None:
    print(_printable(line, sys.stderr), file=sys.stderr)


def _printable(line: str, stream: Any) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return line.encode(encoding, "replace").decode(encoding)
