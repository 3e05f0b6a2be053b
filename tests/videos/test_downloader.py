"""Copies of videos from a real server on loopback: what is made, within which bounds, and what is left."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

import pytest

from bot.videos.downloader import MOST, PARALLEL, VideoDownloader
from sim.task_api.answers import Answer, html_page, redirect
from sim.task_api.server import MEDIA, RenderApi

MEBIBYTE: Final = 2**20
MP4: Final = b"\0\0\0\x18ftypisom\0\0\2\0isommp41"
MOV: Final = b"\0\0\0\x14ftypqt  \0\0\2\0qt  "
WEBM: Final = b"\x1a\x45\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x84webm"
MKV: Final = WEBM.replace(b"\x84webm", b"\x88matroska")
HANGS: Final = 10_000.0


def loopback(address: IPv4Address | IPv6Address) -> bool:
    return address.is_loopback


def body(size: int, head: bytes = MP4, fill: bytes = b"v") -> bytes:
    return head + fill * (size - len(head))


def video(size: int = 1000, head: bytes = MP4, kind: str = "video/mp4", fill: bytes = b"v") -> Answer:
    return Answer(headers={"Content-Type": kind}, body=body(size, head, fill))


def stuck(size: int = 1000) -> Answer:
    """Half a video, and then nothing for hours."""
    whole = video(size)
    return Answer(headers=whole.headers, body=whole.body, drip=(size // 2, HANGS))


@pytest.fixture
async def api() -> AsyncIterator[RenderApi]:
    async with RenderApi() as api:
        yield api


@pytest.fixture
async def downloader(tmp_path: Path) -> AsyncIterator[VideoDownloader]:
    async with VideoDownloader(tmp_path / "tmp", may_connect=loopback) as downloader:
        yield downloader


def serve(api: RenderApi, *answers: Answer) -> list[str]:
    """Serve answers as videos; return their links."""
    for number, answer in enumerate(answers):
        api.set_media(f"{number}.mp4", answer)
    return [f"{api.base_url}/media/{number}.mp4" for number in range(len(answers))]


async def until_files(folder: Path, sizes: list[int]) -> None:
    """Wait until the files have these sizes; a short one is written when it is whole. For a virtual clock."""
    for _ in range(10_000):
        if sorted(path.stat().st_size for path in folder.iterdir()) == sizes:
            return
        await asyncio.sleep(0.0001)
    raise AssertionError([path.stat().st_size for path in folder.iterdir()])


async def test_a_real_video_is_downloaded_to_the_byte(
    api: RenderApi, downloader: VideoDownloader, tmp_path: Path
) -> None:
    links = [f"{api.base_url}/media/{name}.mp4" for name in ("sunrise", "waves")]
    copies = await downloader.fetch(links, 10 * MEBIBYTE, 10 * MEBIBYTE, "video")
    assert list(copies) == links
    assert [copy.name for copy in copies.values()] == ["video-1.mp4", "video-2.mp4"]
    for name, copy in zip(("sunrise", "waves"), copies.values(), strict=True):
        assert copy.path.parent == tmp_path / "tmp"
        assert copy.path.read_bytes() == (MEDIA / f"{name}.mp4").read_bytes()
        assert copy.size == copy.path.stat().st_size


@pytest.mark.parametrize(
    ("head", "kind", "name"),
    [
        (MP4, "video/mp4", "video-1.mp4"),
        (MP4, "video/webm", "video-1.mp4"),
        (MP4, "Video/MP4; codecs=avc1", "video-1.mp4"),
        (MP4, "application/octet-stream", "video-1.mp4"),
        (MP4, "binary/octet-stream", "video-1.mp4"),
        (MOV, "video/mp4", "video-1.mov"),
        (WEBM, "video/mp4", "video-1.webm"),
        (MKV, "application/octet-stream", "video-1.mkv"),
    ],
)
async def test_the_name_is_for_what_it_is_and_not_for_what_it_says(
    api: RenderApi, downloader: VideoDownloader, head: bytes, kind: str, name: str
) -> None:
    links = serve(api, video(1000, head, kind))
    copies = await downloader.fetch(links, MEBIBYTE, MEBIBYTE, "video")
    assert [(copy.name, copy.size) for copy in copies.values()] == [(name, 1000)]


async def test_names_take_nothing_from_the_link(api: RenderApi, downloader: VideoDownloader) -> None:
    api.set_media("CON.mp4", video())
    (copy,) = (
        await downloader.fetch([f"{api.base_url}/media/CON.mp4?f=../../x.exe#x"], MEBIBYTE, MEBIBYTE, "video")
    ).values()
    assert copy.name == "video-1.mp4"


async def test_one_that_fails_spoils_no_other(
    api: RenderApi, downloader: VideoDownloader, tmp_path: Path
) -> None:
    links = serve(api, html_page(), video(), Answer(drop=True), video(kind="video/x"))
    copies = await downloader.fetch(links, MEBIBYTE, MEBIBYTE, "video")
    assert {url: copy.name for url, copy in copies.items()} == {
        links[1]: "video-2.mp4",
        links[3]: "video-4.mp4",
    }
    assert len(list((tmp_path / "tmp").iterdir())) == 2


async def test_a_link_given_twice_is_one_file_and_none_is_nothing(
    api: RenderApi, downloader: VideoDownloader, tmp_path: Path
) -> None:
    links = serve(api, video())
    assert list(await downloader.fetch(links * 2, MEBIBYTE, MEBIBYTE, "video")) == links
    assert len(list((tmp_path / "tmp").iterdir())) == 1
    assert await downloader.fetch([], MEBIBYTE, MEBIBYTE, "video") == {}


async def test_a_few_redirects_are_followed_relative_ones_too(
    api: RenderApi, downloader: VideoDownloader
) -> None:
    links = serve(api, redirect("1.mp4", 301), redirect("/media/2.mp4", 307), redirect("3.mp4#x"), video())
    copies = await downloader.fetch(links, MEBIBYTE, MEBIBYTE, "video")
    assert {copy.name for copy in copies.values()} == {f"video-{n}.mp4" for n in (1, 2, 3, 4)}


# Room


async def test_a_video_that_just_fits_is_downloaded_and_one_byte_more_is_not(
    api: RenderApi, downloader: VideoDownloader
) -> None:
    links = serve(api, video(100_000))
    assert await downloader.fetch(links, 100_000, MEBIBYTE, "video")
    assert not await downloader.fetch(links, 99_999, MEBIBYTE, "video")


@pytest.mark.parametrize("limit", [-1, 0])
async def test_without_space_there_are_no_files(
    api: RenderApi, downloader: VideoDownloader, limit: int
) -> None:
    assert await downloader.fetch(serve(api, video()), limit, MEBIBYTE, "video") == {}


@pytest.mark.looptime
async def test_the_space_is_shared_and_what_failed_takes_none(
    api: RenderApi, downloader: VideoDownloader
) -> None:
    late = Answer(headers=video().headers, body=body(600), delay=1)
    links = serve(api, video(600, b"no video"), late, late, late)
    copies = await downloader.fetch(links, 1300, 1300, "video")
    assert [copy.size for copy in copies.values()] == [600, 600]
    assert links[0] not in copies


async def test_at_most_so_many_are_downloaded(api: RenderApi, downloader: VideoDownloader) -> None:
    links = serve(api, *[video()] * (MOST + 2))
    assert list(await downloader.fetch(links, MEBIBYTE, MEBIBYTE, "video")) == links[:MOST]


# Time


@pytest.mark.looptime
async def test_a_fetch_takes_no_longer_than_its_time_and_keeps_what_it_has(
    api: RenderApi, downloader: VideoDownloader, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    slow = Answer(headers=video().headers, body=body(1000), drip=(10, 2.0))
    links = serve(api, slow, Answer(delay=HANGS), video(), *[stuck()] * 6)
    copies = await downloader.fetch(links, MEBIBYTE, MEBIBYTE, "video")
    assert 15 <= loop.time() - began < 16
    assert list(copies) == [links[2]]
    assert [path.stat().st_size for path in (tmp_path / "tmp").iterdir()] == [1000]


@pytest.mark.looptime
async def test_a_fetch_asks_for_few_at_a_time(downloader: VideoDownloader) -> None:
    open_now, most = 0, 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(1)
        open_now -= 1
        writer.write(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        began = asyncio.get_running_loop().time()
        await downloader.fetch([f"{address}/{number}" for number in range(9)], MEBIBYTE, MEBIBYTE, "video")
    assert most == PARALLEL
    assert 3 <= asyncio.get_running_loop().time() - began < 4


@pytest.mark.looptime
async def test_fetches_at_the_same_time_share_neither_files_nor_space_nor_turns(
    api: RenderApi, downloader: VideoDownloader
) -> None:
    stuck_links = serve(api, *[stuck()] * 4)
    api.set_media("a.mp4", video(300_000, fill=b"a"))
    api.set_media("b.mp4", video(300_000, fill=b"b"))
    hung = asyncio.create_task(downloader.fetch(stuck_links, MEBIBYTE, MEBIBYTE, "video"))
    fetches = [
        downloader.fetch([f"{api.base_url}/media/{name}.mp4"], 400_000, 400_000, "video") for name in "abab"
    ]
    copies = [copy for made in await asyncio.gather(*fetches) for copy in made.values()]
    assert len({copy.path for copy in copies}) == 4
    for copy, fill in zip(copies, (b"a", b"b") * 2, strict=True):
        assert copy.path.read_bytes() == body(300_000, fill=fill)
    assert await hung == {}


# Files


@pytest.mark.looptime
async def test_a_cancelled_fetch_leaves_no_file(
    api: RenderApi, downloader: VideoDownloader, tmp_path: Path
) -> None:
    links = serve(api, video(2000), stuck(), stuck())
    fetch = asyncio.create_task(downloader.fetch(links, MEBIBYTE, MEBIBYTE, "video"))
    await until_files(tmp_path / "tmp", [0, 0, 2000])
    await asyncio.sleep(1)
    fetch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetch
    assert list((tmp_path / "tmp").iterdir()) == []
    assert await downloader.fetch(links[:1], MEBIBYTE, MEBIBYTE, "video")


@pytest.mark.looptime
async def test_the_end_stops_fetches_and_leaves_no_file(api: RenderApi, tmp_path: Path) -> None:
    links = serve(api, video(2000), stuck())
    async with VideoDownloader(tmp_path / "tmp", may_connect=loopback) as downloader:
        kept = await downloader.fetch(links[:1], MEBIBYTE, MEBIBYTE, "video")
        fetch = asyncio.create_task(downloader.fetch(links[1:], MEBIBYTE, MEBIBYTE, "video"))
        await until_files(tmp_path / "tmp", [0, 2000])
        stopped = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopped < 1
    assert kept
    assert await fetch == {}
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(RuntimeError):
        await downloader.fetch(links, MEBIBYTE, MEBIBYTE, "video")


async def test_discarded_files_are_gone_and_may_be_discarded_again(
    api: RenderApi, downloader: VideoDownloader, tmp_path: Path
) -> None:
    copies = await downloader.fetch(serve(api, video(), video()), MEBIBYTE, MEBIBYTE, "video")
    downloader.discard(list(copies.values())[:1])
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == [list(copies.values())[1].path.name]
    downloader.discard(copies.values())
    assert list((tmp_path / "tmp").iterdir()) == []


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux shows them")
@pytest.mark.looptime
async def test_no_file_and_no_connection_stays_open(api: RenderApi, tmp_path: Path) -> None:
    links = serve(api, video(), stuck(), html_page(), redirect("0.mp4"), video(2 * MEBIBYTE))
    before = open_files()
    async with VideoDownloader(tmp_path / "tmp", may_connect=loopback, seconds=2) as downloader:
        assert len(await downloader.fetch(links, MEBIBYTE, MEBIBYTE, "video")) == 2
    await api.stop()  # its own ends, and its own ear
    assert open_files() < before


async def test_the_start_empties_the_folder_and_nothing_else(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "tmp"
    (folder / "old").mkdir(parents=True)
    outside.mkdir()
    for path in (tmp_path / "bot.db", outside / "kept", folder / "7.part", folder / "old" / "x"):
        path.write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "old" / "link").symlink_to(outside)
    (folder / "broken").symlink_to(tmp_path / "nowhere")
    async with VideoDownloader(folder):
        assert list(folder.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bot.db", "outside", "tmp"]
    assert (outside / "kept").read_text() == "x"


async def test_the_start_makes_the_folder_or_says_that_it_cannot(tmp_path: Path) -> None:
    async with VideoDownloader(tmp_path / "data" / "tmp"):
        assert (tmp_path / "data" / "tmp").is_dir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="tmp"):
        await VideoDownloader(tmp_path / "file" / "tmp").__aenter__()


async def test_a_disk_that_takes_no_file_leaves_the_link(
    api: RenderApi, downloader: VideoDownloader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot.videos.downloader")
    (tmp_path / "tmp").rmdir()
    assert await downloader.fetch(serve(api, video()), MEBIBYTE, MEBIBYTE, "video") == {}
    assert [vars(record)["reason"] for record in caplog.records] == ["FileNotFoundError ENOENT"]
    (tmp_path / "tmp").mkdir()


# The disk


async def test_a_nearly_full_disk_takes_no_video(
    api: RenderApi, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot.videos.downloader")
    free = 51 * MEBIBYTE
    folder = tmp_path / "tmp"
    async with VideoDownloader(
        folder, may_connect=loopback, usage=lambda _: (1000 * MEBIBYTE, 0, free)
    ) as downloader:
        links = serve(api, video(MEBIBYTE), video(MEBIBYTE + 1))
        assert list(await downloader.fetch(links[:1], 2 * MEBIBYTE, 2 * MEBIBYTE, "video")) == links[:1]
        assert await downloader.fetch(links[1:], 2 * MEBIBYTE, 2 * MEBIBYTE, "video") == {}
    assert [vars(record)["reason"] for record in caplog.records] == ["the disk is nearly full"]


async def test_a_disk_that_fills_up_meanwhile_loses_no_byte_to_the_video(
    api: RenderApi, tmp_path: Path
) -> None:
    folder = tmp_path / "tmp"
    sizes: list[int] = []

    def usage(_: Path) -> tuple[int, int, int]:
        sizes.append(sum(path.stat().st_size for path in folder.iterdir()))
        return 1000 * MEBIBYTE, 0, 0 if sizes[-1] > MEBIBYTE else 500 * MEBIBYTE

    async with VideoDownloader(folder, may_connect=loopback, usage=usage) as downloader:
        assert (
            await downloader.fetch(serve(api, video(4 * MEBIBYTE)), 5 * MEBIBYTE, 5 * MEBIBYTE, "video") == {}
        )
        assert list(folder.iterdir()) == []
        assert MEBIBYTE < max(sizes) < 2 * MEBIBYTE


async def test_a_full_disk_leaves_the_link_and_nothing_else(
    api: RenderApi, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot.videos.downloader")
    folder = small_disk / "tmp"
    unaware = (10**12, 0, 10**12)
    async with VideoDownloader(folder, may_connect=loopback, usage=lambda _: unaware) as downloader:
        links = serve(api, video(20 * MEBIBYTE), video(MEBIBYTE))
        copies = await downloader.fetch(links[:1], 50 * MEBIBYTE, 50 * MEBIBYTE, "video")
        assert copies == {}
        assert list(folder.iterdir()) == []
        assert await downloader.fetch(links[1:], MEBIBYTE, MEBIBYTE, "video")
    assert [vars(record)["reason"] for record in caplog.records] == ["OSError ENOSPC"]


@pytest.mark.looptime
async def test_where_the_disk_is_needed_all_videos_go_at_once(api: RenderApi, tmp_path: Path) -> None:
    links = serve(api, video(2000), stuck())
    async with VideoDownloader(tmp_path / "tmp", may_connect=loopback) as downloader:
        assert await downloader.fetch(links[:1], MEBIBYTE, MEBIBYTE, "video")
        fetch = asyncio.create_task(downloader.fetch(links[1:], MEBIBYTE, MEBIBYTE, "video"))
        await until_files(tmp_path / "tmp", [0, 2000])
        downloader.drop()
        assert await fetch == {}
        assert list((tmp_path / "tmp").iterdir()) == []
        assert await downloader.fetch(links[:1], MEBIBYTE, MEBIBYTE, "video"), "the next one may be fetched"


async def test_a_folder_that_is_a_link_is_refused_and_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("x")
    (tmp_path / "tmp").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="link"):
        await VideoDownloader(tmp_path / "tmp").__aenter__()
    assert (tmp_path / "outside" / "kept").read_text() == "x"
