"""The house keeps its shape: no circle of imports, no module or function that is too long."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import defaultdict
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = [path for path in (ROOT / "craftkit").rglob("*.py") if "sandbox" not in path.parts]
# One word for two things is what these were before.
SINGLE = ("decide", "settle", "finish", "changes", "claim")


def test_no_circle_and_no_giant() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/house.py"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "circles            0" in done.stdout


def test_no_public_class_name_stands_twice() -> None:
    where = defaultdict(list)
    functions = defaultdict(list)
    for path in PRODUCT:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(path)
            if isinstance(node, ast.FunctionDef) and node.name in SINGLE:
                functions[node.name].append(path)
    assert len(where) > 100
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}
    assert {name: paths for name, paths in functions.items() if len(paths) > 1} == {}


def test_every_dependency_is_used_and_explained() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["sandbox"], *extras["mcp"]]
    names = {need.split(">")[0].split("<")[0].split("=")[0].lower() for need in wanted}
    imported = {
        (alias.name if isinstance(node, ast.Import) else str(node.module)).partition(".")[0]
        for path in (ROOT / "craftkit").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    known = packages_distributions()
    used = {dist.lower() for module in imported for dist in known.get(module, ())}
    assert names - used == set(), "declared, and imported nowhere"
    foreign = {module for module in imported if module in known and module != "craftkit"}
    declared = {module for module in foreign if names & {dist.lower() for dist in known[module]}}
    assert foreign - declared == set(), "imported, and declared nowhere"
    for need in (*wanted, *extras["dev"]):
        (line, *_) = [row for row in text.splitlines() if f'"{need}"' in row]
        assert "  # " in line, f"nothing says what {need} is for"
