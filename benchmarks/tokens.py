"""Print what craftkit costs an agent's context, in tokens.

    python benchmarks/tokens.py

The count is craftkit's own cautious estimate.  tests/agents/test_token_budget.py holds the limits
that are printed beside the figures.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple, get_args

from craftkit import __version__
from craftkit.agents import plugin, render
from craftkit.agents.commands import load
from craftkit.errors import CraftkitError
from craftkit.loop.work_status import BRIEF_TOKENS, SHORT_TOKENS, tokens
from craftkit.specs import meta

CRAFTKIT = [sys.executable, "-m", "craftkit"]
ALWAYS, COMMAND, TOOLS = 120, 600, 1500
LEFT_OUT = ("CRAFTKIT_", "GIT_", "GITHUB_", "GH_")
ENV = {k: v for k, v in os.environ.items() if not k.startswith(LEFT_OUT)}
ENV |= {"CRAFTKIT_SESSION": "tokens", "NO_COLOR": "1", "PYTHONUTF8": "1"}


class Figure(NamedTuple):
    name: str
    tokens: int
    limit: int | None = None


def briefs() -> list[Figure]:
    """The brief of a spec with 13 tasks, of which six were ticked by hand."""
    with tempfile.TemporaryDirectory(prefix="craftkit-tokens-") as name:
        place = Path(name)
        subprocess.run(["git", "init", "-q", "--template="], cwd=place, check=True)
        _craftkit(place, "init")
        tasks = (f"Write part {n} of the record store with its tests" for n in range(1, 14))
        options = [word for task in tasks for word in ("--task", task)]
        _craftkit(place, "spec", "new", "A small record store", *options)
        spec = place / "specs" / "a-small-record-store.md"
        spec.write_text(spec.read_text().replace("- [ ] T00", "- [x] T00", 6))
        long = _craftkit(place, "session-resume", "--offline")
        _craftkit(place, "task", "start", "T009")
        short = _craftkit(place, "session-resume", "--offline", "--brief")
    return [
        Figure("brief", tokens(long), BRIEF_TOKENS),
        Figure("brief, short", tokens(short), SHORT_TOKENS),
    ]


def _craftkit(place: Path, *words: str) -> str:
    done = subprocess.run(
        [*CRAFTKIT, *words], cwd=place, env=ENV, capture_output=True, text=True, check=True
    )
    return done.stdout


def preloaded(files: dict[str, str]) -> str:
    """The names and descriptions that an agent keeps in its context from the first moment."""
    found = []
    for path, text in files.items():
        span = meta.front_span(text)
        fields = meta.read_simple(text[span[0] : span[1]]) if span else None
        if fields and fields.get("disable-model-invocation") != "true":
            found.append(f"{fields.get('name', path)}: {fields['description']}")
    return "\n".join(found)


def texts() -> list[Figure]:
    """The plugin's part that is always loaded, the skill's page, and each command."""
    commands = load()
    found = [Figure("plugin, always loaded", tokens(preloaded(plugin.files(__version__))), ALWAYS)]
    for language in get_args(render.Language):
        files = render.skill_files(commands, language)
        found.append(Figure(f"skill ({language}), always loaded", tokens(preloaded(files)), ALWAYS))
        found.append(Figure(f"skill ({language}), its page", tokens(files["SKILL.md"])))
    return found + [Figure(f"command {c.name}", tokens(c.body), COMMAND) for c in commands]


def tools() -> list[Figure]:
    """The MCP server's list of tools, as a client gets it; nothing where the SDK is missing."""
    try:
        from craftkit.mcp.server import tool_listing
    except (ImportError, CraftkitError):
        return []
    return [Figure("MCP, list of tools", tokens(tool_listing()), TOOLS)]


def main() -> None:
    for figure in [*briefs(), *texts(), *tools()]:
        limit = f"  (limit {figure.limit})" if figure.limit is not None else ""
        print(f"{figure.name:<32} {figure.tokens:>5}{limit}")


if __name__ == "__main__":
    main()
