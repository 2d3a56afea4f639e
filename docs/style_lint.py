"""Hold sentences to docs/style.md: messages, help texts, docstrings and pages.

    python docs/style_lint.py [--prune]

Prints each offender that is not in docs/style_debt.txt, and each debt that is paid; exits with 1 if
there is one.  `--prune` takes paid debts out.  It never adds one.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
DEBT = ROOT / "docs/style_debt.txt"
WORDS = 25
PRIVATE = re.compile(
    r"\b(attention|doubts?|settl(?:e[ds]?|ing)|t(?:ake|aken|akes|ook|aking) in(?!to)"
    r"|g(?:ive|iven|ives|ave|iving) up|in step|told)\b",
    re.IGNORECASE,
)
IS_NO = re.compile(
    r"(?<!\bthere )\b(is|are|was|were) no (?!more\b|longer\b|one\b)\w", re.IGNORECASE
)
# What looks like words, and is none: statements, patterns, markup, commands, formats.
CODE = re.compile(
    r"^\s*(select|insert|update|delete|create|alter|drop|pragma|query|mutation|fragment)\b"
    r"|[{}<>\\|]|^\s*[#$-]|^git |^craftkit |%\(|\(\?",
    re.IGNORECASE,
)
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "docs/agents/*.md")
GENERATED = ("docs/commands.md", "docs/forgetting.md", "docs/style.md", "docs/mutants.md")


class Offence(NamedTuple):
    rule: str
    sentence: str
    place: str  # path and line

    @property
    def debt(self) -> str:
        return f"{self.rule}\t{self.sentence}"


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, without code and links."""
    text = re.sub(r"``?[^`]*``?", "CODE", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.) )|\n {4,}", text):
        words = " ".join(paragraph.split())
        yield from (s for s in re.split(r"(?<=[.:;?!])\s+", words) if s)


def offences(text: str, place: str) -> Iterator[Offence]:
    for sentence in sentences(text):
        if len(re.findall(r"[\w’'-]+", sentence)) > WORDS:
            yield Offence("long", sentence, place)
        if IS_NO.search(sentence):
            yield Offence("is no", sentence, place)
        found = PRIVATE.search(sentence)
        if found:
            yield Offence(f"word {found[0].lower()}", sentence, place)


def in_python(path: Path) -> Iterator[Offence]:
    """Docstrings, and every other text of at least three words that is not code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = set()
    name = path.relative_to(ROOT)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docs.add(first.value)
                if isinstance(first.value.value, str):
                    yield from offences(first.value.value, f"{name}:{first.lineno}")
    inside = {part for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in n.values}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = "" if node in docs or node in inside else node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "IT" for p in node.values)
            text = "".join(str(part) for part in parts)
        if len(text.split()) >= 3 and not CODE.search(text):
            yield from offences(text, f"{name}:{node.lineno}")


def in_page(path: Path) -> Iterator[Offence]:
    """The prose of a page: no code, no table, no heading."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^(```|~~~).*?^\1", "", text)
    text = re.sub(r"(?m)^(\||#|<).*$", "", text)
    yield from offences(text, str(path.relative_to(ROOT)))


def every_offence() -> list[Offence]:
    found: list[Offence] = []
    for path in sorted((ROOT / "craftkit").rglob("*.py")):
        found += in_python(path)
    pages = {path for pattern in PAGES for path in ROOT.glob(pattern)}
    for path in sorted(pages - {ROOT / name for name in GENERATED}):
        found += in_page(path)
    return found


def main(arguments: list[str]) -> int:
    found = every_offence()
    debt = set(DEBT.read_text(encoding="utf-8").splitlines()) if DEBT.exists() else set()
    fresh = [offence for offence in found if offence.debt not in debt]
    for offence in fresh:
        print(f"{offence.place}: {offence.rule}: {offence.sentence}")
    paid = debt - {offence.debt for offence in found}
    if "--prune" in arguments:
        left = sorted(debt - paid)
        DEBT.write_text("".join(f"{line}\n" for line in left), encoding="utf-8")
        return int(bool(fresh))
    for line in sorted(paid):
        print(f"paid, so take it out of {DEBT.name} (--prune): {line}")
    return int(bool(fresh or paid))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
