"""The HTTP server on loopback: `serve` starts it in a thread of its own.

HTTP/1.1 with connections that stay open, as GitHub has them.  Requests for another host than
loopback are refused, so that no page in a browser can reach the sandbox under a name of its own.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from craftkit.errors import UsageProblem
from craftkit.sandbox.state import Answer, Observer, Request, State

HOST = "127.0.0.1"
BODY_LIMIT = 8_000_000
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_ENTERPRISE = "/api/v3"


class Server:
    """A running sandbox."""

    def __init__(self, state: State, port: int) -> None:
        self.state = state
        self._http = _Http((HOST, port), self)
        self.port = int(self._http.server_address[1])
        self.url = f"http://{HOST}:{self.port}"
        self._switch = threading.Lock()
        self._held: socket.socket | None = None  # keeps the port while nobody listens
        self._thread = self._listen()

    def _listen(self) -> threading.Thread:
        thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        return thread

    def environment(self, token: str = "", repo: str = "") -> dict[str, str]:
        """What a client needs to know; the first token and repository where none is named."""
        world = self.state.world
        names = [known.full_name for known in world.repos.values()]
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_GRAPHQL_URL": f"{self.url}/graphql",
            "GH_TOKEN": token or next(iter(world.tokens), ""),
            "GITHUB_REPOSITORY": repo or next(iter(names), ""),
        }

    def add_issues(self, repo: str, issues: Sequence[Mapping[str, Any]]) -> None:
        """More issues, each as in a seed, in one write: for whoever needs thousands."""
        from craftkit.sandbox import seed

        with self.state.lock:
            world = seed.add_issues(self.state.world, repo, issues, self.state.stamp())
            self.state.commit(world)

    def fault(self, *rules: Mapping[str, Any]) -> None:
        """Adds fault rules, as POST /_sandbox/faults does."""
        from craftkit.sandbox import control

        with self.state.lock:
            control.add_faults(self.state, list(rules))

    def observe(self, observer: Observer) -> None:
        """Has a function called with every exchange that no fault has spoilt."""
        self.state.observers.append(observer)

    def offline(self, seconds: float | None = None, but: socket.socket | None = None) -> None:
        """Nobody listens any more: connections are refused until `online`, or for some seconds.

        Open connections are closed, except the one on which an answer is still to be sent.
        """
        with self._switch:
            if self._held is not None:
                return
            self._http.shutdown()
            self._thread.join()
            self._http.socket.close()
            # The port is kept, or somebody else might be given it meanwhile.
            held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind((HOST, self.port))
            self._held = held
            self._http.hang_up(but)
        if seconds is not None:
            timer = threading.Timer(seconds, self.online)
            timer.daemon = True
            timer.start()

    def online(self) -> None:
        with self._switch:
            if self._held is None or self.state.closing.is_set():
                return
            self._held.listen(_Http.request_queue_size)
            self._http.socket, self._held = self._held, None
            self._thread = self._listen()

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        self.offline()
        try:
            yield
        finally:
            self.online()

    def close(self) -> None:
        self.state.closing.set()
        with self._switch:
            if self._held is not None:
                self._held.close()
            else:
                self._http.shutdown()
                self._thread.join()
                self._http.server_close()
            self._http.hang_up()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Server) -> None:
        self.sandbox = sandbox
        self.connections: set[socket.socket] = set()
        self.guard = threading.Lock()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[Any, Any]:
        """The next connection.  Raises BlockingIOError where it has gone before it was taken."""
        self.socket.setblocking(False)  # or `shutdown` would wait for another one for ever
        connection, address = super().get_request()
        connection.setblocking(True)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.guard:
            self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.guard:
            self.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self, but: socket.socket | None = None) -> None:
        with self.guard:
            for connection in self.connections:
                if connection is not but:
                    _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away does no harm; anything else is, and is printed."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # gone already


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one segment an answer; unbuffered, each costs 40 ms more
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log is at /_sandbox/requests."""

    def _serve(self) -> None:
        request = self._request()
        if request is None:
            return
        from craftkit.sandbox import control, page, respond

        state = self.server.sandbox.state
        if request.path.startswith(control.PREFIX):
            answer = control.answer(state, request, self._go_offline)
            return self._send(answer)
        if request.method == "GET" and (shown := page.answer(state, request)):
            return self._send(shown)
        wire = respond.respond(state, request)
        if wire.answer is None:
            return self._reset()
        if wire.offline:
            self._go_offline(wire.offline)
        self._send(wire.answer, wire.short, wire.drip)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    def _go_offline(self, seconds: float) -> None:
        self.close_connection = True
        self.server.sandbox.offline(seconds, but=self.connection)

    def _request(self) -> Request | None:
        """What was asked; None where that was refused at once."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get("host", "")
        name, _, port = host.rpartition(":")
        length = headers.get("content-length", "0")
        refused = None
        if name not in _LOOPBACK or port != str(self.server.sandbox.port):
            refused = 403, "Only loopback may ask."
        elif not self.path.startswith("/"):
            refused = 400, "That is not a path."
        elif "transfer-encoding" in headers or not length.isdecimal():
            refused = 411, "The length must be given."
        elif len(length) > len(str(BODY_LIMIT)) or int(length) > BODY_LIMIT:
            refused = 413, "That is too much."
        if refused is not None:
            self._refuse(*refused)
            return None
        body = self.rfile.read(int(length))
        from craftkit.sandbox.render import Place

        site, path = f"http://{host}", self.path
        if path.startswith("/api/graphql"):
            return Request(
                self.command, path.removeprefix("/api"), headers, body, Place(site, site)
            )
        if path.startswith(f"{_ENTERPRISE}/"):
            at = Place(site + _ENTERPRISE, site)
            return Request(self.command, path.removeprefix(_ENTERPRISE), headers, body, at)
        return Request(self.command, path, headers, body, Place(site, site))

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True
        kind = {"Content-Type": "text/plain; charset=utf-8"}
        self._send(Answer(status, kind, message.encode()))

    def _send(self, answer: Answer, short: bool = False, drip: float = 0.0) -> None:
        bare = answer.status in (204, 304)
        body = b"" if bare else answer.body
        self.send_response_only(answer.status)
        now = self.server.sandbox.state.now()
        headers = {"Date": formatdate(now, usegmt=True), **answer.headers}
        if not bare:
            headers["Content-Length"] = str(len(body))
        if self.close_connection or short:
            self.close_connection = True
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if drip:
            return self._drip(body, drip)
        self.wfile.write(body[: len(body) // 2] if short else body)

    def _drip(self, body: bytes, seconds: float) -> None:
        """The body in twenty pieces; a closing server stops in the middle."""
        step = max(1, -(-len(body) // 20))
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            self.wfile.flush()
            if self.server.sandbox.state.closing.wait(seconds / 20):
                return self._reset()

    def _reset(self) -> None:
        """Ends the connection as a crash or a firewall does: with a reset."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()


def serve(
    port: int = 0,
    seed: Any = None,
    *,
    clock: Callable[[], float] = time.time,
) -> Server:
    """Starts a sandbox on loopback; port 0 takes a free one.

    `seed` is a path, what a seed file holds, or None for the built-in one.
    """
    try:
        import graphql  # noqa: F401
    except ImportError as error:
        raise UsageProblem(
            "The sandbox needs the package graphql-core, which is not installed.",
            "pip install 'craftkit[sandbox]'",
        ) from error
    from craftkit.sandbox import seed as seeds
    from craftkit.sandbox.world import stamp

    if isinstance(seed, str | Path):
        built = seeds.load(Path(seed), stamp(clock()))
    else:
        built = seeds.build(seeds.DEFAULT if seed is None else seed, stamp(clock()))
    state = State(built.world, built.limits, built.capabilities, clock)
    try:
        return Server(state, port)
    except OSError as error:
        reason = error.strerror or error
        raise UsageProblem(f"The sandbox cannot listen on port {port}: {reason}.") from error
