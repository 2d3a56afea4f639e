"""What an agent writes to a hook's stdin: one JSON object, whose end need not be the stream's end.

Some hosts never close the pipe, so that a hook that reads to its end would be killed there.  Loads
nothing but what an interpreter has loaded anyway.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

LIMIT = 32_000_000  # bytes; a payload holds whole files
SECONDS = 2.0  # without another byte, after which what has come counts
_CHUNK = 1 << 20
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# Code pages of consoles, tried in this order for what is not UTF-8.
_PAGES = ("cp932", "cp936", "cp949", "cp1252", "cp850")


def read(stream: TextIO) -> str:
    """The text on stdin up to the end of its JSON object; "" from a terminal."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # not a file of the system
        return stream.read()
    try:
        return "" if os.isatty(number) else decode(_bytes(number))
    except OSError:
        return ""


def _bytes(stream: int) -> bytes:
    import select

    parts: list[bytes] = []
    size = 0
    while size < LIMIT:
        last = parts[-1].rstrip(b" \t\r\n\0")[-1:] if parts else b""
        if last == b"}" and not _is_readable(select, stream, 0) and is_whole(b"".join(parts)):
            break
        if not _is_readable(select, stream, SECONDS):
            break
        part = os.read(stream, _CHUNK)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _is_readable(select: object, stream: int, seconds: float) -> bool:
    """Whether bytes or the end of the stream are there; files always are."""
    try:
        return bool(select.select([stream], [], [], seconds)[0])  # type: ignore[attr-defined]
    except (OSError, ValueError):
        return True


def is_whole(data: bytes) -> bool:
    """Whether this is a JSON object from its beginning to its end."""
    import json

    try:
        return isinstance(json.loads(decode(data)), dict)
    except (ValueError, RecursionError):
        return False


def decode(data: bytes) -> str:
    """The text of a payload, whichever console wrote it."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data[len(mark) if name == "utf-8" else 0 :].decode(name, "replace")
    if b"\0" in data[:4]:
        order = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
        return data.decode(order, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _by_code_page(data)


def _by_code_page(data: bytes) -> str:
    """The first reading that is JSON and names a folder that is there, else the bytes as names."""
    import json

    plain = data.decode("utf-8", "surrogateescape")
    readings = [plain]
    for page in _PAGES:
        try:
            readings.append(data.decode(page))
        except UnicodeDecodeError:
            continue
    valid = []
    for text in readings:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        valid.append(text)
        named = found.get("cwd") if isinstance(found, dict) else None
        if isinstance(named, str) and os.path.isdir(named):
            return text
    return valid[0] if valid else plain
