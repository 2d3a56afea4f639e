"""One HTTP exchange, bounded in time and size, over PyGithub's requester.

PyGithub makes the request (token, address, version, JSON) and hands it to a connection object of
ours.  Ours answers it with nothing, so that PyGithub neither follows redirects nor sleeps nor
repeats, and keeps the real answer.

The exchange runs in a thread of its own: no timeout reaches the look-up of a name, or a server
that sends a byte at a time, and the caller has to get its turn back all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from craftkit import __version__
from craftkit.github.address import Server, is_loopback, origin
from craftkit.github.tokens import Token

if TYPE_CHECKING:
    import requests
    from github.Requester import Requester

API_VERSION = "2022-11-28"
ACCEPT = "application/vnd.github+json"
LARGEST = 16 << 20  # bytes of a body, decoded
_CONNECT_SECONDS = 3.0
_SILENCE_SECONDS = 15.0  # between two bytes
# All in all.  Less than the minute after which a lost creation is looked for.
_EXCHANGE_SECONDS = 30.0
_CHUNK = 1 << 16
_LATE = "no answer in time"


class HttpResponse(NamedTuple):
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class Failure(NamedTuple):
    """No answer.  `sent` is False where the request certainly did not arrive."""

    sent: bool
    why: str
    silent: bool = False  # nothing came, whether it arrived or not


class _Abandoned(Exception):
    """Nobody waits for this exchange any more."""


class _CancelGuard:
    """Knows whether a request can have left, and lets none leave once nobody waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shut = False
        self._connecting = False

    def begin(self) -> None:
        self._connecting = False  # also after a connection that failed

    def before_connect(self) -> None:
        with self._lock:
            if self._shut:
                raise _Abandoned
            self._connecting = True

    def after_connect(self) -> None:
        with self._lock:
            if self._shut:
                raise _Abandoned
            self._connecting = False

    def is_shut(self) -> bool:
        return self._shut

    def may_have_sent(self) -> bool:
        return not self._connecting

    def shut(self) -> bool:
        """Let nothing through from now on; whether something may have gone through before."""
        with self._lock:
            self._shut = True
            return not self._connecting


class Wire:
    """The connection to one server; kept open from one exchange to the next."""

    def __init__(self, server: Server, token: Token) -> None:
        self._server = server
        self._token = token
        self._requester: Requester | None = None
        self._gate = _CancelGuard()
        self._session: requests.Session | None = None

    def exchange(
        self,
        verb: str,
        url: str,
        headers: dict[str, str],
        body: dict[str, Any] | None,
        seconds: float,
    ) -> HttpResponse | Failure:
        """Send one request, once, and wait for its answer for at most `seconds`."""
        if self._requester is None:
            self._requester = _requester(self._server, self._token)
        connection = _Connection(self, min(max(seconds, 0.05), _EXCHANGE_SECONDS))
        # Typed as PyGithub's own connection classes; any object with their three methods will do.
        self._requester.requestJson(
            verb, url, headers={"Accept": ACCEPT, **headers}, input=body, cnx=cast(Any, connection)
        )
        return connection.outcome

    def send_with_timeout(self, request: _Request, seconds: float) -> HttpResponse | Failure:
        """The exchange itself, in a thread that is left behind when it takes too long."""
        if self._session is None:
            self._gate = _CancelGuard()
            self._session = _session(self._gate, direct=is_loopback(self._server))
        session, gate = self._session, self._gate
        gate.begin()
        outcome: list[HttpResponse | Failure] = []

        def work() -> None:
            try:
                outcome.append(_exchange(session, gate, request, seconds))
            except Exception as error:  # whatever a library or a server comes up with
                why = _before_connecting(error)
                sent = gate.may_have_sent() and not why
                words = why or _words(error)
                outcome.append(Failure(sent, words, silent=words == _LATE))

        thread = threading.Thread(target=work, name="github", daemon=True)
        thread.start()
        try:
            thread.join(seconds)
        except BaseException:  # interrupted: nothing leaves behind the user's back
            gate.shut()
            self._session = None
            raise
        if outcome:
            return outcome[0]
        self._session = None
        return Failure(gate.shut(), f"no answer within {seconds:.0f} s", silent=True)

    def url(self, path: str) -> str:
        """`path`, as PyGithub puts it together, on the server's own scheme, host and port."""
        scheme, host, port = origin(self._server.api_url) or ("https", "invalid", 443)
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}"


class _Request(NamedTuple):
    verb: str
    url: str
    headers: dict[str, str]
    body: str | None


