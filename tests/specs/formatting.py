"""Markdown formatters, and what a spec says before and after them.

python tests/specs/formatting.py FOLDER       prints what differs in the Markdown files below it
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from craftkit.model import Task
from craftkit.specs import parse
from craftkit.specs.matching import SAME, Line, Remembered, looks_alike, match, normal

ROOT = Path(__file__).parents[2]
Files = Mapping[str, str]  # path -> text


class Fact(NamedTuple):
    """What a task line says, its title aside."""

    key: str | None
    mark: str
    issue: int | None
    others: tuple[int, ...]
    optional: bool
    depends_on: tuple[str, ...]


def fact(task: Task) -> Fact:
    others = tuple(one.number for one in task.others)
    mark = task.mark.lower()
    return Fact(task.key, mark, task.issue, others, task.optional, task.depends_on)


def differences(before: str, after: str, path: str) -> list[str]:
    """What a formatter changed of the tasks; nothing, as it should be."""
    one, other = (parse(text.encode(), path).tasks for text in (before, after))
    if len(one) != len(other):
        return [f"{len(one)} tasks, then {len(other)}"]
    pairs = list(zip(one, other, strict=True))
    found = [f"{fact(a)} then {fact(b)}" for a, b in pairs if fact(a) != fact(b)]
    found += [f"{a.title!r}, {b.title!r}" for a, b in pairs if not looks_alike(a.title, b.title)]
    remembered = [Remembered(str(n), t.key, t.title, t.issue) for n, t in enumerate(one)]
    lines = [Line(task.key, task.title, task.issue) for task in other]
    verdicts = match(remembered, lines).matches
    if not found and any(v.kind != SAME for v in verdicts) and _are_told_apart(one):
        found.append("the lines are not the same tasks")
    return found


def _are_told_apart(tasks: Sequence[Task]) -> bool:
    return len({(t.key, normal(t.title), t.issue) for t in tasks}) == len(tasks)


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
    """The Markdown files of a folder whose tasks can be read, by their paths.

    Not those with a fence that is never closed: a formatter closes it at the end of the file, and
    what craftkit reads before that is code from then on, as Markdown has it.
    """
    found = {}
    for path in sorted(folder.rglob("*.md")):
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        spec = parse(text.encode(), path.as_posix())
        if spec.tasks and not any(note.code == "unclosed_fence" for note in spec.diagnostics):
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
