"""Markdown formatters, and what a spec says before and after them.

    python tests/specs/formatting.py FOLDER       prints what differs in the Markdown files below it
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from craftkit.specs import parse
from craftkit.specs.matching import SAME, Line, Remembered, match, normal

ROOT = Path(__file__).parents[2]
Files = Mapping[str, str]  # path -> text


class Fact(NamedTuple):
    """What a task line says."""

    key: str | None
    title: str
    checked: bool
    issue: int | None


def facts(text: str, path: str) -> list[Fact]:
    spec = parse(text.encode(), path)
    return [Fact(t.key, normal(_unescaped(t.title)), t.checked, t.issue) for t in spec.tasks]


def _unescaped(title: str) -> str:
    """A formatter writes `\\_` and `*` for `_`: the words are the same."""
    return "".join(c for c in title if c not in "\\*_")


def differences(before: str, after: str, path: str) -> list[str]:
    """What a formatter changed of the tasks; nothing, as it should be."""
    one, other = facts(before, path), facts(after, path)
    if len(one) != len(other):
        return [f"{len(one)} tasks, then {len(other)}"]
    found = [f"{a} then {b}" for a, b in zip(one, other, strict=True) if a != b]
    remembered = [Remembered(str(n), f.key, f.title, f.issue) for n, f in enumerate(one)]
    lines = [Line(f.key, f.title, f.issue) for f in other]
    verdicts = match(remembered, lines).matches
    if not found and any(v.kind != SAME for v in verdicts) and _are_told_apart(one):
        found.append("the lines are not the same tasks")
    return found


def _are_told_apart(tasks: list[Fact]) -> bool:
    return len({(f.key, f.title, f.issue) for f in tasks}) == len(tasks)


def mdformat(files: Files, wrap: str | int = "keep") -> dict[str, str]:
    import mdformat as formatter

    extensions = {"gfm", "frontmatter"}
    options = {"wrap": wrap, "number": True}
    return {
        path: formatter.text(text, extensions=extensions, options=options)
        for path, text in files.items()
    }


def prettier_program() -> str | None:
    """Where `make clients` has installed it, else where PATH has it."""
    places = [os.environ.get("CRAFTKIT_CLIENTS", ""), str(ROOT / ".venv/clients")]
    programs = [Path(place) / "node_modules/.bin/prettier" for place in places if place]
    found = next((str(program) for program in programs if program.exists()), None)
    return found or shutil.which("prettier")


def prettier(files: Files, wrap: str = "preserve") -> dict[str, str]:
    program = prettier_program()
    assert program is not None
    with tempfile.TemporaryDirectory() as place:
        copies = {path: Path(place) / f"{n}.md" for n, path in enumerate(files)}
        for path, copy in copies.items():
            copy.write_text(files[path], encoding="utf-8")
        subprocess.run(
            [program, "--parser", "markdown", "--prose-wrap", wrap, "--write", "."],
            cwd=place,
            check=True,
            capture_output=True,
        )
        return {path: copy.read_text(encoding="utf-8") for path, copy in copies.items()}


FORMATTERS: dict[str, Callable[[Files], dict[str, str]]] = {
    "mdformat": mdformat,
    "mdformat, wrapped": lambda files: mdformat(files, 60),
    "prettier": prettier,
    "prettier, wrapped": lambda files: prettier(files, "always"),
}


def read(folder: Path) -> dict[str, str]:
    """The Markdown files of a folder whose tasks can be read, by their paths in it."""
    found = {}
    for path in sorted(folder.rglob("*.md")):
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        if parse(text.encode(), path.as_posix()).tasks:
            found[path.as_posix()] = text.replace("\r\n", "\n")
    return found


def main() -> None:
    files = read(Path(sys.argv[1]))
    for name, run in FORMATTERS.items():
        after = run(files)
        changed = {p: differences(files[p], after[p], p) for p in files}
        wrong = {p: d for p, d in changed.items() if d}
        print(f"{name}: {len(wrong)} of {len(files)} files differ")
        for path, found in wrong.items():
            print(f"  {path}: {len(found)}: {found[0][:300]}")


if __name__ == "__main__":
    main()
