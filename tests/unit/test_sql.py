"""All SQL is in `store/`: whoever looks for a statement has one place to look."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATEMENT = re.compile(
    r"\s*(select\s.+\sfrom\s|(insert|replace)\s+(or\s+\w+\s+)?into\s"
    r"|update\s+(or\s+\w+\s+)?\w+\s+set\s"
    r"|delete\s+from\s|with\s.+\sas\s*\(\s*select\s|pragma\s|begin\s+immediate"
    r"|(create|alter|drop)\s+(\w+\s+)?(table|index|trigger|view)\s)",
    re.IGNORECASE | re.DOTALL,
)
# Only a connection or a cursor has these; other classes have a `value` or a `row` of their own.
RUNS = ("execute", "executemany", "executescript")
READS = ("rows", "row", "value")


def sql_in(path: Path) -> list[str]:
    """Where a file holds a statement, or runs one itself."""
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
    for node in ast.walk(tree):
        if (text := _text(node)) and id(node) not in parts and STATEMENT.match(text + " "):
            found.append(f"{path}:{node.lineno}: {text[:60]}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target, name = ast.unparse(node.func.value), node.func.attr
            if name in RUNS or (name in READS and target.endswith("store")):
                found.append(f"{path}:{node.lineno}: {target}.{name}()")
    return found


def _text(node: ast.AST) -> str:
    """What a string says; what an f-string fills in is written `x`."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "x" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_all_sql_is_in_the_store() -> None:
    product = ROOT / "craftkit"
    elsewhere = [p for p in product.rglob("*.py") if p.parent != product / "store"]
    assert len(elsewhere) > 100
    assert [line for path in elsewhere for line in sql_in(path)] == []


@pytest.mark.parametrize(
    "line",
    [
        "s = 'select 1 from tasks'",
        "s = f'select {columns} from tasks'",
        "s = 'with open_ones as (select 1) select * from open_ones'",
        "s = f'update {table} set done = 1'",
        "s = 'update or ignore tasks set done = 1'",
        "s = 'insert or replace into tasks values (1)'",
        "s = f'delete from {table}'",
        "s = 'create unique index i on tasks (id)'",
        "s = 'alter table tasks add extra'",
        "s = 'pragma user_version'",
        "cursor.execute(s)",
        "tx.executemany(s, [])",
        "context.store.value(s)",
    ],
)
def test_a_statement_would_be_found(tmp_path: Path, line: str) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(line + "\n")
    assert len(sql_in(path)) == 1


def test_prose_is_not_a_statement(tmp_path: Path) -> None:
    path = tmp_path / "right.py"
    path.write_text(
        "a = 'Delete the file, then run the command again.'\n"
        "b = 'Create an issue, with what is below it.'\n"
        "c = reader.value()\n"
    )
    assert sql_in(path) == []
