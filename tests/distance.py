"""A server far away: a proxy before a local port that keeps back all it passes on, half the time in each direction."""

import asyncio
import threading
import time
from contextlib import suppress
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

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        own.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    own: Queue[int] = Queue()
    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    return own.get()
