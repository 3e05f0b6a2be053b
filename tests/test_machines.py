"""What a paused machine does and does not, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from machines import Loop, Machine


def live(life: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(life())
        runner.run(asyncio.sleep(1))  # closed sockets end


class Counter:
    """Counts its steps, a second each."""

    def __init__(self) -> None:
        self.at: list[float] = []

    async def count(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.at.append(asyncio.get_running_loop().time())


def test_timers_of_a_paused_machine_wait_and_those_of_others_go_on() -> None:
    async def life() -> None:
        machine, other = Machine(), Machine()
        counters = Counter(), Counter()
        tasks = [
            asyncio.create_task(m.run(c.count())) for m, c in zip((machine, other), counters, strict=True)
        ]
        await asyncio.sleep(2.5)
        machine.pause()
        await asyncio.sleep(60)
        assert counters[0].at == pytest.approx([1, 2])
        assert len(counters[1].at) == 62
        machine.resume()
        await asyncio.sleep(2.25)
        assert counters[0].at == pytest.approx([1, 2, 62.5, 63.5, 64.5])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(not task.done() for m in (machine, other) for task in m.tasks)

    live(life)


def test_what_is_due_at_the_moment_of_a_pause_waits() -> None:
    async def life() -> None:
        machine, seen = Machine(), list[str]()

        async def note() -> None:
            seen.append("on the machine")

        task = asyncio.create_task(machine.run(note()))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(seen.clear)
        machine.pause()
        await asyncio.sleep(1)
        assert not seen
        machine.resume()
        await task
        assert seen

    live(life)


def test_what_is_sent_to_a_paused_machine_waits_for_it() -> None:
    async def life() -> None:
        heard, machine = list[bytes](), Machine()

        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for word in (b"one\n", b"two\n"):
                writer.write(word)
                await asyncio.sleep(5)
            writer.close()

        async def listen(port: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while line := await reader.readline():
                heard.append(line)
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        listening = asyncio.create_task(machine.run(listen(server.sockets[0].getsockname()[1])))
        await asyncio.sleep(1)
        machine.pause()
        await asyncio.sleep(60)
        assert heard == [b"one\n"]
        machine.resume()
        await listening
        assert heard == [b"one\n", b"two\n"]
        server.close()

    live(life)


def test_a_machine_that_is_cut_off_reaches_nobody() -> None:
    async def life() -> None:
        machine = Machine()

        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(wait, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, _ = await machine.run(asyncio.open_connection("127.0.0.1", port))
        machine.cut_off_network()
        assert await reader.read() == b""
        with pytest.raises(ConnectionRefusedError):
            await machine.run(asyncio.open_connection("127.0.0.1", port))
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        server.close()

    live(life)
