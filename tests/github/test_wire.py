"""Faults of the connection itself, against real sockets on this machine."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from replies import ALL, CANARY, known, node, repository, rest

from craftkit.github.address import Server, find_server
from craftkit.github.client import Client
from craftkit.github.gateway import (
    GitHubError,
    Issue,
    NoAnswer,
    UnknownOutcome,
    Unreachable,
)
from craftkit.github.tokens import Token

Behaviour = Callable[[socket.socket], None]


class Odd:
    """A server that does one odd thing to every connection, and counts the requests it read."""

    def __init__(self, behave: Behaviour, at_once: bool) -> None:
        self.behave = behave
        self.at_once = at_once  # without waiting for a request
        self.heads: list[bytes] = []
        self.over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self.at_once:
                    self.behave(connection)
                    return
                while head := _read_request(connection):
                    self.heads.append(head)
                    self.behave(connection)
            except OSError:
                pass

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):  # not so on macOS
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection
        self._listener.close()


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += connection.recv(65536)
    return head


@contextmanager
def odd(behave: Behaviour, at_once: bool = False) -> Iterator[Odd]:
    server = Odd(behave, at_once)
    try:
        yield server
    finally:
        server.close()


def client_of(port: int, server: Server | None = None, seconds: float = 20) -> Client:
    found = server or find_server({"GITHUB_API_URL": f"http://127.0.0.1:{port}"}, {})
    start = f"{found.api_url} octo/demo ".lower()
    remembered = {start + key.rpartition(" ")[2]: value for key, value in known().items()}
    client = Client(
        found,
        ("octo", "demo"),
        Token(CANARY, "GH_TOKEN"),
        capabilities=ALL,
        remembered=remembered,
        sleep=lambda seconds: None if seconds < 2 else time.sleep(seconds),
    )
    client.rate_limiter.deadline = time.time() + seconds
    return client


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> Behaviour:
    head = b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers])
    return lambda connection: connection.sendall(head + b"\r\n\r\n" + body)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def cut(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b'{"number": 7')
    connection.shutdown(socket.SHUT_RDWR)


def garbage(connection: socket.socket) -> None:
    connection.sendall(b"220 smtp ready\r\n\r\n")
    connection.shutdown(socket.SHUT_RDWR)


def drip_head(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 2000:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def drip_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n")
    for _ in range(2000):
        connection.sendall(b" ")
        time.sleep(0.02)


def silence(connection: socket.socket) -> None:
    time.sleep(5)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def bomb(connection: socket.socket) -> None:
    body = gzip.compress(b"x" * (64 << 20), 9)
    answer(body, b"Content-Encoding: gzip")(connection)


SENT = [reset, hang_up, cut, garbage, endless, bomb]


@pytest.mark.parametrize("behave", SENT)
def test_i4_a_creation_that_was_sent_goes_once_and_is_unknown(behave: Behaviour) -> None:
    with odd(behave) as server:
        client = client_of(server.port)
        with pytest.raises(UnknownOutcome) as caught:
            client.create_parent("t", "b", [])
        assert len(server.heads) == client.requests == 1
    assert caught.value.hint and "127.0.0.1" in caught.value.message


@pytest.mark.parametrize("behave", SENT)
def test_a_read_is_asked_three_times(behave: Behaviour) -> None:
    with odd(behave) as server:
        client = client_of(server.port)
        with pytest.raises(NoAnswer):
            client.find_above(3)
        assert len(server.heads) == client.requests == 3


@pytest.mark.parametrize("behave", [drip_head, drip_body, silence])
def test_i17_a_slow_server_is_left_at_the_deadline(behave: Behaviour) -> None:
    with odd(behave) as server:
        client = client_of(server.port, seconds=0.6)
        with pytest.raises(UnknownOutcome):
            client.create_parent("t", "b", [])
        with pytest.raises(Unreachable, match="used up"):
            client.create_parent("t", "b", [])
        assert len(server.heads) == 1


def test_a_read_of_a_slow_server_ends_too() -> None:
    with odd(drip_body) as server, pytest.raises(NoAnswer):
        client_of(server.port, seconds=0.6).find_above(3)


def test_a_refused_connection_is_certain() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = client_of(port)
    with pytest.raises(Unreachable, match="refused") as caught:
        client.create_parent("t", "b", [])
    assert client.requests == 0 and "offline" in caught.value.hint


def test_a_name_that_is_not_found_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name(*args: Any, **more: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    client = client_of(0, find_server({"GITHUB_API_URL": "https://ghe.invalid/api/v3"}, {}))
    with pytest.raises(Unreachable, match="name cannot be resolved"):
        client.create_parent("t", "b", [])
    assert client.requests == 0


@pytest.mark.parametrize("behave", [answer(b"no TLS here"), reset, hang_up])
def test_tls_that_fails_is_certain(behave: Behaviour) -> None:
    with odd(behave, at_once=True) as server:
        url = f"https://localhost:{server.port}"
        client = client_of(0, find_server({"GITHUB_API_URL": url}, {}))
        with pytest.raises(Unreachable):
            client.create_parent("t", "b", [])
        assert client.requests == 0


def test_a_proxy_that_refuses_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    with odd(answer(b"no", status=b"403 Forbidden")) as proxy:
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        client = client_of(0, find_server({"GITHUB_API_URL": "https://ghe.invalid/api/v3"}, {}))
        with pytest.raises(Unreachable):
            client.create_parent("t", "b", [])
        assert client.requests == 0
        assert proxy.heads[0].startswith(b"CONNECT") and CANARY.encode() not in proxy.heads[0]


def test_a_look_up_that_hangs_is_left_and_sends_nothing_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, go_on = socket.getaddrinfo, threading.Event()

    def slow(*args: Any, **more: Any) -> Any:
        go_on.wait(120)
        return found(*args, **more)

    before = threading.enumerate()
    with odd(answer(b"{}")) as server:
        client = client_of(server.port, seconds=0.5)
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        with pytest.raises(Unreachable):
            client.create_parent("t", "b", [])
        assert client.requests == 0
        go_on.set()
        _join_all_but(before)
        assert server.heads == []


def _join_all_but(before: list[threading.Thread]) -> None:
    """Wait for the exchanges that were left behind since `before`."""
    for thread in threading.enumerate():
        if thread.name == "github" and thread not in before:
            thread.join(10)


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary Redirect"])
def test_no_redirect_carries_the_token_elsewhere(status: bytes) -> None:
    with odd(answer(b"[]")) as other:
        there = b"Location: http://localhost:%d/repos/octo/demo/issues" % other.port
        with odd(answer(b"{}", there, status=status)) as server:
            client = client_of(server.port)
            for call in (lambda: client.find_above(1), lambda: client.create_parent("t", "b", [])):
                with pytest.raises(GitHubError, match="another server"):
                    call()
            assert len(server.heads) == 2 and other.heads == []


def test_a_large_answer_is_read_and_the_connection_kept() -> None:
    body = json.dumps(repository(i0=node(7, body="x" * (11 << 20)))).encode()
    with odd(answer(body)) as server:
        client = client_of(server.port)
        for _ in range(2):
            found = client.issues([7])[7]
            assert isinstance(found, Issue) and len(found.body) == 11 << 20
        assert len(server.heads) == 2


def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(json.dumps(rest(7)).encode())
    with odd(answer(body, b"Content-Encoding: gzip")) as server:
        assert client_of(server.port).create_parent("t", "b", []).number == 7


def test_neither_netrc_nor_a_proxy_gets_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login other password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with odd(answer(b"{}")) as proxy, odd(answer(json.dumps(rest(7)).encode())) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        client_of(server.port).create_parent("t", "b", [])
        assert proxy.heads == []
        assert f"Authorization: token {CANARY}".encode() in server.heads[0]


def test_a_process_that_is_interrupted_lets_nothing_leave_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = threading.enumerate()
    with odd(answer(b"{}")) as server:
        client = client_of(server.port)

        def interrupted(self: threading.Thread, timeout: float | None = None) -> None:
            raise KeyboardInterrupt

        found, go_on = socket.getaddrinfo, threading.Event()

        def slow(*args: Any, **more: Any) -> Any:
            go_on.wait(120)
            return found(*args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "join", interrupted)
            patch.setattr(socket, "getaddrinfo", slow)
            with pytest.raises(KeyboardInterrupt):
                client.create_parent("t", "b", [])
        go_on.set()
        _join_all_but(before)
        assert server.heads == []


def test_loading_the_client_does_not_load_pygithub() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from craftkit.github import client, diagnose, tokens, address;"
        "print([m for m in ('github', 'requests', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
