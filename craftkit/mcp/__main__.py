"""`python -m craftkit.mcp`, for clients whose PATH has no `craftkit`."""

from __future__ import annotations

import os
import sys


def run() -> None:
    # `-m` puts the project's directory first: a folder `mcp` of the project is not the SDK, and
    # nothing of the project may be run for being there.
    if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:
        del sys.path[0]
    from craftkit.errors import CraftkitError
    from craftkit.mcp import serve

    code = 0
    try:
        serve()
    except CraftkitError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    sys.stderr.flush()
    os._exit(code)  # a thread may still wait for a line of stdin


if __name__ == "__main__":
    run()
