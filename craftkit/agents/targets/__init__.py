"""One module per agent: each has a `TARGET`.  A new agent is one file more here."""

from __future__ import annotations

import importlib
import os

from craftkit.agents.target import AgentTarget


def names() -> list[str]:
    files = os.listdir(os.path.dirname(__file__))
    return sorted(f[:-3] for f in files if f.endswith(".py") and f[0] != "_")


def load(name: str) -> AgentTarget:
    target: AgentTarget = importlib.import_module(f"{__name__}.{name}").TARGET
    return target
