"""Causes that lie between this machine and GitHub, or with an organisation, are named as such."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests

from craftkit.github import error_mapping, wire
from craftkit.github.error_mapping import About
from craftkit.github.gateway import Forbidden, Invalid, ParentFull

LAPTOP = About("acme/widgets", "github.com", "GITHUB_TOKEN")
RULES = {
    "Your IP is blocked: the `acme` organization has an IP allow list enabled": "VPN",
    "`acme` forbids access via a personal access token (classic).": "fine-grained",
    "forbids access via a token if the token's lifetime is greater than 366 days": "ends sooner",
    "`acme` forbids access via this kind of token": "which tokens are allowed",
}


@pytest.mark.parametrize(("said", "helps"), RULES.items())
@pytest.mark.parametrize("actions", [False, True])
def test_a_rule_of_an_organisation_has_a_hint_of_its_own(
    said: str, helps: str, actions: bool
) -> None:
    about = LAPTOP._replace(actions=actions)
    error = error_mapping.from_status(403, {}, {"message": said}, about)
    assert isinstance(error, Forbidden) and "rule of the organisation" in error.message
    assert helps in error.hint and "permissions: issues" not in error.hint


@pytest.mark.parametrize("actions", [False, True])
def test_advice_for_a_job_is_given_in_a_job_only(actions: bool) -> None:
    about = LAPTOP._replace(actions=actions)
    error = error_mapping.from_status(403, {}, {"message": "Resource not accessible"}, about)
    assert ("permissions: issues: write" in error.hint) is actions


def test_a_locked_conversation_is_the_reason_of_that_comment_alone() -> None:
    words = {"message": "Unable to create comment because issue is locked."}
    error = error_mapping.from_status(403, {}, words, LAPTOP, 7)
    assert isinstance(error, Invalid) and "locked" in error.message


def test_a_full_parent_is_told_apart() -> None:
    words = {"message": "Parent cannot have more than 100 sub-issues"}
    assert isinstance(error_mapping.from_status(422, {}, words, LAPTOP), ParentFull)
    assert type(error_mapping.from_status(422, {}, {"message": "No"}, LAPTOP)) is Invalid


def failed(inner: BaseException, kind: type[BaseException]) -> BaseException:
    error = kind("HTTPSConnectionPool(host='secret.example', port=443)")
    error.__cause__ = inner
    return error


NO_SOCKS = "Missing dependencies for SOCKS support."
NO_BUNDLE = "Could not find a suitable TLS CA certificate bundle, invalid path: /x"


@pytest.mark.parametrize(
    ("error", "why", "hint"),
    [
        (failed(ConnectionRefusedError(), requests.exceptions.ProxyError), "proxy", "HTTPS_PROXY"),
        (failed(socket.gaierror(), requests.exceptions.ProxyError), "proxy", "NO_PROXY"),
        (
            failed(OSError("Tunnel: 407 Proxy"), requests.exceptions.ProxyError),
            "password",
            "HTTPS_PROXY",
        ),
        (requests.exceptions.InvalidSchema(NO_SOCKS), "SOCKS", "PySocks"),
        (requests.exceptions.InvalidProxyURL("::"), "address of the proxy", "HTTPS_PROXY"),
        (OSError(NO_BUNDLE), "certificates", "REQUESTS_CA_BUNDLE"),
        (
            failed(ssl.SSLCertVerificationError(), requests.exceptions.SSLError),
            "certificate is not trusted",
            "REQUESTS_CA_BUNDLE",
        ),
        (failed(socket.gaierror(), requests.exceptions.ConnectionError), "resolved", "offline"),
    ],
)
def test_what_is_in_between_is_named(error: BaseException, why: str, hint: str) -> None:
    words = wire._before_connecting(error) or wire._words(error)
    assert why in words and "secret.example" not in words
    assert hint in error_mapping.unreachable(LAPTOP, words).hint


@pytest.mark.parametrize("error", [requests.exceptions.InvalidSchema(NO_SOCKS), OSError(NO_BUNDLE)])
def test_what_keeps_a_request_from_leaving_is_no_unknown_outcome(error: BaseException) -> None:
    assert wire._before_connecting(error)
    assert not wire._before_connecting(failed(TimeoutError(), requests.exceptions.ReadTimeout))
