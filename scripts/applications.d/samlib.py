#!/usr/bin/python3
"""Libraries of PyPI that speak SAM, with two servers: samlib.py LIBRARY SAM UDP SAM UDP."""
import asyncio, sys, threading


async def to_and_fro(ask_read, ask_write, serve_read, serve_write):
    for i in range(100):
        ask_write(b"%d\n" % i)
        serve_write(await serve_read())
        assert await ask_read() == b"%d\n" % i


def i2plib(a, b):
    opened = asyncio.open_connection
    asyncio.open_connection = lambda *a, loop=None, **k: opened(*a, **k)  # i2plib 0.0.14 is for Python 3.9 and older
    import i2plib

    async def main():
        at = lambda sam: {"loop": asyncio.get_running_loop(), "sam_address": sam[0]}
        r, w = await i2plib.create_session("first", **at(a))
        second = await i2plib.create_session("second", **at(b))
        w.write(b"NAMING LOOKUP NAME=ME\n")
        dest = (await r.readline()).decode().split("VALUE=")[1].strip()
        ar, aw = await i2plib.stream_accept("first", **at(a))
        br, bw = await i2plib.stream_connect("second", dest, **at(b))
        await ar.readline()
        await to_and_fro(br.readline, bw.write, ar.readline, aw.write)

    asyncio.run(main())
    return "a stream, 100 lines to and fro"


def i2psam(a, b):
    from i2psam import SAMClient, SAMConfig

    async def main():
        one, two = (SAMClient(SAMConfig(port=tcp[1], udp_port=udp[1])) for tcp, udp in (a, b))
        async with one.session("one", "TRANSIENT") as serves, two.session("two", "TRANSIENT") as asks:

            async def serve():
                async with serves.accept_stream() as (_, c):
                    for _ in range(100):
                        await c.write(await c.read_line())

            serving = asyncio.create_task(serve())
            async with asks.connect_stream((await serves.conn.naming_lookup("ME")).value) as c:
                for i in range(100):
                    await c.write(b"%d\n" % i)
                    assert await c.read_line() == b"%d\n" % i
            await serving
            made = await one.dest_generate()
            assert (await two.naming_lookup(made.pub)).value == made.pub

    asyncio.run(main())
    return "a stream, 100 lines to and fro, keys, lookups"


def leaflet(a, b):
    from leaflet import Controller

    one, two = (Controller(sam_api=tcp, dgram_api=udp) for tcp, udp in (a, b))
    with one.create_dest(style="datagram", forward=a[1][1] - 1) as x, two.create_dest(style="datagram", forward=b[1][1] - 1) as y:
        takes, sends = x.bind(), y.bind()
        takes.sock.settimeout(1)
        for _ in range(60):
            sends.transmit(b"hello", x)
            try:
                data, sender = takes.collect()
                break
            except TimeoutError:
                pass
        assert data == b"hello" and sender.base32 == y.base32
    return "datagrams that are forwarded, and come from where they are sent to"


def i2p_socket(a, b):
    from i2p import socket

    kind = lambda sam: {"type": socket.SOCK_STREAM, "samaddr": sam[0], "dgramaddr": sam[1]}
    serves, asks = socket.socket(**kind(a)), socket.socket(**kind(b))
    serves.bind(None)
    serves.listen(5)

    def serve():
        c, _ = serves.accept()
        while line := c.recv(100):
            c.send(line)

    threading.Thread(target=serve, daemon=True).start()
    asks.connect(serves.getsockname())
    for i in range(100):
        asks.send(b"%d\n" % i)
        assert asks.recv(100) == b"%d\n" % i
    return "bind, listen, accept, connect; 100 lines to and fro"


here = lambda p: ("127.0.0.1", int(p))
library, *ports = sys.argv[1:]
one, two = [(here(tcp), here(udp)) for tcp, udp in (ports[:2], ports[2:])]
print(globals()[library.replace("-", "_")](one, two))
