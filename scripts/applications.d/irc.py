"""Two users of an IRC server in I2P, alice with irssi and bob with sic, and eve, who is at the server itself.

irc.py talk SERVER ALICE BOB HOST    they join a channel, and each hears the other; alice's host name is HOST
irc.py leaks SERVER ALICE            what alice's and eve's programs ask of each other and offer, of themselves

SERVER, ALICE and BOB are ports of 127.0.0.1: the server's, and those of the forwards that lead there.
leaks says how many of eve's questions and offers reach alice's program, how many of that program's reach eve, and what eve
learns of alice; and ends with 1 if it was anything.
"""
import asyncio
import os
import pathlib
import pty
import subprocess
import sys
import tempfile

CHANNEL = "#i2p"
QUESTIONS = ["VERSION", "CLIENTINFO", "USERINFO", "FINGER", "TIME", "SOURCE", "PING 1764172800"]
IRSSI = """
settings = {
  core = { user_name = "alice-liddell"; real_name = "Alice Liddell"; hostname = "127.0.0.1"; };
  "fe-text" = { paste_detect_time = "0msec"; paste_verify_line_count = "0"; };
  "irc/core" = { cmd_queue_speed = "1msec"; cmds_max_at_once = "50"; };
};
"""


async def until(what, condition, seconds=30):
    """Waits for what others do."""
    loop = asyncio.get_running_loop()
    last = loop.time() + seconds
    while not condition():
        if loop.time() > last:
            raise TimeoutError(what)
        await asyncio.sleep(0.05)


class Eve:
    """A connection to the server, without I2P and without a filter."""

    async def connect(self, port):
        self.lines = []
        reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.reading = asyncio.ensure_future(self.read(reader))
        self.say("NICK eve")
        self.say("USER eve 0 * :eve")
        await until("eve is not let in", lambda: self.heard(" 001 eve "))
        self.say(f"JOIN {CHANNEL}")
        await until("eve is not in the channel", lambda: self.heard(" 366 eve "))

    async def read(self, reader):
        while line := await reader.readline():
            text = line.decode(errors="replace").rstrip("\r\n")
            self.lines.append(text)
            if text.startswith("PING"):
                self.say("PONG" + text[4:])

    def say(self, line):
        self.writer.write(line.encode() + b"\r\n")

    def heard(self, text):
        return [line for line in self.lines if text in line]

    async def whois(self, nick):
        """The login, the host and the full name that the server says."""
        self.say(f"WHOIS {nick}")
        await until(f"the server does not know {nick}", lambda: self.heard(f" 318 eve {nick} "))
        fields = self.heard(f" 311 eve {nick} ")[-1].split(" ", 7)
        return fields[4], fields[5], fields[7][1:]


class Alice:
    """irssi, on a terminal of its own."""

    def __init__(self, port):
        self.home = tempfile.TemporaryDirectory(prefix="irssi.")
        path = pathlib.Path(self.home.name)
        (path / "config").write_text(IRSSI)
        (path / "file").write_text("to be sent")
        self.log = path / "raw"
        terminal, end = pty.openpty()
        self.terminal = terminal
        self.program = subprocess.Popen(
            ["irssi", f"--home={path}", "-c", "127.0.0.1", "-p", str(port), "-n", "alice"],
            stdin=end, stdout=end, stderr=end, start_new_session=True, env=os.environ | {"TERM": "xterm", "HOME": str(path)})
        os.close(end)
        asyncio.get_running_loop().add_reader(terminal, self.drain)

    def drain(self):
        try:
            os.read(self.terminal, 65536)
        except OSError:  # it has ended
            asyncio.get_running_loop().remove_reader(self.terminal)

    def type(self, line):
        os.write(self.terminal, line.encode() + b"\r")

    async def join(self, eve):
        for _ in range(60):
            self.type(f"/join {CHANNEL}")
            try:
                await until("", lambda: eve.heard(":alice!"), 1)
                break
            except TimeoutError:
                pass
        self.type(f"/rawlog open {self.log}")
        self.type("/msg eve the log is open")
        await until("irssi writes no log", lambda: self.heard("the log is open"))

    def heard(self, text):
        log = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return [line for line in log if text in line]

    def end(self):
        self.program.terminate()
        self.program.wait()


