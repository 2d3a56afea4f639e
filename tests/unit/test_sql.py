"""All SQL is in `store/`: whoever looks for a statement has one place to look."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATEMENT = re.compile(
    r"\s*(select\s.+\sfrom|insert\s+(or\s+\w+\s+)?into|update\s+\w+\s+set|delete\s+from|pragma\s)",
    re.IGNORECASE | re.DOTALL,
)
CALLS = ("execute", "executemany", "executescript", "rows", "row", "value")


def sql_in(path: Path) -> list[str]:
    """Where a file holds a statement, or runs one itself."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if STATEMENT.match(node.value):
                found.append(f"{path}:{node.lineno}: {node.value[:60]}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = ast.unparse(node.func.value)
            if node.func.attr in CALLS and target.endswith(("store", "tx", "connection", "db")):
                found.append(f"{path}:{node.lineno}: {target}.{node.func.attr}()")
    return found


def test_all_sql_is_in_the_store() -> None:
    product = ROOT / "craftkit"
    elsewhere = [p for p in product.rglob("*.py") if p.parent != product / "store"]
    assert len(elsewhere) > 100
    assert [line for path in elsewhere for line in sql_in(path)] == []


def test_a_statement_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(
        "def f(store, tx):\n"
        "    tx.execute(f'update tasks set done = 1 where id = {1}')\n"
        "    return store.value('select 1 from tasks')\n"
    )
    assert len(sql_in(path)) == 4
