#!/usr/bin/python3
"""Two qBittorrent, by their web API: qbittorrent.py TRACKER DIR WEB WEB [BYTES]

Each has DIR/N for its downloads. The first seeds a file that the second fetches, and the other way round.
"""
import hashlib, json, os, sys, time, urllib.error, urllib.parse, urllib.request, uuid

PIECE = 256 << 10


def bencode(x):
    if isinstance(x, int):
        return b"i%de" % x
    if isinstance(x, str):
        x = x.encode()
    if isinstance(x, bytes):
        return b"%d:%s" % (len(x), x)
    return b"d" + b"".join(bencode(k) + bencode(x[k]) for k in sorted(x)) + b"e"


def torrent(name, content, announce):
    pieces = b"".join(hashlib.sha1(content[i : i + PIECE]).digest() for i in range(0, len(content), PIECE))
    info = {"length": len(content), "name": name, "piece length": PIECE, "pieces": pieces}
    return hashlib.sha1(bencode(info)).hexdigest(), bencode({"announce": announce, "info": info})


def call(web, path, **fields):
    """A request of the web API; what is bytes is a file."""
    body, border = b"", uuid.uuid4().hex.encode()
    for name, value in fields.items():
        kind = b""
        if isinstance(value, bytes):
            kind = b'; filename="f.torrent"\r\nContent-Type: application/x-bittorrent'
        body += b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
            border, name.encode(), kind, value if isinstance(value, bytes) else str(value).encode())
    ask = urllib.request.Request("http://127.0.0.1:%s/api/v2/%s" % (web, path))
    if fields:
        ask.data = body + b"--%s--\r\n" % border
        ask.add_header("Content-Type", "multipart/form-data; boundary=" + border.decode())
    with urllib.request.urlopen(ask, timeout=30) as answer:
        return answer.read()


def main(announce, directory, a, b, size="50000000"):
    webs, fetches = [a, b], []
    for web in webs:
        until = time.time() + 60
        while True:
            try:
                print(web, call(web, "app/version").decode(), file=sys.stderr)
                break
            except OSError:
                if time.time() > until:
                    raise
                time.sleep(0.2)
    for i, seed in enumerate(webs):
        name, content = "file%d" % i, os.urandom(int(size))
        with open(os.path.join(directory, str(i), name), "wb") as f:
            f.write(content)
        own, file = torrent(name, content, announce)
        for web in webs:
            call(web, "torrents/add", torrents=file, savepath=os.path.join(directory, str(webs.index(web))))
        path = os.path.join(directory, str(1 - i), name)
        fetches.append((webs[1 - i], own, path, hashlib.sha256(content).hexdigest()))
    began = time.time()
    while True:
        states = [json.loads(call(web, "torrents/info?hashes=" + own))[0] for web, own, _, _ in fetches]
        print(["%s %.2f" % (s["state"], s["progress"]) for s in states], file=sys.stderr)
        if all(s["progress"] == 1 for s in states):
            break
        if time.time() - began > 300:
            sys.exit("not whole after 300 s: " + ", ".join("%.0f %%" % (100 * s["progress"]) for s in states))
        for web in webs:
            call(web, "torrents/reannounce", hashes="all")
        time.sleep(2)
    took = time.time() - began
    for web, _, path, sum in fetches:
        until = time.time() + 30  # it may have to be written yet
        while hashlib.sha256(open(path, "rb").read()).hexdigest() != sum:
            assert time.time() < until, path
            time.sleep(0.5)
    print("%d MB each way, whole, in %.0f s" % (int(size) // 1000000, took))


main(*sys.argv[1:])