class _Connection:
    """What PyGithub takes for its connection: the three methods that it calls."""

    def __init__(self, wire: Wire, seconds: float) -> None:
        self._wire = wire
        self._seconds = seconds
        self._request: _Request | None = None
        self.outcome: HttpResponse | Failure = Failure(False, "nothing was sent")

    def request(
        self,
        verb: str,
        url: str,
        input: str | None,
        headers: dict[str, str],
        stream: bool = False,
    ) -> None:
        self._request = _Request(verb, self._wire.url(url), headers, input)

    def getresponse(self) -> _Nothing:
        if self._request is not None:
            self.outcome = self._wire.send_with_timeout(self._request, self._seconds)
        return _Nothing()

    def close(self) -> None:
        pass


class _Nothing:
    """The answer that PyGithub gets to see."""

    status = 200

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    def getheaders(self) -> list[tuple[str, str]]:
        return []

    def read(self) -> str:
        return ""


def _requester(server: Server, token: Token) -> Requester:
    import github

    client = github.Github(
        auth=github.Auth.Token(token.reveal()),
        base_url=server.api_url,
        lazy=True,
        retry=None,
        timeout=int(_SILENCE_SECONDS),
        per_page=100,
        seconds_between_requests=None,
        seconds_between_writes=None,
        api_version=API_VERSION,
        user_agent=f"craftkit/{__version__}",
    )
    return client.requester


def _session(gate: _CancelGuard, direct: bool) -> requests.Session:
    """A session whose connections report to `gate`; `direct` ones know of no proxy."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Plain(HTTPConnection):
        def connect(self) -> None:
            gate.before_connect()
            super().connect()
            gate.after_connect()

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            gate.before_connect()
            super().connect()
            gate.after_connect()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(proxy, **kwargs)
            if not proxy.lower().startswith("socks"):  # those connect in a way of their own
                manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
            return manager

    session = requests.Session()
    session.auth = _keep_token  # or a .netrc would replace it
    session.trust_env = not direct
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter())
    return session


def _keep_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _exchange(
    session: requests.Session, gate: _CancelGuard, request: _Request, seconds: float
) -> HttpResponse | Failure:
    response = session.request(
        request.verb,
        request.url,
        data=request.body,
        headers=request.headers,
        timeout=(min(_CONNECT_SECONDS, seconds), min(_SILENCE_SECONDS, seconds)),
        allow_redirects=False,
        stream=True,
    )
    with response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        # read1 returns what is there, so that a slow body notices that nobody waits any more.
        read = getattr(response.raw, "read1", response.raw.read)
        chunks, size = [], 0
        while chunk := read(_CHUNK, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST:
                return Failure(True, f"the answer is larger than {LARGEST >> 20} MB")
            if gate.is_shut():
                raise _Abandoned
        return HttpResponse(response.status_code, headers, b"".join(chunks))


def _before_connecting(error: BaseException) -> str:
    """What kept a request from being tried at all; "" for all else."""
    said = " ".join(str(found) for found in _chain(error))
    if "dependencies for SOCKS" in said:
        return "the environment names a SOCKS proxy, which needs the package PySocks"
    if "invalid path" in said and ("TLS" in said or "certificate" in said):
        return "the file with certificates that the environment names cannot be read"
    if type(error).__name__ in (
        "InvalidProxyURL",
        "InvalidURL",
        "InvalidSchema",
        "ProxySchemeUnknown",
    ):
        return "the address of the proxy is not valid"
    return ""


def _words(error: BaseException) -> str:
    """What went wrong, in words of our own: those of the libraries hold addresses and headers."""
    chain = _chain(error)
    if any(type(found).__name__ in ("ProxyError", "SOCKSError") for found in chain):
        wants_login = any("407" in str(found) for found in chain)
        detail = "wants a user name and a password (407)" if wants_login else _reason(chain)
        return f"the proxy {detail}" if wants_login else f"the proxy failed ({detail})"
    return _reason(chain)


def _reason(chain: list[BaseException]) -> str:
    import socket
    import ssl

    for found in chain:
        name = type(found).__name__
        if isinstance(found, socket.gaierror) or name == "NameResolutionError":
            return "its name cannot be resolved"
        if isinstance(found, ssl.SSLCertVerificationError):
            return "its TLS certificate is not trusted"
        if isinstance(found, ssl.SSLError):
            return "TLS failed"
        if isinstance(found, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(found, TimeoutError) or "Timeout" in name:
            return _LATE
        if isinstance(found, ConnectionError) or name in ("IncompleteRead", "RemoteDisconnected"):
            return "the connection broke off"
    return f"the exchange failed ({type(chain[-1]).__name__})"


def _chain(error: BaseException) -> list[BaseException]:
    """The innermost errors first: `error`, what it wraps and what caused it."""
    found: list[BaseException] = []
    queue: list[BaseException] = [error]
    while queue and len(found) < 20:
        current = queue.pop(0)
        if any(current is known for known in found):
            continue
        found.append(current)
        inner = [*current.args, getattr(current, "reason", None)]
        inner += [current.__cause__, current.__context__]
        queue += [item for item in inner if isinstance(item, BaseException)]
    return found[::-1]
