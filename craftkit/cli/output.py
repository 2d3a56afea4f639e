"""The only place that prints: data on stdout, words on stderr, one envelope with `--json`."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from craftkit.errors import CannotWrite
from craftkit.model import Diagnostic
from craftkit.text import visible

COLOURS = {"error": "31", "warning": "33", "info": "36", "ok": "32", "dim": "2", "bold": "1"}


# Controls, and the marks that make what follows read the other way round.
_ACTED_ON = r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"


class Reply(NamedTuple):
    """What a command answers: data for programs, lines for people."""

    data: dict[str, Any]
    lines: Sequence[str] = ()
    notes: Sequence[str] = ()  # words beside the data, on stderr
    exit_code: int = 0
    diagnostics: Sequence[Diagnostic] = ()


def paint(text: str, colour: str, stream: Any = None) -> str:
    """Colour for a terminal; never with NO_COLOR, never into a pipe."""
    if not _is_coloured(stream or sys.stdout):
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def _is_coloured(stream: Any) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(stream.isatty())


def print_envelope(
    command: str, ok: bool, data: dict[str, Any], notes: Sequence[Diagnostic]
) -> None:
    import json

    document = {
        "schema_version": 1,
        "ok": ok,
        "command": command,
        "data": data,
        "diagnostics": [note.as_dict() for note in notes],
    }
    # A stream that cannot carry every character gets them escaped: JSON must not lose any.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    plain = encoding.lower().replace("-", "") != "utf8"
    text = visible(json.dumps(document, ensure_ascii=False, indent=2))
    if plain:
        text = json.dumps(json.loads(text), indent=2)
    _print(text.encode("utf-8", "replace").decode())


def print_diagnostic(note: Diagnostic) -> None:
    from craftkit.text import redact

    message = " ".join(redact(note.message).splitlines())
    named = not note.target or message.startswith(note.target.partition(":")[0])
    where = "" if named else f"{note.target}: "
    label = paint(f"{note.severity}:", note.severity, sys.stderr)
    print_note(f"{label} {where}{message}")
    if note.hint:
        hint = " ".join(redact(note.hint).splitlines())
        print_note(f"{paint('hint:', 'dim', sys.stderr)} {hint}")


def print_data(line: str) -> None:
    """Print data on stdout.  Raises CannotWrite if stdout takes nothing."""
    _print(_printable(line, sys.stdout))


def print_note(line: str) -> None:
    """Print words on stderr, after all data so far: `2>&1` shows both in the order they came.

    If stderr takes nothing, the exit code still says how the command went.
    """
    with contextlib.suppress(OSError):  # the last `flush` answers for stdout
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        print(_printable(line, sys.stderr), file=sys.stderr)


def flush() -> None:
    """Hand over what was printed.  Raises CannotWrite if stdout takes nothing."""
    with _stdout_errors():
        sys.stdout.flush()


def replace_closed_streams() -> None:
    """Put the null device in place of stdin, stdout or stderr that the caller closed.

    Otherwise the next file to be opened, perhaps the database, would get that number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _print(text: str) -> None:
    with _stdout_errors():
        print(text)


@contextlib.contextmanager
def _stdout_errors() -> Iterator[None]:
    """A reader that leaves early, as `head` does, changes neither the work nor its exit code."""
    try:
        yield
    except BrokenPipeError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except OSError as error:
        raise CannotWrite(
            f"The answer cannot be printed ({error.strerror}).",
            "check where stdout goes; `craftkit status` shows what is recorded",
        ) from error


def _printable(line: str, stream: Any) -> str:
    """`line` without what a terminal would act on, save colours, in what `stream` can carry."""
    line = visible(line)
    if not line.isprintable():
        import re

        colours = r"(?!\[[0-9;]*m)" if _is_coloured(stream) else ""
        line = re.sub(_ACTED_ON + r"|\x1b" + colours, "", line)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return line.encode(encoding, "replace").decode(encoding)


@contextlib.contextmanager
def progress_bar(what: str, silent: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Shows how far long work is, with an estimate; only on a terminal, and not with `--json`."""
    if silent or not sys.stderr.isatty():
        yield None
        return
    import time

    began = time.monotonic()

    def show(done: int, total: int) -> None:
        left = (time.monotonic() - began) / done * (total - done) if done else 0.0
        bar = "#" * (24 * done // max(total, 1))
        words = f"\r[{bar:<24}] {done}/{total} {what}, about {left:.0f} s left "
        print(words, end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print(file=sys.stderr)
