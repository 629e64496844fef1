# BitTorrent: two libtorrent sessions over SAM, with a tracker behind a server forward.

app_bittorrent() {
  # Debian 12's libtorrent, 2.0.8, fails at the answer to HELLO of any SAM server.
  local python=$work/torrent/bin/python tracker address serves asks
  if ! python3 -m venv "$work/torrent" || ! "$python" -m pip install -q libtorrent==2.0.11 >"$work/pip.log" 2>&1; then
    echo '!! SKIPPED: bittorrent: libtorrent cannot be installed' >&2
    rows+=('bittorrent|libtorrent cannot be installed|SKIPPED')
    return 0
  fi
  tracker=$(port)
  start tracker python3 "$helpers/bittorrent.py" tracker "$tracker"
  serves=$(port) asks=$(port)
  speak_sam one "$serves"
  speak_sam two "$asks"
  address=$(serve server tracker "$tracker")
  mkdir "$work/swarm" "$work/swarm2"
  try bittorrent 'two libtorrent sessions, a file of 50 MB from each to the other' \
    "$python" "$helpers/bittorrent.py" swarm "$work/swarm" "http://$address/announce" "$serves" "$asks"
  ( # kill -9 of one router in the middle
    until_true 240 test -e "$work/pause" || exit 0
    kill -9 "$(cat "$work/two.pid")"
    sleep 2
    speak_sam two "$asks"
    rm "$work/pause"
    touch "$work/pause.over"
  ) &
  pids+=($!)
  try bittorrent 'the same, with kill -9 of one of their routers in the middle, and its restart' \
    "$python" "$helpers/bittorrent.py" swarm "$work/swarm2" "http://$address/announce" "$serves" "$asks" 50000000 "$work/pause"
  kill "$(cat "$work/two.pid")" 2>/dev/null || true # it is the subshell's
  if i2pd_sam "$asks"; then
    mkdir "$work/swarm3"
    try bittorrent "the same between ours and i2pd's SAM" \
      "$python" "$helpers/bittorrent.py" swarm "$work/swarm3" "http://$address/announce" "$serves" "$asks"
  else
    rows+=('bittorrent|i2pd is not there, which scripts/peers installs|SKIPPED')
  fi
}

# i2pd_sam PORT runs the i2pd of scripts/peers in the network, with SAM at a port.
i2pd_sam() {
  local tree=${XDG_CACHE_HOME:-$HOME/.cache}/i2p-peers/sid loader transport
  loader=$(compgen -G "$tree/usr/lib/*/ld-linux-*.so.*" | head -n 1) || return 1
  transport=$(port)
  mkdir -p "$work/i2pd"
  : >"$work/i2pd/tunnels.conf"
  cat >"$work/i2pd/i2pd.conf" <<CONF
netid = 99
host = 127.0.0.1
address4 = 127.0.0.1
ipv6 = false
port = $transport
nat = false
reservedrange = false
bandwidth = X
log = stdout
loglevel = error
[ntcp2]
published = true
[ssu2]
enabled = false
[reseed]
threshold = 0
urls =
yggurls =
[addressbook]
defaulturl =
[http]
enabled = false
[httpproxy]
enabled = false
[socksproxy]
enabled = false
[i2cp]
enabled = false
[sam]
enabled = true
address = 127.0.0.1
port = $1
portudp = $(port)
CONF
  python3 "$helpers/bittorrent.py" learn "$work/i2pd/netDb" "$work"/net/*/router.info
  start i2pd "$loader" --library-path "${loader%/*}" "$tree/usr/bin/i2pd" --datadir="$work/i2pd" --conf="$work/i2pd/i2pd.conf" \
    --tunconf="$work/i2pd/tunnels.conf"
  until_true 30 listens "$1"
}

# speak_sam NAME PORT [UDP] starts a router that speaks SAM.
speak_sam() {
  printf '[sam]\nenabled = true\nlisten = ["127.0.0.1:%s"]\nudp = "%s"\n' "$2" "${3:-}" >"$work/$1.toml"
  start "$1" i2p-router run --config "$work/$1.toml" --dir "$work/$1" --netid 99 --testnet --host 127.0.0.1 --no-reseed \
    --bootstrap "$work/net/0/router.info" --bootstrap "$work/net/1/router.info" --bootstrap "$work/net/2/router.info" --log-level warn
  echo "${pids[-1]}" >"$work/$1.pid"
  until_true 30 test -S "$work/$1/router.sock"
  i2p-router wait --for tunnels --timeout 60s --socket "$work/$1/router.sock"
}
