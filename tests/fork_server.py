"""A small process that has craftkit loaded, and forks a child for each command of a test.

A child is a real process with its own environment, directory, streams, signals and exit code.
What it shares with other commands is what was imported before the fork.  `commands.py` talks to it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import time
from typing import Any

LARGEST = 1 << 20  # bytes of a request


def load() -> None:
    """What any command imports, so that no child has to."""
    import ctypes  # noqa: F401
    import pwd  # noqa: F401

    import github  # noqa: F401
    import requests  # noqa: F401
    import sqlite_utils  # noqa: F401
    import yaml  # noqa: F401

    import craftkit.cli
    from craftkit.specs import parse

    for module in pkgutil.walk_packages(craftkit.__path__, "craftkit."):
        if not module.name.startswith(("craftkit.sandbox", "craftkit.mcp")):
            importlib.import_module(module.name)
    with contextlib.redirect_stdout(io.StringIO()):
        craftkit.cli.main(["--version"])  # loads what typer loads late
    parse(b"---\nid: warm\n---\n\n## Tasks\n\n- [ ] T001 Warm\n", "specs/warm.md")


def serve(listener: socket.socket) -> None:
    """Fork for every connection; tell it the pid, and how the child ended."""
    chooser = selectors.DefaultSelector()
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    chooser.register(listener, selectors.EVENT_READ, "new")
    chooser.register(wake, selectors.EVENT_READ, "ended")
    chooser.register(0, selectors.EVENT_READ, "over")  # the pytest worker is gone
    running: dict[int, socket.socket] = {}
    while True:
        for key, _ in chooser.select():
            if key.data == "over":
                return
            if key.data == "new":
                connection = listener.accept()[0]
                pid = begin(connection, [listener, wake, woken, *running.values()])
                running[pid] = connection
            else:
                wake.recv(4096)
                report_ended(running)


def begin(connection: socket.socket, inherited: list[socket.socket]) -> int:
    with connection.dup() as copy:
        data, files, _, _ = socket.recv_fds(copy, LARGEST, 3)
        while not data.endswith(b"\n"):
            data += copy.recv(LARGEST)
    pid = os.fork()
    if pid == 0:
        try:
            for end in (*inherited, connection):
                end.close()
            become(json.loads(data), files)
        except BaseException:
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)
    for file in files:
        os.close(file)
    connection.sendall(f"{pid}\n".encode())
    return pid


def report_ended(running: dict[int, socket.socket]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        connection = running.pop(pid)
        with contextlib.suppress(OSError):  # whoever asked may not wait any more
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        connection.close()


def become(request: dict[str, Any], files: list[int]) -> None:
    """Be the process that `python -m craftkit WORDS` would be."""
    signal.set_wakeup_fd(-1)
    for name in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(name, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, file in enumerate(files):
        os.dup2(file, target)
        if file > 2:
            os.close(file)
    os.chdir(request["cwd"])
    if request["umask"] >= 0:
        os.umask(request["umask"])
    if request["user"]:
        os.setgroups([])
        os.setgid(request["user"])
        os.setuid(request["user"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False), "utf-8")  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8")  # noqa: SIM115
    err = open(2, "wb", closefd=False)  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(err, "utf-8", "backslashreplace", line_buffering=True)
    sys.argv = [request["program"], *request["args"]]
    if request["program"] == "craftkit-hook":
        from craftkit.agent_hook import run
    else:
        from craftkit.__main__ import run
    try:
        run()
    except SystemExit as error:
        sys.stdout.flush()
        os._exit(error.code if isinstance(error.code, int) else bool(error.code))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    listener = socket.socket(fileno=int(sys.argv[1]))
    load()
    gc.collect()
    gc.freeze()
    serve(listener)