class Bob:
    """sic."""

    async def start(self, port, eve):
        self.said = ""
        self.program = await asyncio.create_subprocess_exec(
            "sic", "-h", "127.0.0.1", "-p", str(port), "-n", "bob", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reading = asyncio.ensure_future(self.read())
        await until("bob is not let in", lambda: "MODE" in self.said or ">< 376" in self.said or ">< 422" in self.said)
        self.type(f":j {CHANNEL}")
        await until("bob does not join", lambda: eve.heard(":bob!"))

    async def read(self):
        while data := await self.program.stdout.read(65536):
            self.said += data.decode(errors="replace")

    def type(self, line):
        self.program.stdin.write(line.encode() + b"\n")

    async def end(self):
        self.program.terminate()
        await self.program.wait()


async def talk(server, to_alice, to_bob, host):
    eve = Eve()
    await eve.connect(int(server))
    alice, bob = Alice(int(to_alice)), Bob()
    try:
        await bob.start(int(to_bob), eve)
        await alice.join(eve)
        alice.type("hello, bob")
        await until("bob does not hear alice", lambda: "hello, bob" in bob.said)
        bob.type("hello, alice")
        await until("alice does not hear bob", lambda: alice.heard("hello, alice"))
        bob.type(":m alice a secret")
        await until("alice does not hear bob alone", lambda: alice.heard("PRIVMSG alice :a secret"))
        of_alice, of_bob = await eve.whois("alice"), await eve.whois("bob")
        alice.type("/quit irssi of Alice Liddell")
        await until("alice does not leave", lambda: eve.heard("QUIT"))
        print(f"alice is {of_alice}, bob {of_bob}; {eve.heard('QUIT')}", file=sys.stderr)
        if of_alice[1:] != (host, "user"):
            raise ValueError(f"alice is {of_alice[2]} at {of_alice[1]}, and not user at {host}")
        if len(of_bob[1]) != 30 or not of_bob[1].endswith(".i2p"):
            raise ValueError(f"bob is at {of_bob[1]}")
    finally:
        alice.end()
        await bob.end()
    print("both heard each other; one at her address, one at " + of_bob[1])
    return 0


async def leaks(server, to_alice, part):
    eve = Eve()
    await eve.connect(int(server))
    alice = Alice(int(to_alice))
    try:
        await alice.join(eve)
        for q in QUESTIONS:
            alice.type(f"/ctcp eve {q}")
        alice.type("/dcc chat eve")
        alice.type(f"/dcc send eve {alice.home.name}/file")
        alice.type("/me waves")
        alice.type("/msg eve that is all")
        await until("eve does not hear alice", lambda: eve.heard("PRIVMSG eve :that is all"))
        for q in QUESTIONS + ["DCC CHAT chat 2130706433 4000", "DCC SEND file 2130706433 4001 10"]:
            eve.say(f"PRIVMSG alice :\1{q}\1")
        eve.say("PRIVMSG alice :and that is all")
        await until("alice does not hear eve", lambda: alice.heard("PRIVMSG alice :and that is all"))
        reached = [line for line in alice.heard(">> :eve!") if "\1" in line]
        if part == "all":
            await until("irssi answers nothing", lambda: eve.heard(" NOTICE eve :\1"))
        _, _, name = await eve.whois("alice")
    finally:
        alice.end()
    answers = eve.heard(" NOTICE eve :\1")
    came = [line for line in eve.heard(":alice!") if " PRIVMSG eve :\1" in line]
    waved = eve.heard(f" PRIVMSG {CHANNEL} :\1ACTION waves")
    print("\n".join(reached + came + answers + waved), file=sys.stderr)
    asked = len(QUESTIONS) + 2
    print(f"{len(reached)} of {asked} reach the client, {len(came)} of {asked} come from it and {len(answers) or 'no'} answers; she is {name}")
    want = (asked, asked, "Alice Liddell") if part == "all" else (0, 0, "user")
    return 0 if (len(reached), len(came), name) == want and bool(answers) == (part == "all") and waved else 1


verb, *arguments = sys.argv[1:]
try:
    sys.exit(asyncio.run({"talk": talk, "leaks": leaks}[verb](*arguments)))
except (TimeoutError, ValueError) as e:
    print(e)
    sys.exit(1)
