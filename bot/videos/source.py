"""Opens untrusted video links safely: which links and addresses are allowed, and what counts as a video.

A host name proves nothing: it may resolve to an internal address, and to a different one a moment later. So
the check is made when a socket is created, on the address that this socket then connects to.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import aiohttp
from yarl import URL

from bot.http_client import USER_AGENT
from bot.veo.links import printable_link

AddressPolicy = Callable[[IPv4Address | IPv6Address], bool]
"""Returns whether an address may be connected to."""

CONNECTIONS: Final = 48
"""Open at the same time."""
TO_ONE_HOST: Final = 8
"""The same for one host, so that a slow host does not delay videos from others."""
REDIRECTS: Final = 3
CHUNK: Final = 64 * 1024
HEAD: Final = 64
"""Bytes by which a video is recognized; none is shorter."""

_REDIRECT: Final = frozenset({301, 302, 303, 307, 308})
# Other values of `Content-Encoding` were set by the uploader: object stores send "", `aws-chunked`, `binary`
# and `utf-8` for files that are not encoded.
_COMPRESSING: Final = frozenset(
    {"br", "compress", "dcb", "dcz", "deflate", "gzip", "x-compress", "x-gzip", "zstd"}
)
_EBML: Final = b"\x1a\x45\xdf\xa3"
_LONGEST_FTYP: Final = 4096

# IANA's registries of special addresses, written out because `ipaddress` differs between the supported
# versions of Python.
_REFUSED_V4: Final = (
    IPv4Network("0.0.0.0/8"),  # this network
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # carriers' NAT
    IPv4Network("127.0.0.0/8"),
    IPv4Network("168.63.129.16/32"),  # Azure's host, as every virtual machine there sees it
    IPv4Network("169.254.0.0/16"),  # link local, metadata of clouds
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("192.168.0.0/16"),
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/3"),  # multicast, reserved, broadcast
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
"""All of IPv6 that is assigned to global unicast."""
_REFUSED_V6: Final = (
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: any IPv4 address may be inside
    IPv6Network("3fff::/20"),  # documentation
)
_NAT64: Final = IPv6Network("64:ff9b::/96")


class Refused(Exception):
    """A video is not downloaded; the text says why and never quotes the server."""


class AddressRefused(OSError):
    """The policy does not allow an address."""


def is_global(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is global unicast. An IPv4 address inside an IPv6 one decides for it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_global(address.ipv4_mapped)
        if address in _NAT64:
            return is_global(IPv4Address(int(address) & 0xFFFF_FFFF))
        return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)
    return not any(address in network for network in _REFUSED_V4)


def guarded_client(may_connect: AddressPolicy) -> aiohttp.ClientSession:
    """Return a client that connects only to allowed addresses and sends no identifying data.

    It reuses no connection and caches no addresses, so that each request is checked. It has no time limit.
    """

    def make_socket(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = info
        try:
            allowed = may_connect(ip_address(where[0]))
        except ValueError:  # not an address: the system would resolve it by itself
            allowed = False
        if not allowed:
            raise AddressRefused("address refused")
        return socket.socket(family, kind, protocol)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=CONNECTIONS,
            limit_per_host=TO_ONE_HOST,
            force_close=True,
            use_dns_cache=False,
            socket_factory=make_socket,
        ),
        headers={"Accept-Encoding": "identity", "User-Agent": USER_AGENT},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
    )


class Video:
    """A response that may be a video; `length` is the length it declares, 0 if none."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._body: Final = response.content
        self.length: Final = _length(response)

    async def begin(self) -> tuple[str, bytes]:
        """Return the extension for this kind of video and its first bytes, or raise Refused."""
        try:
            head = await self._body.readexactly(HEAD)
        except asyncio.IncompleteReadError:
            raise Refused("shorter than any video") from None
        if head[4:8] == b"ftyp" and int.from_bytes(head[:4], "big") <= _LONGEST_FTYP:
            return "mov" if head[8:12] == b"qt  " else "mp4", head
        if head.startswith(_EBML):
            return "webm" if b"webm" in head else "mkv", head
        raise Refused("not a video by its first bytes")

    async def more(self) -> bytes:
        """Return the next bytes, none at the end."""
        return await self._body.read(CHUNK)


@asynccontextmanager
async def opened(http: aiohttp.ClientSession, link: str, asked: list[str]) -> AsyncIterator[Video]:
    """Follow a link to a video; append each host on the way to `asked`.

    Raises:
        Refused: there is no video that may be downloaded.
        Exception: any error of aiohttp.
    """
    where = _target(link)
    for _ in range(REDIRECTS + 1):
        if where is None:
            raise Refused("not a link that may be followed")
        asked.append(where.raw_host or "")
        async with http.get(where, allow_redirects=False) as response:
            if response.status not in _REDIRECT:
                yield Video(response)
                return
            where = _target(response.headers.get("Location", ""), where)
    raise Refused("too many redirects")


def why(error: Exception) -> str:
    """Describe an error for the log, without quoting the server or the link."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, Refused | AddressRefused):
        return str(cause)
    if isinstance(error, TimeoutError):
        return "not in time"
    code = errno.errorcode.get(error.errno or 0) if isinstance(error, OSError) else None
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def _target(link: str, base: URL | None = None) -> URL | None:
    """Return the URL of a link, or of a redirect from `base`; None if it must not be followed.

    Only http and https are followed, and never with a user or a password.
    """
    try:
        printable = printable_link(link if base is None else str(base.join(URL(link, encoded=True))))
        # Unchanged: a signature may cover every byte.
        url = URL(printable or "", encoded=True)
        plain = url.port and "@" not in url.raw_authority
    except ValueError:  # not a valid host or port
        return None
    return url if plain else None


def _length(response: aiohttp.ClientResponse) -> int:
    if response.status != 200:  # noqa: PLR2004
        raise Refused(f"status {response.status}")
    encodings = ",".join(response.headers.getall("Content-Encoding", ())).lower().split(",")
    if _COMPRESSING.intersection(encoding.strip() for encoding in encodings):
        raise Refused("packed")
    # Servers send videos with many types or none; the first bytes decide.
    if response.content_type == "text/html" or response.content_type.startswith(("image/", "multipart/")):
        raise Refused("not a video by its type")
    if response.content_length is not None:
        return response.content_length
    if response.headers.get("Transfer-Encoding", "").lower() != "chunked":
        raise Refused("no declared length")  # a lost connection would be taken for the end
    return 0
