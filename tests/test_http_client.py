"""What an error of a request reads like; nothing that came from outside is repeated."""

import errno
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from bot.http_client import why_unanswered

WHERE = ConnectionKey("secret.example", 443, True, True, None, None, None)
"""Of the connection that failed."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            aiohttp.ClientConnectorDNSError(WHERE, OSError(-2, "secret")),
            "the host's name cannot be resolved",
        ),
        (
            aiohttp.ClientConnectorCertificateError(WHERE, ssl.SSLCertVerificationError(1, "secret")),
            "the host's certificate is not trusted",
        ),
        (
            aiohttp.ClientConnectorError(WHERE, OSError(errno.EHOSTUNREACH, "secret")),
            "no route to host",
        ),
        (aiohttp.ServerTimeoutError("secret"), "not in time"),
        (aiohttp.ServerDisconnectedError("secret"), "the connection was closed"),
        (ConnectionResetError(errno.ECONNRESET, "secret"), "the connection was closed"),
        (aiohttp.ClientConnectorError(WHERE, OSError("secret")), "ClientConnectorError"),
    ],
)
def test_errors_of_requests_read_as_words(error: Exception, text: str) -> None:
    assert why_unanswered(error) == text
