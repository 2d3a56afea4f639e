"""The server as a process: a silent wire, several at once, hang-ups, and a missing SDK."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("graphql")

import anyio
import talk as talking

from craftkit.errors import DatabaseUnwritable
from craftkit.mcp import answers
from craftkit.mcp.calls import Calls
from craftkit.store import processes

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def _call(number: int, tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def _start(desk: Any, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *(words or ("-m", "craftkit", "mcp"))],
        cwd=desk.repo,
        env={**os.environ, **desk.env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _write(server: subprocess.Popen[str], *messages: dict[str, Any]) -> None:
    assert server.stdin is not None
    server.stdin.write("".join(json.dumps(m) + "\n" for m in messages))
    server.stdin.flush()


@pytest.mark.parametrize("command", talking.COMMANDS)
def test_stdout_carries_the_protocol_and_nothing_else(desk: Any, command: str) -> None:
    desk.ok("task", "start", "T001")
    desk.replace("- [ ] T002", "- [x] T002")
    server = _start(desk, *talking.COMMANDS[command])
    _write(server, HELLO, READY, _call(2, "session_resume"), _call(3, "task_done", key="T001"))
    lines = [json.loads(server.stdout.readline()) for _ in range(3)]  # type: ignore[union-attr]
    out, err = server.communicate(timeout=300)
    assert {line["id"] for line in lines} == {1, 2, 3} and out == "" and err == ""
    assert server.returncode == 0
    assert "- [x] T001" in desk.text


def test_a_client_that_hangs_up_loses_nothing(desk: Any) -> None:
    server = _start(desk)
    _write(server, HELLO, READY)
    assert server.stdout is not None and server.stdout.readline()
    _write(server, *(_call(n, "task_done", key=f"T00{n}") for n in range(1, 6)))
    while "- [x] T001" not in desk.text:
        time.sleep(0.01)
    server.communicate(timeout=300)
    assert server.returncode == 0
    listed = desk.data("task", "list")["tasks"]
    recorded = desk.ask("select count(*) from history where event = 'task.done'")[0][0]
    assert sum(task["checked"] for task in listed) == recorded >= 1
    assert desk.ask("select count(*) from processes where status <> 'completed'") == [(0,)]


@pytest.mark.parametrize("blow", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_server_that_is_stopped_loses_nothing(desk: Any, blow: signal.Signals) -> None:
    desk.ok("session-resume")  # so that there is a database to look into
    server = _start(desk)
    _write(server, HELLO, READY)
    assert server.stdout is not None and server.stdout.readline()
    _write(server, *(_call(n, "task_done", key=f"T00{n}") for n in range(1, 6)))
    while not desk.ask("select 1 from history where event = 'task.done'"):
        time.sleep(0.01)
    server.send_signal(blow)
    server.communicate(timeout=300)
    assert server.returncode != 99
    desk.ok("session-resume")
    listed = desk.data("task", "list")["tasks"]
    recorded = desk.ask("select count(*) from history where event = 'task.done'")[0][0]
    assert sum(task["checked"] for task in listed) == recorded >= 1
    assert desk.ask("select count(*) from processes where status <> 'completed'") == [(0,)]


def test_calls_at_once_and_commands_beside_them(desk: Any) -> None:
    desk.write(24)
    desk.link()
    with talking.outside(desk) as one, talking.outside(desk, "legacy") as two:

        def work(n: int) -> None:
            talk = (one, two)[n % 2]
            assert talk.data("task_done", key=f"T{n:03d}")["changed"]
            talk.data("status")

        with ThreadPoolExecutor(6) as pool:
            done = [pool.submit(work, n) for n in range(1, 19)]
            for n in range(19, 25):
                desk.ok("task", "done", f"T{n:03d}")
            for result in done:
                result.result(timeout=300)
    desk.ok("reconcile")
    assert "[ ]" not in desk.text
    closed = [i for i in desk.issues().values() if i["state"].lower() == "closed"]
    assert len(closed) == 24 and desk.doubles() == []
    assert desk.ask("select count(*) from history where event = 'task.done'") == [(24,)]


def test_the_loop_answers_while_a_call_works_and_calls_take_turns(
    desk: Any, monkeypatch: Any
) -> None:
    at_work, go_on = threading.Event(), threading.Event()
    inside: list[int] = []

    def slow(context: Any, spec: str) -> Any:
        inside.append(1)
        at_work.set()
        assert len(inside) == 1 and go_on.wait(300)
        inside.pop()
        return real(context, spec)

    real = answers.status
    monkeypatch.setattr(answers, "status", slow)
    with talking.inside(desk) as talk, ThreadPoolExecutor(3) as pool:
        first = [pool.submit(talk.data, "status") for _ in range(3)]
        assert at_work.wait(300)
        assert talk.do("list_tools").tools
        go_on.set()
        assert all(f.result(timeout=30)["progress"]["total"] == 5 for f in first)


def test_a_cancelled_call_is_finished_or_not_begun(desk: Any) -> None:
    at_work, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def first(context: Any) -> None:
        at_work.set()
        assert go_on.wait(300)
        answers.task_done(context, "T001", "")
        seen.append("first")

    async def story() -> None:
        calls = Calls(str(desk.repo))
        async with anyio.create_task_group() as group:
            group.start_soon(calls.run, "first", first)
            await anyio.to_thread.run_sync(at_work.wait)
            group.start_soon(calls.run, "second", lambda context: seen.append("second"))
            await anyio.sleep(0.1)
            group.cancel_scope.cancel()
            go_on.set()

    anyio.run(story)
    assert seen == ["first"] and "- [x] T001" in desk.text


def test_what_a_call_could_not_even_record_is_taken_up_by_the_next(
    desk: Any, monkeypatch: Any
) -> None:
    """The owner of the operation is alive all the while: it is the server itself."""
    real, calls = processes.complete, []

    def full(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 1:
            raise DatabaseUnwritable("The disk is full.")
        real(*args)

    monkeypatch.setattr(processes, "complete", full)
    with talking.inside(desk) as talk:
        talk.data("task_start", key="T001")  # begins and is left half-way
        assert desk.ask("select status from processes") == [("running",)]
        stand = talk.data("status")
        assert stand["repaired"] == [
            {"code": "process_resumed", "message": "finished `task start T001`"}
        ]
    assert desk.ask("select status from processes") == [("completed",)]


def test_no_database_stays_open_between_calls(desk: Any) -> None:
    with talking.inside(desk) as talk:
        talk.data("task_done", key="T001")
        talk.refused("task_done", key="T009")
        links = [os.readlink(f"/proc/self/fd/{n}") for n in _open_files()]
    assert not [link for link in links if link.startswith(str(desk.repo))]


def _open_files() -> list[str]:
    return [n for n in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{n}")]


HIDE = "import sys; sys.modules['mcp'] = None; sys.argv = {argv!r}; {rest}"


@pytest.mark.parametrize(
    "rest",
    [
        "from craftkit.__main__ import run; run()",
        "from craftkit.mcp.__main__ import run; run()",
    ],
)
def test_without_the_sdk_there_is_one_sentence(desk: Any, rest: str) -> None:
    code = HIDE.format(argv=["craftkit", "mcp"], rest=rest)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=desk.repo,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == (
        "error: The MCP server needs the Python package mcp, version 2.3 or newer.\n"
        "hint: `pip install 'craftkit[mcp]'`\n"
    )


def test_a_folder_mcp_of_the_project_is_not_taken_for_the_sdk(desk: Any) -> None:
    for name in ("mcp", "mcp_types", "anyio"):
        (desk.repo / name).mkdir()
        (desk.repo / name / "__init__.py").write_text("raise SystemExit('taken for the SDK')")
    with talking.outside(desk, command="python -m craftkit.mcp") as talk:
        assert talk.data("status")["progress"]["total"] == 5


def test_other_commands_do_not_load_the_sdk(desk: Any) -> None:
    code = "import sys, craftkit.cli.app, craftkit.mcp; print('mcp' in sys.modules)"
    run = functools.partial(subprocess.run, capture_output=True, text=True, check=True)
    assert run([sys.executable, "-c", code]).stdout == "False\n"
