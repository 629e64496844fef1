"""Two accounts of an XMPP server.

xmpp.py echo ACCOUNT HOST PORT         answers each message with its text
xmpp.py talk ACCOUNT HOST PORT OTHER   sends OTHER 20 messages, and wants each answered

There is no TLS but I2P's own encryption.
"""
import asyncio
import sys
import time

import slixmpp

MESSAGES = 20


class Account(slixmpp.ClientXMPP):
    def __init__(self, jid):
        super().__init__(jid, "secret")
        self["feature_mechanisms"].unencrypted_plain = True
        self["feature_mechanisms"].unencrypted_scram = True
        self.ready = asyncio.Event()
        self.texts = asyncio.Queue()
        self.add_event_handler("session_start", self.begin)
        self.add_event_handler("message", self.texts.put_nowait)

    def begin(self, _):
        self.send_presence()
        self.ready.set()


async def echo(account):
    while True:
        m = await account.texts.get()
        m.reply(m["body"]).send()


async def talk(account, other):
    waits = []
    for i in range(MESSAGES):
        begun = time.monotonic()
        while True:  # until the other is there
            account.send_message(mto=other, mbody=f"message {i}", mtype="chat")
            try:
                m = await asyncio.wait_for(account.texts.get(), 5)
            except asyncio.TimeoutError:
                if time.monotonic() - begun > 30:
                    return f"message {i} was not answered", 1
                continue
            if m["type"] == "chat" and m["body"] == f"message {i}":
                break
            await asyncio.sleep(0.2)
        waits.append(time.monotonic() - begun)
    waits.sort()
    return f"{MESSAGES} messages echoed, half within {waits[MESSAGES // 2] * 1000:.0f} ms", 0


async def main():
    verb, jid, host, port, *other = sys.argv[1:]
    account = Account(jid)
    account.connect((host, int(port)), disable_starttls=True)
    await asyncio.wait_for(account.ready.wait(), 40)
    if verb == "echo":
        await echo(account)
    said, status = await talk(account, *other)
    print(said)
    sys.exit(status)


asyncio.get_event_loop().run_until_complete(main())
