"""Proxies before a local port: one keeps back all it passes on, half the time in each direction; one loses answers."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from queue import Queue


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass on what comes, each part so many seconds later."""
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def write() -> None:
        while True:
            at, data = await waiting.get()
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            if not data:
                writer.close()
                return
            writer.write(data)

    task = asyncio.ensure_future(write())
    with suppress(ConnectionError):
        while data := await reader.read(2**16):
            waiting.put_nowait((time.monotonic() + seconds, data))
    waiting.put_nowait((time.monotonic() + seconds, b""))
    await task


def distant(port: int, seconds: float) -> int:
    """Start a proxy before a local port, so many seconds away there and back; return the port to connect to."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError):
            await asyncio.gather(forward(reader, back, seconds / 2), forward(there, writer, seconds / 2))

    return _started(serve)


def _started(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> int:
    """Serve in a thread; return the port."""

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        own.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    own: Queue[int] = Queue()
    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    return own.get()


def forgetful(port: int, request: bytes) -> int:
    """Start a proxy that loses every second answer to a request: the server has done what it was asked for.

    Returns the port to connect to.
    """
    asked = count()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: list[bool]) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(2**16):
                if request in data:
                    lost.append(next(asked) % 2 == 0)
                writer.write(data)
        writer.close()

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: list[bool]) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(2**16):
                if lost and lost.pop():
                    break
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        lost: list[bool] = []
        with suppress(ConnectionError):
            await asyncio.gather(pump(reader, back, lost), answers(there, writer, lost))

    return _started(serve)
