#!/usr/bin/env python3
"""Answers as a small pool behind one address, for a picture of a run. Prints its port.

Each connection belongs to one of its servers. web-3 joins after 12 s; web-2 is in trouble from 16 to 20 s: slow, and
every second response is a 503.
"""

import asyncio
import itertools
import time

BEGIN = time.monotonic()
COUNTER = itertools.count()


async def serve(reader, writer):
    names = ["web-1", "web-2", "web-3"] if time.monotonic() - BEGIN > 12 else ["web-1", "web-2"]
    name = names[next(COUNTER) % len(names)]
    try:
        for number in itertools.count():
            await reader.readuntil(b"\r\n\r\n")
            trouble = name == "web-2" and 16 < time.monotonic() - BEGIN < 20
            await asyncio.sleep(0.004 + number % 7 * 0.001 + (0.15 + number % 11 * 0.05 if trouble else 0))
            status = "503 Service Unavailable" if trouble and number % 2 else "200 OK"
            writer.write(f"HTTP/1.1 {status}\r\nx-instance: {name}\r\ncontent-length: 2\r\n\r\nok".encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
