"""The protocol's own conformance suite, over HTTP, which only this test gives the server."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("graphql")

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [Path(f) for f in (os.environ.get("CRAFTKIT_CLIENTS", ""), ROOT / ".venv/clients") if f]
SCRIPT = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
SUITE = next((folder / SCRIPT for folder in FOLDERS if (folder / SCRIPT).exists()), None)
NEEDS = 22  # the major version of Node that the suite needs
SERVE = (
    "import sys; from craftkit.mcp.server import build;"
    "build(sys.argv[1]).run('streamable-http', host='127.0.0.1', port=int(sys.argv[2]))"
)
TOOL = "asks for a tool of the suite's example server, which craftkit does not have"
RESOURCE = "asks for a resource of the suite's example server"
PROMPT = "asks for a prompt of the suite's example server"
NOT_OFFERED = "is a part of the protocol that craftkit does not offer"
EXPECTED = {
    "logging-set-level": NOT_OFFERED,
    "resources-subscribe": NOT_OFFERED,
    "resources-unsubscribe": NOT_OFFERED,
    "tools-call-image": TOOL,
    "tools-call-audio": TOOL,
    "tools-call-embedded-resource": TOOL,
    "tools-call-mixed-content": TOOL,
    "tools-call-with-logging": TOOL,
    "tools-call-with-progress": TOOL,
    "tools-call-sampling": TOOL,
    "tools-call-elicitation": TOOL,
    "elicitation-sep1034-defaults": TOOL,
    "elicitation-sep1330-enums": TOOL,
    "resources-read-text": RESOURCE,
    "resources-read-binary": RESOURCE,
    "resources-templates-read": RESOURCE,
    "prompts-get-simple": PROMPT,
    "prompts-get-with-args": PROMPT,
    "prompts-get-embedded-resource": PROMPT,
    "prompts-get-with-image": PROMPT,
}
KEPT = {  # what speaks of the protocol alone
    *("server-initialize", "ping", "tools-list", "tools-call-error", "completion-complete"),
    *("resources-list", "prompts-list", "dns-rebinding-protection"),
}


def _node() -> str | None:
    """A Node that is new enough."""
    places = [str(folder / "node_modules/.bin") for folder in FOLDERS]
    for place in (*places, os.environ.get("PATH", "")):
        found = shutil.which("node", path=place)
        if found is None:
            continue
        said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
        if int((re.match(r"v(\d+)", said) or [0, 0])[1]) >= NEEDS:
            return found
    return None


NODE = _node() if SUITE is not None else None
pytestmark = [
    pytest.mark.skipif(SUITE is None, reason="conformance is not installed"),
    pytest.mark.skipif(SUITE is not None and NODE is None, reason="there is no node 22"),
]


def test_the_wire_is_the_protocols(desk: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(desk.repo), str(port)],
        cwd=desk.repo,
        env={**os.environ, **desk.env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        url = f"http://127.0.0.1:{port}/mcp"
        done = subprocess.run(
            [str(NODE), str(SUITE), "server", "--url", url],
            cwd=desk.repo.parent,
            capture_output=True,
            text=True,
            timeout=240,
        )
    finally:
        server.kill()
        server.wait()
    rows = re.findall(r"(?m)^([✓✗]) ([\w-]+):", done.stdout)
    passed = {name for mark, name in rows if mark == "✓"}
    failed = {name for mark, name in rows if mark == "✗"}
    assert passed >= KEPT, done.stdout[-4000:]
    assert failed == set(EXPECTED)


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server did not start")
