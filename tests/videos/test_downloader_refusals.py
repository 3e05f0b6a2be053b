"""What a copy is never made of: refused addresses, odd links and hostile servers, on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from videos.test_downloader import HANGS, MEBIBYTE, MP4, body, loopback, serve, stuck, video

from bot.http_client import USER_AGENT
from bot.videos.downloader import VideoDownloader
from bot.videos.source import is_global
from sim.task_api.answers import Answer, gzip_bomb, html_page, redirect
from sim.task_api.server import RenderApi

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n"
Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]] | bytes


@dataclass
class Wire:
    """A server of bytes: where it is, what it was asked, and how much it got rid of."""

    address: str
    port: int
    asked: list[bytes] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def wire(behaviour: Behaviour = b"") -> AsyncIterator[Wire]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            made.asked.append(await reader.readuntil(b"\r\n\r\n"))
            if isinstance(behaviour, bytes):
                writer.write(behaviour)
            else:
                await behaviour(writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Wire(f"http://127.0.0.1:{port}", port)
    async with server:
        yield made


@pytest.fixture
async def api() -> AsyncIterator[RenderApi]:
    async with RenderApi() as api:
        yield api


@pytest.fixture
async def downloader(tmp_path: Path) -> AsyncIterator[VideoDownloader]:
    async with VideoDownloader(tmp_path / "tmp", may_connect=loopback) as downloader:
        yield downloader


@pytest.fixture
async def careful(tmp_path: Path) -> AsyncIterator[VideoDownloader]:
    """The downloader as it is by default."""
    async with VideoDownloader(tmp_path / "careful") as downloader:
        yield downloader


@pytest.fixture
def refused(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> Callable[[VideoDownloader, str], Awaitable[tuple[str, str]]]:
    """Fetch a link that stays one; return which hosts were asked and the reason, from the log."""
    caplog.set_level("DEBUG")

    async def fetch(downloader: VideoDownloader, link: str, limit: int = MEBIBYTE) -> tuple[str, str]:
        caplog.clear()
        assert await downloader.fetch([link], limit, limit, "video") == {}
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        (record,) = (record for record in caplog.records if record.name == "bot.videos.downloader")
        assert record.levelname == "INFO"
        return vars(record)["host"], vars(record)["reason"]

    return fetch


Refused = Callable[..., Awaitable[tuple[str, str]]]


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9", "168.63.129.16"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
        *("192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250"),
        *("240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
        *("64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:0:4136:e378::", "2001:2::1"),
        *("2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1"),
        *("4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1"),
    ],
)
def test_an_address_that_is_not_global_is_refused(address: str) -> None:
    assert not is_global(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "223.0.0.1"),
        *("2606:4700::1111", "2001:4860:4860::8888", "2a00::1", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    ],
)
def test_a_global_address_is_allowed(address: str) -> None:
    assert is_global(ip_address(address))


@given(st.ip_addresses())
@example(IPv4Address("192.0.0.9"))
def test_what_is_allowed_is_global_by_the_standard_library_too(address: IPv4Address | IPv6Address) -> None:
    if is_global(address):
        inner = getattr(address, "ipv4_mapped", None) or address
        assert inner.is_global
        assert not inner.is_multicast


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "[::ffff:127.0.0.1]", "[::]"),
        *("2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1"),
        *("127.0.0.1.", "127.000.000.001", "%31%32%37.0.0.1", "①②⑦.0.0.1", "[::1]", "[::127.0.0.1]"),
    ],
)
async def test_no_spelling_of_this_machine_is_connected_to(
    careful: VideoDownloader, refused: Refused, host: str
) -> None:
    async with wire(OK + b"Content-Length: 1000\r\n\r\n" + body(1000)) as server:
        await refused(careful, f"http://{host}:{server.port}/v.mp4")
        assert server.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "100.64.0.1", "192.168.0.1"),
        *("[::1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::10.0.0.1]", "[fd00:ec2::254]", "[fe80::1]"),
    ],
)
async def test_the_policy_judges_before_anything_is_sent(
    careful: VideoDownloader, refused: Refused, host: str
) -> None:
    assert (await refused(careful, f"https://{host}/v.mp4"))[1] == "address refused"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names and their addresses, a list for each look-up; the last one stays."""
    table: dict[str, list[list[str]]] = {}
    system = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        answers = table.get(host)
        if answers is None:
            return system(host, port, *args, **kwargs)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [info for address in found for info in system(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return table


async def test_a_name_that_stands_for_an_address_inside_is_refused(
    careful: VideoDownloader, refused: Refused, names: dict[str, list[list[str]]]
) -> None:
    names["videos.example"] = [["10.0.0.1", "169.254.169.254"]]
    assert await refused(careful, "http://videos.example/v.mp4?key=x") == (
        "videos.example",
        "address refused",
    )


async def test_of_the_addresses_of_a_name_only_allowed_ones_are_tried(
    api: RenderApi, downloader: VideoDownloader, names: dict[str, list[list[str]]]
) -> None:
    names["videos.example"] = [["10.0.0.1", "127.0.0.1"]]
    (link,) = serve(api, video())
    assert await downloader.fetch([link.replace("127.0.0.1", "videos.example")], MEBIBYTE, MEBIBYTE, "video")


async def test_a_name_that_changes_its_address_is_judged_each_time(
    api: RenderApi, downloader: VideoDownloader, refused: Refused, names: dict[str, list[list[str]]]
) -> None:
    names["videos.example"] = [["127.0.0.1"], ["10.0.0.1"]]
    origin = api.base_url.replace("127.0.0.1", "videos.example")
    serve(api, redirect(f"{origin}/media/1.mp4"), video())
    hosts = "videos.example > videos.example"
    assert await refused(downloader, f"{origin}/media/0.mp4") == (hosts, "address refused")


# Links


@pytest.mark.parametrize(
    "link",
    [
        *("", "x", "//host/x", "file:///etc/passwd", "javascript:alert(1)", "ftp://127.0.0.1/v", "http://"),
        *(
            "data:video/mp4;base64,AAAA",
            "http://user@127.0.0.1/",
            "http://u:p@127.0.0.1/",
            "http://@127.0.0.1",
        ),
        *(
            "http://127.0.0.1:99999/",
            "http://[::bad/",
            "http://127.0.0.1\\@10.0.0.1/",
            "unix:/run/x",
            "\udfff",
        ),
    ],
)
async def test_only_plain_links_are_followed(
    downloader: VideoDownloader, refused: Refused, link: str
) -> None:
    assert await refused(downloader, link) == ("", "not a link that may be followed")


@pytest.mark.parametrize(
    "to",
    [
        *("file:///etc/passwd", "javascript:alert(1)", "ftp://127.0.0.1/v", "data:video/mp4,x", "unix:/x"),
        *("http://user:pass@127.0.0.1/", "http://[::bad", "http://127.0.0.1:99999/", "//user@127.0.0.1/"),
    ],
)
async def test_only_plain_redirects_are_followed(
    api: RenderApi, downloader: VideoDownloader, refused: Refused, to: str
) -> None:
    (link,) = serve(api, redirect(to))
    assert await refused(downloader, link) == ("127.0.0.1", "not a link that may be followed")


async def test_a_redirect_to_a_refused_address_is_not_followed(
    api: RenderApi, downloader: VideoDownloader, refused: Refused
) -> None:
    (link,) = serve(api, redirect("http://169.254.169.254/latest/meta-data/"))
    assert await refused(downloader, link) == ("127.0.0.1 > 169.254.169.254", "address refused")


async def test_a_redirect_into_nothing_and_a_loop_end(
    api: RenderApi, downloader: VideoDownloader, refused: Refused
) -> None:
    for answer in (redirect("0.mp4"), redirect("?again"), Answer(302, {}), redirect("")):
        (link,) = serve(api, answer)
        assert (await refused(downloader, link))[1] == "too many redirects"


async def test_the_fourth_redirect_is_one_too_many(
    api: RenderApi, downloader: VideoDownloader, refused: Refused
) -> None:
    links = serve(api, *(redirect(f"{number}.mp4") for number in (1, 2, 3, 4)), video())
    assert (await refused(downloader, links[0]))[1] == "too many redirects"
    assert await downloader.fetch(links[1:2], MEBIBYTE, MEBIBYTE, "video")


async def test_a_link_is_asked_for_byte_by_byte_and_tells_nothing_more(
    downloader: VideoDownloader, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names["videos.example"] = [["127.0.0.1"]]
    async with wire() as proxy, wire(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n") as server:
        location = f"http://videos.example:{server.port}/%41/%2e%2F?s=%2b+~%7E&k=A/B="
        back = f"HTTP/1.1 302 X\r\nSet-Cookie: a=b\r\nLocation: {location}\r\n"
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy.address)
        async with wire(f"{back}Content-Length: 0\r\n\r\n".encode()) as first:
            await downloader.fetch([f"http://videos.example:{first.port}/x"], MEBIBYTE, MEBIBYTE, "video")
        assert proxy.connections == 0
        (request,) = server.asked
    line, *headers = request.decode().split("\r\n")
    assert line == "GET /%41/%2e%2F?s=%2b+~%7E&k=A/B= HTTP/1.1"
    assert sorted(filter(None, headers)) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Connection: close",
        f"Host: videos.example:{server.port}",
        f"User-Agent: {USER_AGENT}",
    ]


# Answers


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (html_page(), "not a video by its type"),
        (
            Answer(headers={"Content-Type": "video/mp4"}, body=html_page().body),
            "not a video by its first bytes",
        ),
        (video(kind="text/html"), "not a video by its type"),
        (video(kind="image/png"), "not a video by its type"),
        (video(head=b"\x89PNG\r\n\x1a\n"), "not a video by its first bytes"),
        (video(head=b"<!--ftypisom"), "not a video by its first bytes"),
        (video(head=b"#EXTM3U\n"), "not a video by its first bytes"),
        (video(head=b"\0\0\1\xba"), "not a video by its first bytes"),
        (Answer(headers={"Content-Type": "video/mp4"}), "shorter than any video"),
        (Answer(headers={"Content-Type": "video/mp4"}, body=MP4), "shorter than any video"),
        (Answer(404, video().headers, video().body), "status 404"),
        (Answer(500, video().headers, video().body), "status 500"),
        (Answer(206, video().headers, video().body), "status 206"),
        (Answer(204), "status 204"),
        (Answer(304), "status 304"),
        (Answer(drop=True), "ServerDisconnectedError"),
        (
            Answer(headers={**gzip_bomb().headers, "Content-Type": "video/mp4"}, body=gzip_bomb().body),
            "packed",
        ),
        (Answer(headers={"Content-Type": "video/mp4", "Content-Encoding": "br"}, body=body(1000)), "packed"),
        (video(2 * MEBIBYTE), "too large for the server"),
    ],
)
async def test_an_answer_that_is_no_video_leaves_the_link(
    api: RenderApi, downloader: VideoDownloader, refused: Refused, answer: Answer, reason: str
) -> None:
    (link,) = serve(api, answer)
    assert await refused(downloader, link) == ("127.0.0.1", reason)


