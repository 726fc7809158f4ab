"""A way to a server that takes its time: `gateway_delay.py PORT MILLISECONDS`.

Prints the port on which it listens. Every byte is handed on after so many milliseconds, either way
half of them, as a network does it: what is in flight costs nothing here, and a handshake waits too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable


class Half(asyncio.Protocol):
    """One end of a way; what comes in goes out of the `other` a while later."""

    def __init__(self, seconds: float, on_open: Callable[[Half], None]) -> None:
        self.seconds = seconds
        self.on_open = on_open
        self.other: Half | None = None
        self.early: list[bytes] = []
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.on_open(self)

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self.seconds, self._hand_on, data)

    def _hand_on(self, data: bytes) -> None:
        if self.other is None:
            self.early.append(data)
        elif not self.other.transport.is_closing():
            self.other.transport.write(data)

    def join(self, other: Half) -> None:
        self.other = other
        for data in self.early:
            self._hand_on(data)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.other is not None:
            asyncio.get_running_loop().call_later(self.seconds, self.other.transport.close)


async def serve(port: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def connect(near: Half) -> None:
        _transport, far = await loop.create_connection(
            lambda: Half(seconds, lambda _half: None), "127.0.0.1", port
        )
        far.join(near)
        near.join(far)

    def open_far(near: Half) -> None:
        task = loop.create_task(connect(near))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await loop.create_server(lambda: Half(seconds, open_far), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 2000))
