"""An echo server, and a client that opens many connections at once.

connections.py serve PORT
connections.py ask PORT NUMBER
connections.py end PORT NUMBER SECONDS

ask opens NUMBER connections of 127.0.0.1:PORT, and once all are open sends 10 KB over each, which must come
back unharmed with an end after it. It says how many did, and ends with 1 if any did not.
end opens them, says "open", sends a byte over each every second, and wants each to break off within SECONDS.
"""
import asyncio
import hashlib
import sys

SIZE = 10_000


async def serve(port):
    async def echo(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
            writer.close()
        except OSError:
            writer.transport.abort()

    server = await asyncio.start_server(echo, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


async def open_all(port, number):
    """Connections that have had a byte echoed, so that both ends are there."""

    async def one():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b".")
        if await reader.readexactly(1) != b".":
            raise ValueError("another byte than the one sent")
        return reader, writer

    return await asyncio.gather(*(one() for _ in range(number)), return_exceptions=True)


def failures(results):
    counts = {}
    for r in results:
        if isinstance(r, BaseException):
            counts[repr(r)] = counts.get(repr(r), 0) + 1
    return counts


async def ask(port, number):
    loop = asyncio.get_running_loop()
    begun = loop.time()
    opened = await open_all(port, number)
    stood = [o for o in opened if not isinstance(o, BaseException)]
    opening = loop.time() - begun

    async def one(n, reader, writer):
        data = (hashlib.sha256(str(n).encode()).digest() * (SIZE // 32 + 1))[:SIZE]
        writer.write(data)
        writer.write_eof()
        echoed = await reader.read(-1)
        writer.close()
        if echoed != data:
            raise ValueError("another echo than what was sent")

    results = await asyncio.gather(*(one(n, *o) for n, o in enumerate(stood)), return_exceptions=True)
    bad = failures(opened) | failures(results)
    good = len(stood) - sum(failures(results).values())
    print(f"{good} of {number} echoed 10 KB; all open after {opening:.1f} s, done after {loop.time() - begun:.1f} s")
    for what, count in bad.items():
        print(f"{count} failed: {what}", file=sys.stderr)
    return 0 if good == number else 1


async def end(port, number, seconds):
    opened = await open_all(port, number)
    bad = failures(opened)
    print("open", flush=True)
    begun = asyncio.get_running_loop().time()

    async def talk(writer):
        while True:
            writer.write(b".")
            await asyncio.sleep(1)

    async def one(reader, writer):
        talking = asyncio.ensure_future(talk(writer))
        try:
            async with asyncio.timeout(seconds):
                while await reader.read(65536):
                    pass
            return "an end, as if all had come"
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "still open"
        finally:
            talking.cancel()
            writer.transport.abort()

    ends = await asyncio.gather(*(one(*o) for o in opened if not isinstance(o, BaseException)))
    counts = {e: ends.count(e) for e in set(ends)} | bad
    took = asyncio.get_running_loop().time() - begun
    print(", ".join(f"{n} {what}" for what, n in counts.items()) + f" within {took:.0f} s")
    return 0 if counts == {"reset": number} else 1


def main():
    verb, *numbers = sys.argv[1:]
    sys.exit(asyncio.run({"serve": serve, "ask": ask, "end": end}[verb](*map(int, numbers))))


main()