async def test_the_log_has_no_query_and_no_path(
    api: RenderApi, downloader: VideoDownloader, refused: Refused, caplog: pytest.LogCaptureFixture
) -> None:
    for answer in (html_page(), Answer(drop=True), redirect("http://[::s3cret"), redirect("x:s3cret")):
        serve(api, answer)
        await refused(downloader, f"{api.base_url}/media/0.mp4?s3cret=s3cret")
        assert "s3cret" not in str(
            [vars(record) for record in caplog.records if record.name == "bot.videos.downloader"]
        )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff garbage\r\n\r\n",
        body(1000),
        b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
        OK + b"X: y\r\n" * 50_000 + b"\r\n",
        OK + b"Content-Length: 1000\r\n\r\n" + body(999),
        OK + b"Content-Length: 1000\r\n\r\n" + body(1000)[:20],
        OK + b"Content-Length: -1\r\n\r\n" + body(1000),
        OK + b"Content-Length: 1000\r\nContent-Length: 900\r\n\r\n" + body(1000),
        OK + b"Content-Length: 99999999999999999999999\r\n\r\n" + body(1000),
        OK + b"\r\n" + body(1000),
        b"HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + body(1000),
        OK + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + body(1000),
        OK + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + body(1000) + b"\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body(1000),
        OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + body(1000),
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n3e8\r\n" + body(1000) + b"\r\n0\r\n\r\n",
        OK
        + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"
        + body(1000)
        + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + body(1000),
        b"HTTP/1.1 302 X\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/" + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=lambda raw: str(raw[:90]),
)
async def test_a_broken_answer_leaves_the_link(
    downloader: VideoDownloader, refused: Refused, raw: bytes
) -> None:
    async with wire(raw) as server:
        await refused(downloader, server.address)


