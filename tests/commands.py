"""Run craftkit as a process of its own: forked from a small server, or truly executed.

The full run (see `sampling.py`) executes `python -m craftkit` each time; the others fork, which
takes a tenth of the time.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import sampling

LIMIT = 300  # seconds for one command, on a busy machine too; then it hangs
FORK_SERVER = str(Path(__file__).with_name("fork_server.py"))
CRAFTKIT, HOOK = "craftkit", "craftkit-hook"
EXECUTED = {
    CRAFTKIT: ["-m", "craftkit"],
    HOOK: ["-c", "from craftkit.agent_hook import run; run()"],
}
# What an interpreter reads only when it starts.
AT_START = ("PYTHON", "LC_", "LANG")


class Done(NamedTuple):
    returncode: int  # negative: the signal by which it died
    stdout: str
    stderr: str


def run(
    *args: str,
    cwd: str | Path,
    env: Mapping[str, str],
    given: str = "",
    program: str = CRAFTKIT,
    umask: int = -1,
    user: int = 0,
) -> Done:
    """Run one command to its end; `given` is what it reads, `user` who runs it in place of root."""
    return begin(*args, cwd=cwd, env=env, given=given, program=program, umask=umask, user=user)()


def begin(
    *args: str,
    cwd: str | Path,
    env: Mapping[str, str],
    given: str = "",
    program: str = CRAFTKIT,
    umask: int = -1,
    user: int = 0,
) -> Callable[[], Done]:
    """Begin a command; what waits for its end."""
    executes = sampling.MODE == sampling.ALL or not hasattr(os, "fork") or _is_special(env)
    start = _execute if executes and not user else _fork  # another user may read no libraries
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
    with tempfile.TemporaryFile() as read:
        read.write(given.encode("utf-8", "surrogateescape"))
        read.seek(0)
        who = Who(umask, user)
        wait = start(program, args, str(cwd), dict(env), who, (read, out, err))

    def finish() -> Done:
        with out, err:
            code = wait()
            for stream in (out, err):
                stream.seek(0)
            said = [stream.read().decode("utf-8", "replace") for stream in (out, err)]
        return Done(code, *said)

    return finish


def _is_special(env: Mapping[str, str]) -> bool:
    """Whether an interpreter that starts in this environment is unlike the server's."""
    return any(
        env.get(name) != os.environ.get(name)
        for name in {*env, *os.environ}
        if name.startswith(AT_START)
    )


class Who(NamedTuple):
    umask: int
    user: int


Streams = tuple[IO[bytes], IO[bytes], IO[bytes]]


def _execute(
    program: str, args: Sequence[str], cwd: str, env: dict[str, str], who: Who, streams: Streams
) -> Callable[[], int]:
    process = subprocess.Popen(
        [sys.executable, *EXECUTED[program], *args],
        cwd=cwd,
        env=env,
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        umask=who.umask,
    )

    def wait() -> int:
        try:
            return process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{args} hangs") from None

    return wait


_server: list[Any] = []  # of this pytest worker: process, directory, address


def _fork(
    program: str, args: Sequence[str], cwd: str, env: dict[str, str], who: Who, streams: Streams
) -> Callable[[], int]:
    import json

    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(LIMIT)
    connection.connect(_address())
    request = {"program": program, "args": args, "cwd": cwd, "env": env, **who._asdict()}
    data = json.dumps(request).encode() + b"\n"
    sent = socket.send_fds(connection, [data], [stream.fileno() for stream in streams])
    if sent < len(data):  # nothing to send may not be sent: the command may have ended already
        connection.sendall(data[sent:])
    answer = connection.makefile("r")
    pid = int(answer.readline())

    def wait() -> int:
        with connection, answer:
            try:
                return int(answer.readline())
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"{args} hangs") from None

    return wait


def _address() -> str:
    """The socket of this worker's server, which is started for the first command."""
    if not _server or _server[2] != os.getpid():
        folder = tempfile.mkdtemp(prefix="craftkit-tests-")
        address = os.path.join(folder, "socket")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen(64)
        process = subprocess.Popen(
            [sys.executable, "-P", FORK_SERVER, str(listener.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=(listener.fileno(),),
        )
        listener.close()
        _server[:] = [process, address, os.getpid()]
        atexit.register(_end, process, folder)
    return str(_server[1])


def _end(process: subprocess.Popen[bytes], folder: str) -> None:
    with contextlib.suppress(OSError):
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
