#!/usr/bin/python3
"""i2plib with two SAM servers: samlib.py SAM SAM. A stream from the second to the first, 100 times to and fro."""
import asyncio, sys

opened = asyncio.open_connection
asyncio.open_connection = lambda *a, loop=None, **k: opened(*a, **k)  # i2plib 0.0.14 is for Python 3.9 and older

import i2plib


async def main(a, b):
    loop = asyncio.get_running_loop()
    kind = {"loop": loop}
    r, w = await i2plib.create_session("first", sam_address=a, **kind)
    second = await i2plib.create_session("second", sam_address=b, **kind)
    w.write(b"NAMING LOOKUP NAME=ME\n")
    dest = (await r.readline()).decode().split("VALUE=")[1].strip()
    ar, aw = await i2plib.stream_accept("first", sam_address=a, **kind)
    br, bw = await i2plib.stream_connect("second", dest, sam_address=b, **kind)
    await ar.readline()
    for i in range(100):
        bw.write(b"%d\n" % i)
        line = await ar.readline()
        aw.write(line)
        assert await br.readline() == b"%d\n" % i
    print("a stream, 100 lines to and fro")


asyncio.run(main(*(("127.0.0.1", int(p)) for p in sys.argv[1:3])))