async def test_a_server_without_tls_or_without_ears_leaves_the_link(
    api: RenderApi, downloader: VideoDownloader, refused: Refused
) -> None:
    (link,) = serve(api, video())
    assert (await refused(downloader, link.replace("http:", "https:")))[1].startswith(
        "ClientConnectorSSLError"
    )
    await api.stop()
    assert await refused(downloader, link) == ("127.0.0.1", "ClientConnectorError ECONNREFUSED")


async def test_what_follows_the_declared_end_is_never_taken(downloader: VideoDownloader) -> None:
    async with wire(OK + b"Content-Length: 1000\r\n\r\n" + body(3000)) as server:
        copies = await downloader.fetch([server.address], MEBIBYTE, MEBIBYTE, "video")
        assert [(copy.size, copy.path.read_bytes()) for copy in copies.values()] in ([(1000, body(1000))], [])


async def test_a_body_in_pieces_is_downloaded_whole(downloader: VideoDownloader) -> None:
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body(300))
    async with wire(OK + b"Transfer-Encoding: Chunked\r\n\r\n" + pieces + b"0\r\n\r\n") as server:
        (copy,) = (await downloader.fetch([server.address], 300, MEBIBYTE, "video")).values()
        assert copy.path.read_bytes() == body(300)
        assert await downloader.fetch([server.address], 299, MEBIBYTE, "video") == {}


