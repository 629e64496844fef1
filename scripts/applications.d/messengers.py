#!/usr/bin/python3
"""What messengers and stores do with SAM, at a router that serves and one that asks.

messengers.py ways SAM SAM SOCKET    SOCKET is of the router that asks, whose address book gets a name
messengers.py loop SAM SAM FILE      clients that come back; FILE is made when the first router is to be killed
messengers.py finds SAM ADDRESS      a program that looks up an address whose streams echo, and opens one
"""
import asyncio, os, subprocess, sys, time


class Client:
    """One connection."""

    @classmethod
    async def open(cls, sam, hello="HELLO VERSION MIN=3.0 MAX=3.3"):
        self = cls()
        self.r, self.w = await asyncio.open_connection("127.0.0.1", int(sam))
        await self.ask(hello)
        return self

    async def line(self, most=60):
        line = await asyncio.wait_for(self.r.readline(), most)
        if not line:
            raise ConnectionError("the connection has ended")
        return line.decode().rstrip("\n")

    async def ask(self, text, most=60):
        self.w.write((text + "\n").encode())
        answer = await self.line(most)
        if "RESULT=OK" not in answer and " PUB=" not in answer:
            raise ConnectionError("%.80s: %.200s" % (text, answer))
        return answer

    async def create(self, text):
        self.key = (await self.ask("SESSION CREATE " + text)).split("DESTINATION=")[1]
        self.me = (await self.ask("NAMING LOOKUP NAME=ME")).split("VALUE=")[1]
        return self

    def close(self):
        self.w.close()


async def ways(serve, ask, socket):
    types = ["EdDSA_SHA512_Ed25519", "ECDSA_SHA256_P256", "ECDSA_SHA384_P384", "RedDSA_SHA512_Ed25519"]
    for i, t in enumerate(types):
        c = await Client.open(serve)
        await c.create("inbound.quantity=1 ID=type%d SIGNATURE_TYPE=%s outbound.length=1 DESTINATION=TRANSIENT i2cp.leaseSetEncType=4 STYLE=STREAM" % (i, t))
        c.close()
    server = await (await Client.open(serve)).create(
        "i2cp.leaseSetEncType=4,0 DESTINATION=TRANSIENT inbound.nickname=\"a name\" ID=serves crypto.lowTagThreshold=30 SIGNATURE_TYPE=7 STYLE=STREAM")
    asker = await (await Client.open(ask)).create("STYLE=STREAM ID=asks DESTINATION=TRANSIENT")
    subprocess.run(["i2p-lookup", "book", "add", "--socket", socket, "friend.i2p", server.me], check=True, stdout=sys.stderr)

    async def accept(i):
        c = await Client.open(serve)
        await c.ask("STREAM ACCEPT ID=serves SILENT=false")
        waiting.append(c)
        assert (await c.line()).split()[0] == asker.me
        c.w.write((await c.line()).encode() + b"\n")

    async def connect(i):
        c = await Client.open(ask)
        await c.ask("STREAM CONNECT SILENT=false DESTINATION=friend.i2p ID=asks")
        c.w.write(b"question %d\n" % i)
        assert await c.line() == "question %d" % i

    waiting = []
    accepts = [asyncio.create_task(accept(i)) for i in range(8)]
    while len(waiting) < 8:
        await asyncio.sleep(0.01)
    began = time.time()
    await asyncio.gather(*(connect(i) for i in range(8)))
    took = time.time() - began
    await asyncio.gather(*accepts)
    print("%d types by name; 8 of 8 streams answered after %.1f s" % (len(types), took))


async def loop(serve, ask, file):
    """One serves and comes back by itself with its key, one asks it every half second."""
    asker = await (await Client.open(ask)).create("STYLE=STREAM ID=asks DESTINATION=TRANSIENT")
    key, me, sessions, good, failed = "TRANSIENT", None, 0, [], []

    async def serves():
        nonlocal key, me, sessions
        while True:
            try:
                c = await (await Client.open(serve)).create("STYLE=STREAM ID=serves DESTINATION=%s SIGNATURE_TYPE=7" % key)
                assert me in (None, c.me)
                key, me, sessions = c.key, c.me, sessions + 1
                while True:
                    a = await Client.open(serve)
                    await a.ask("STREAM ACCEPT ID=serves")
                    await a.line(3600)
                    a.w.write((await a.line()).encode() + b"\n")
                    a.close()
            except (OSError, EOFError, asyncio.TimeoutError):
                await asyncio.sleep(0.2)

    async def asks():
        while True:
            if me:
                began = time.time()
                try:
                    c = await Client.open(ask)
                    await c.ask("STREAM CONNECT ID=asks DESTINATION=" + me, 70)
                    c.w.write(b"there?\n")
                    assert await c.line(10) == "there?"
                    good.append((began, time.time()))
                    c.close()
                except (OSError, EOFError, asyncio.TimeoutError) as e:
                    failed.append(e)
            await asyncio.sleep(0.5)

    tasks = [asyncio.create_task(f()) for f in (serves, asks)]

    async def until(what):
        while not what():
            for t in tasks:
                if t.done():
                    t.result()
            await asyncio.sleep(0.05)

    await until(lambda: len(good) >= 5)
    killed = time.time()
    open(file, "w").close()
    await until(lambda: sessions >= 2)
    back = time.time() - killed
    after = lambda: [end for began, end in good if began > killed and end > killed + 2]  # before that the router is not there
    await until(after)
    again = min(after()) - killed
    count = len(good)
    await until(lambda: len(good) >= count + 5)
    print("the same destination; its session is back %.0f s after the kill, the first stream %.0f s after it, %d failed between" % (back, again, len(failed)))


async def finds(sam, address):
    asker = await (await Client.open(sam)).create("STYLE=STREAM ID=finds DESTINATION=TRANSIENT SIGNATURE_TYPE=7 i2cp.leaseSetEncType=4")
    began = time.time()
    while True:  # i2pd says at once that it knows nothing, while its tunnels are young
        try:
            await (await Client.open(sam)).ask("NAMING LOOKUP NAME=" + address)
            c = await Client.open(sam)
            await c.ask("STREAM CONNECT SILENT=false ID=finds DESTINATION=" + address)
            break
        except ConnectionError as e:
            if time.time() - began > 120:
                raise
            print(e, file=sys.stderr)
            await asyncio.sleep(1)
    found, content = time.time() - began, os.urandom(1_000_000)
    c.w.write(content)
    assert await asyncio.wait_for(c.r.readexactly(len(content)), 120) == content
    asker.close()
    print("found, and a stream opened, after %.1f s; 1 MB to it and back in %.1f s" % (found, time.time() - began - found))


asyncio.run(globals()[sys.argv[1]](*sys.argv[2:]))
