"""How the house is built: packages, circles of imports, the longest module and function.

    python benchmarks/house.py      exits with 1 if a limit is broken

The sandbox stands alone, and is counted apart.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
MODULE_LINES, FUNCTION_LINES = 500, 70


class Module(NamedTuple):
    name: str
    lines: int
    longest: tuple[int, str]  # lines and name of its longest function
    imports: frozenset[str]
    package: str  # "" for what lies at the top


def read(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    package = ".".join(parts[:-1])
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = [
        ((node.end_lineno or 0) - node.lineno + 1, f"{name}.{node.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    return Module(
        name,
        text.count("\n"),
        max(functions, default=(0, "")),
        frozenset(found(tree, package)),
        parts[1] if len(parts) > 2 else "",
    )


def found(tree: ast.AST, package: str) -> set[str]:
    """All that a module imports of craftkit, at its top or in a function; not only for types."""
    names: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        else:
            names |= found(node, package)
    return {name for name in names if name.startswith("craftkit")}


def circles(modules: dict[str, Module]) -> list[list[str]]:
    """Groups of modules that import each other, however far (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in modules[name].imports & modules.keys() - {name}:
            if modules[other].name in name and name.startswith(f"{other}."):
                continue  # a package is imported with each of its modules
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                groups.append(sorted(group))

    sys.setrecursionlimit(5000)
    for name in modules:
        if name not in order:
            visit(name)
    return groups


def main() -> int:
    modules = {m.name: m for m in map(read, sorted((ROOT / "craftkit").rglob("*.py")))}
    by_package: dict[str, list[Module]] = defaultdict(list)
    for module in modules.values():
        by_package[module.package].append(module)
    print(f"{'package':<12} modules   lines")
    for package, members in sorted(by_package.items()):
        print(f"{package or '(top)':<12} {len(members):>7} {sum(m.lines for m in members):>7}")
    groups = circles(modules)
    print(f"circles      {len(groups):>7}")
    for group in groups:
        print("  " + " <-> ".join(group))
    broken = bool(groups)
    for title, chosen in (
        ("craftkit", [m for m in modules.values() if m.package != "sandbox"]),
        ("sandbox", by_package["sandbox"]),
    ):
        longest = max(chosen, key=lambda m: m.lines)
        lines, function = max(m.longest for m in chosen)
        print(f"{title}: longest module {longest.lines} lines ({longest.name})")
        print(f"{title}: longest function {lines} lines ({function})")
        broken |= longest.lines > MODULE_LINES or lines > FUNCTION_LINES
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
