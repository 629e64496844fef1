# BitTorrent: two libtorrent sessions over SAM, with a tracker behind a server forward.

app_bittorrent() {
  # Debian 12's libtorrent, 2.0.8, fails at the answer to HELLO of any SAM server.
  local tracker address serves asks
  of_pypi bittorrent libtorrent==2.0.11 || return 0
  tracker=$(port)
  start tracker python3 "$helpers/bittorrent.py" tracker "$tracker"
  serves=$(port) asks=$(port)
  speak_sam torrent-one "$serves"
  speak_sam torrent-two "$asks"
  address=$(serve server tracker "$tracker")
  mkdir "$work/swarm" "$work/swarm2"
  try bittorrent 'two libtorrent sessions, a file of 50 MB from each to the other' \
    "$python" "$helpers/bittorrent.py" swarm "$work/swarm" "http://$address/announce" "$serves" "$asks"
  ( # kill -9 of one router in the middle
    until_true 240 test -e "$work/pause" || exit 0
    kill -9 "$(cat "$work/torrent-two.pid")"
    sleep 2
    speak_sam torrent-two "$asks"
    rm "$work/pause"
    touch "$work/pause.over"
  ) &
  pids+=($!)
  try bittorrent 'the same, with kill -9 of one of their routers in the middle, and its restart' \
    "$python" "$helpers/bittorrent.py" swarm "$work/swarm2" "http://$address/announce" "$serves" "$asks" 50000000 "$work/pause"
  kill "$(cat "$work/torrent-two.pid")" 2>/dev/null || true # it is the subshell's
  if i2pd_sam bittorrent; then
    mkdir "$work/swarm3"
    try bittorrent "the same between ours and i2pd's SAM" \
      "$python" "$helpers/bittorrent.py" swarm "$work/swarm3" "http://$address/announce" "$serves" "$i2pd_tcp"
  fi
}
