"""What a server says of a video counts less than its first bytes; and one host takes only its share."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from videos.test_downloader import MP4, body, serve, video

from bot.videos.downloader import PARALLEL, VideoDownloader
from bot.videos.source import CONNECTIONS, TO_ONE_HOST
from sim.task_api.answers import Answer
from sim.task_api.server import RenderApi

ROOM = 1_000_000


@pytest.fixture
async def api() -> AsyncIterator[RenderApi]:
    async with RenderApi() as api:
        yield api


@pytest.fixture
async def downloader(tmp_path: Path) -> AsyncIterator[VideoDownloader]:
    async with VideoDownloader(
        tmp_path / "copies", may_connect=lambda address: address.is_loopback
    ) as downloader:
        yield downloader


@pytest.mark.parametrize(
    "headers",
    [
        # What stores send of files that come as they are: minio-go#758, moto#9008.
        {"Content-Encoding": ""},
        {"Content-Encoding": "aws-chunked"},
        {"Content-Encoding": "aws-chunked,"},
        {"Content-Encoding": "binary"},
        {"Content-Encoding": "utf-8"},
        {"Content-Encoding": "UTF-8, identity"},
        {"Content-Type": "application/mp4"},
        {"Content-Type": "Application/MP4; codecs=avc1"},
        {"Content-Type": "binary/octet-stream"},
        {"Content-Type": "application/force-download"},
        {"Content-Type": "text/plain"},
    ],
    ids=str,
)
async def test_a_video_is_known_by_its_first_bytes(
    headers: dict[str, str], api: RenderApi, downloader: VideoDownloader
) -> None:
    (link,) = serve(api, Answer(headers={"Content-Type": "video/mp4"} | headers, body=body(1000)))
    copies = await downloader.fetch([link], ROOM, ROOM, "video")
    assert copies[link].path.read_bytes().startswith(MP4)


@pytest.mark.parametrize(
    "encoding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "aws-chunked, gzip", "compress"]
)
async def test_what_is_really_compressed_stays_a_link(
    encoding: str, api: RenderApi, downloader: VideoDownloader
) -> None:
    headers = {"Content-Type": "video/mp4", "Content-Encoding": encoding}
    assert await downloader.fetch(serve(api, Answer(headers=headers, body=body(1000))), ROOM, ROOM, "x") == {}


@pytest.mark.looptime
async def test_hosts_that_drip_hold_up_no_video_from_elsewhere(
    api: RenderApi, downloader: VideoDownloader
) -> None:
    asked, enough = 0, asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        if asked == TO_ONE_HOST:
            enough.set()
        for _ in range(60):
            writer.write(b"H")
            await asyncio.sleep(1)
        writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        dripping = [f"{address}/{number}" for number in range(PARALLEL)]
        hung = [
            asyncio.create_task(downloader.fetch(dripping, ROOM, ROOM, "video")) for _ in range(CONNECTIONS)
        ]
        await enough.wait()
        began = asyncio.get_running_loop().time()
        assert len(await downloader.fetch(serve(api, video()), ROOM, ROOM, "video")) == 1
        assert asyncio.get_running_loop().time() - began < 1
        assert asked == TO_ONE_HOST
        assert await asyncio.gather(*hung) == [{}] * CONNECTIONS
