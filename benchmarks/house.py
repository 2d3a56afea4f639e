"""How the house is built: packages, circles of imports, the longest module and function.

    python benchmarks/house.py [DIR]      exits with 1 if a limit is broken

DIR is the folder that holds `craftkit/`.  The sandbox stands alone, and is counted apart.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
MODULE_LINES, FUNCTION_LINES = 500, 70
TYPES_ONLY = ("TYPE_CHECKING", "typing.TYPE_CHECKING")


class Module(NamedTuple):
    name: str
    lines: int
    longest: tuple[int, str]  # lines and name of its longest function
    imports: frozenset[str]  # what it imports by name: modules, or names in modules
    package: str  # "" for what lies at the top


def read(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = [
        ((node.end_lineno or 0) - node.lineno + 1, f"{name}.{node.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return Module(
        name,
        len(text.splitlines()),
        max(functions, default=(0, "")),
        frozenset(imported(tree, list(parts[:-1]))),
        parts[1] if len(parts) > 2 else "",
    )


def imported(tree: ast.AST, package: list[str]) -> Iterator[str]:
    """What is imported at the top or in a function, except what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) in TYPES_ONLY:
            for other in node.orelse:
                yield from imported(ast.Module([other], []), package)
        else:
            yield from imported(node, package)


def edges(modules: dict[str, Module]) -> dict[str, set[str]]:
    """Which modules each module imports: a name in a module stands for that module."""
    found: dict[str, set[str]] = {}
    for module in modules.values():
        names = {n if n in modules else n.rpartition(".")[0] for n in module.imports}
        found[module.name] = (names & modules.keys()) - {module.name}
    return found


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, however far (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in graph[name]:
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
    for name in graph:
        if name not in order:
            visit(name)
    return groups


def main() -> int:
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    found = [read(path, root) for path in sorted((root / "craftkit").rglob("*.py"))]
    by_package: dict[str, list[Module]] = defaultdict(list)
    for module in found:
        by_package[module.package].append(module)
    print(f"{'package':<12} modules   lines")
    for package, members in sorted(by_package.items()):
        print(f"{package or '(top)':<12} {len(members):>7} {sum(m.lines for m in members):>7}")
    groups = circles(edges({module.name: module for module in found}))
    print(f"circles      {len(groups):>7}")
    for group in groups:
        print("  " + " <-> ".join(group))
    broken = bool(groups)
    for title, chosen in (
        ("craftkit", [module for module in found if module.package != "sandbox"]),
        ("sandbox", by_package["sandbox"]),
    ):
        if not chosen:
            continue
        modules = max((module.lines, module.name) for module in chosen)
        functions = max(module.longest for module in chosen)
        for kind, (lines, name), limit in (
            ("module", modules, MODULE_LINES),
            ("function", functions, FUNCTION_LINES),
        ):
            over = lines > limit
            end = f"above {limit}" if over else f"at most {limit}"
            print(f"{title}: longest {kind} {lines} lines ({name}), {end}")
            broken |= over
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
