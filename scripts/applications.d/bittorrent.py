#!/usr/bin/python3
"""Two libtorrent sessions over SAM, and a tracker.

bittorrent.py tracker PORT              a tracker for peers in I2P: HTTP on 127.0.0.1
bittorrent.py learn NETDB FILE…         puts router.info files where i2pd looks for those it knows
bittorrent.py swarm DIR TRACKER SAM SAM [BYTES [PAUSE]]
    a session at each SAM port; each seeds a torrent that the other fetches. With PAUSE the file PAUSE is made once a
    tenth is there, and the swarm goes on with what comes after it.
"""
import base64, hashlib, http.server, os, sys, time, urllib.parse

I2P = str.maketrans("-~", "+/")


def tracker(port):
    peers = {}

    class Announce(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self):
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, encoding="latin-1")
            swarm = peers.setdefault(query["info_hash"][0], {})
            dest = query["ip"][0].removesuffix(".i2p")
            own = hashlib.sha256(base64.b64decode(dest.translate(I2P))).digest()
            if query.get("event") == ["stopped"]:
                swarm.pop(own, None)
            else:
                swarm[own] = time.time()
            compact = b"".join(h for h in swarm if h != own)
            body = b"d8:intervali5e12:min intervali5e5:peers%d:%se" % (len(compact), compact)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            print(time.strftime("%H:%M:%S"), args[0][:60], "...", file=sys.stderr)

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Announce).serve_forever()


def swarm(directory, announce, sams, size, pause):
    import libtorrent as lt

    mask = lt.alert.category_t.all_categories
    sessions = [
        lt.session({
            "i2p_hostname": "127.0.0.1", "i2p_port": port, "enable_dht": False, "enable_lsd": False, "enable_upnp": False,
            "enable_natpmp": False, "listen_interfaces": "127.0.0.1:0", "alert_mask": mask, "min_reconnect_time": 5,
            "tracker_backoff": 1, "min_announce_interval": 5, "allow_i2p_mixed": False,
        })
        for port in sams
    ]
    handles, fetching, wanted = [], [], []
    for i, session in enumerate(sessions):
        name, content = "file%d" % i, os.urandom(size)
        seeds, fetches = os.path.join(directory, "seed%d" % i), os.path.join(directory, "fetch%d" % i)
        os.makedirs(seeds)
        os.makedirs(fetches)
        with open(os.path.join(seeds, name), "wb") as f:
            f.write(content)
        files = lt.file_storage()
        lt.add_files(files, os.path.join(seeds, name))
        torrent = lt.create_torrent(files, 256 << 10)
        torrent.add_tracker(announce)
        lt.set_piece_hashes(torrent, seeds)
        info = lambda: lt.torrent_info(lt.bdecode(lt.bencode(torrent.generate())))
        handles.append(session.add_torrent({"ti": info(), "save_path": seeds}))
        fetching.append(sessions[1 - i].add_torrent({"ti": info(), "save_path": fetches}))
        wanted.append((os.path.join(fetches, name), hashlib.sha256(content).hexdigest()))
    began, restarted, last = time.time(), None, 0
    while not all(h.status().is_seeding for h in fetching):
        for i, session in enumerate(sessions):
            for alert in session.pop_alerts():
                if alert.category() & (lt.alert.category_t.error_notification | lt.alert.category_t.tracker_notification):
                    print(i, alert.message()[:200], file=sys.stderr)
        states = [h.status() for h in fetching]
        if time.time() - last > 5:
            last = time.time()
            for h in handles + fetching:
                h.force_reannounce(0, -1, lt.reannounce_flags_t.ignore_min_interval)
            print(["%.2f %d peers" % (s.progress, s.num_peers) for s in states], file=sys.stderr)
        if pause and not restarted and all(s.progress > 0.1 for s in states):
            restarted = time.time()
            open(pause, "w").close()
        if restarted and os.path.exists(pause + ".over"):
            os.remove(pause + ".over")
            for session in sessions[1:]:  # libtorrent opens its SAM session anew when it is told where SAM is
                settings = session.get_settings()
                session.apply_settings({"i2p_hostname": ""})
                session.apply_settings({"i2p_hostname": settings["i2p_hostname"], "i2p_port": settings["i2p_port"]})
        if time.time() - began > 480:
            sys.exit("not whole after 480 s: " + ", ".join("%.0f %%" % (100 * s.progress) for s in states))
        time.sleep(1)
    for path, sum in wanted:
        with open(path, "rb") as f:
            assert hashlib.sha256(f.read()).hexdigest() == sum, path
    print("%d MB each way, whole, in %.0f s" % (size // 1000000, time.time() - began))


def learn(netdb, files):
    for name in files:
        with open(name, "rb") as f:
            info = f.read()
        identity = info[: 387 + int.from_bytes(info[385:387], "big")]
        hash = base64.b64encode(hashlib.sha256(identity).digest(), b"-~").decode()
        os.makedirs(os.path.join(netdb, "r" + hash[0]), exist_ok=True)
        with open(os.path.join(netdb, "r" + hash[0], "routerInfo-" + hash + ".dat"), "wb") as f:
            f.write(info)


if sys.argv[1] == "learn":
    learn(sys.argv[2], sys.argv[3:])
elif sys.argv[1] == "tracker":
    tracker(int(sys.argv[2]))
else:
    directory, announce, a, b = sys.argv[2:6]
    size = int(sys.argv[6]) if len(sys.argv) > 6 else 50_000_000
    swarm(directory, announce, [int(a), int(b)], size, sys.argv[7] if len(sys.argv) > 7 else None)