async def test_a_body_without_an_end_is_left_as_soon_as_the_limit_is_reached(
    downloader: VideoDownloader, refused: Refused
) -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n18\r\n" + MP4 + b"\r\n")
        while sent < 512 * MEBIBYTE:
            writer.write(b"10000\r\n" + b"v" * 0x10000 + b"\r\n")
            await writer.drain()
            sent += 0x10000

    async with wire(flood) as server:
        assert (await refused(downloader, server.address))[1] == "too large for the server"
    assert sent < 16 * MEBIBYTE  # the limit, and what the system's own buffers took


async def test_a_declared_length_beyond_the_limit_is_refused_unread(
    downloader: VideoDownloader, refused: Refused
) -> None:
    refusal = asyncio.Event()

    async def promise(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 2000000\r\n\r\n")
        await refusal.wait()

    async with wire(promise) as server:
        assert (await refused(downloader, server.address))[1] == "too large for the server"
        refusal.set()


@pytest.mark.looptime
@pytest.mark.parametrize(
    "slow",
    [
        Answer(delay=HANGS),
        stuck(),
        Answer(headers=video().headers, body=body(1000), drip=(1, 1.0)),
        Answer(headers=video().headers, body=body(1000), drip=(1, 14.0)),
    ],
    ids=["silent", "stuck", "drip", "slower drip"],
)
async def test_slow_answers_end_in_time(
    api: RenderApi, downloader: VideoDownloader, refused: Refused, slow: Answer
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    (link,) = serve(api, slow)
    assert await refused(downloader, link) == ("127.0.0.1", "not in time")
    assert 15 <= loop.time() - began < 16


@pytest.mark.looptime
async def test_headers_that_come_letter_by_letter_end_in_time(
    downloader: VideoDownloader, refused: Refused
) -> None:
    async def spell(writer: asyncio.StreamWriter) -> None:
        for letter in OK * 100:
            writer.write(bytes([letter]))
            await writer.drain()
            await asyncio.sleep(1)

    async with wire(spell) as server:
        assert (await refused(downloader, server.address))[1] == "not in time"


@pytest.mark.looptime
async def test_redirects_share_the_time_of_a_fetch(
    api: RenderApi, downloader: VideoDownloader, refused: Refused
) -> None:
    links = serve(
        api, *(Answer(302, {"Location": f"{n}.mp4"}, delay=6) for n in (1, 2)), Answer(delay=6), video()
    )
    assert await refused(downloader, links[0]) == ("127.0.0.1 > 127.0.0.1 > 127.0.0.1", "not in time")
