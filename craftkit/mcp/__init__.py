"""`craftkit mcp`: the task loop for clients of the Model Context Protocol, over stdio.

The SDK is an extra, and takes longer to load than any command does: only `serve` loads it.
"""

from __future__ import annotations

from craftkit.errors import UsageProblem


def serve() -> None:
    """Serve this project until the client hangs up.  Raises UsageProblem without the SDK."""
    try:
        from craftkit.mcp import server
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise UsageProblem(
            "The MCP server needs the Python package mcp, version 2.3 or newer.",
            "`pip install 'craftkit[mcp]'`",
        ) from error
    server.run()
