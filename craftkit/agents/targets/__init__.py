"""One module per agent: each has a `TARGET`.  A new agent is one file more here."""

from __future__ import annotations

import importlib
import pkgutil

from craftkit.agents.target import Target


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Target:
    target: Target = importlib.import_module(f"{__name__}.{name}").TARGET
    return target
