"""Print what craftkit costs an agent's context, in tokens.

    python benchmarks/tokens.py

The count is craftkit's own cautious estimate.  tests/agents/test_token_budget.py holds the limits
that are printed beside the figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, get_args

from craftkit import __version__
from craftkit.agents import plugin, render
from craftkit.agents.commands import load
from craftkit.specs import meta
from craftkit.workflow.session import BRIEF_TOKENS, SHORT_TOKENS, tokens

CRAFTKIT = [sys.executable, "-m", "craftkit"]
ALWAYS, COMMAND = 120, 600
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
    """The MCP server's list of tools, as a client gets it; nothing where there is no server."""
    if find_spec("craftkit.mcp") is None:
        return []
    client = {"name": "tokens", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    messages = (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
    )
    with subprocess.Popen(
        [*CRAFTKIT, "mcp"], env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin and server.stdout
        limit = threading.Timer(60, server.kill)
        limit.start()
        server.stdin.writelines(json.dumps(message) + "\n" for message in messages)
        server.stdin.flush()
        # stdin stays open until the answer is there: its end is the server's.
        answer = next((a for line in server.stdout if (a := json.loads(line)).get("id") == 2), None)
        limit.cancel()
        server.kill()
    assert answer, "the server gave no list of tools"
    listed = answer["result"]["tools"]
    return [Figure(f"MCP, {len(listed)} tools", tokens(json.dumps(listed, ensure_ascii=False)))]


def main() -> None:
    for figure in [*briefs(), *texts(), *tools()]:
        limit = f"  (limit {figure.limit})" if figure.limit is not None else ""
        print(f"{figure.name:<32} {figure.tokens:>5}{limit}")


if __name__ == "__main__":
    main()
