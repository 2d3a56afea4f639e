"""`python -m craftkit.sandbox`: a sandbox until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading

from craftkit.errors import CraftkitError
from craftkit.sandbox.server import serve


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m craftkit.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", metavar="FILE", help="JSON or YAML: see docs/sandbox.md")
    options = parser.parse_args()
    try:
        server = serve(options.port, options.seed)
    except CraftkitError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    with server:
        print(f"Sandbox at {server.url}, page and API; Ctrl-C ends it.", file=sys.stderr)
        for name, value in server.environment().items():
            print(f"export {name}={value}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
