# A small set, of what is light and installed soon: libraries of npm and of PyPI that speak SAM, and a swarm of libtorrent.

app_few() {
  local serves asks tracker address
  serves=$(port) asks=$(port) tracker=$(port)
  speak_sam few-one "$serves" "127.0.0.1:$((serves - 1))"
  speak_sam few-two "$asks" "127.0.0.1:$((asks - 1))"
  if of_npm few @diva.exchange/i2p-sam; then
    try few 'i2p-sam of npm' timeout 120 env -C "$work/npm" node "$helpers/sam.mjs" "$serves" "$((serves - 1))" "$asks" "$((asks - 1))"
  fi
  if of_pypi few i2psam; then
    try few 'i2psam of PyPI' timeout 120 "$python" "$helpers/samlib.py" i2psam "$serves" "$((serves - 1))" "$asks" "$((asks - 1))"
  fi
  of_pypi few libtorrent==2.0.11 || return 0
  start tracker python3 "$helpers/bittorrent.py" tracker "$tracker"
  address=$(serve server tracker "$tracker")
  mkdir "$work/few-swarm"
  try few 'two libtorrent sessions, a file of 5 MB from each to the other' \
    timeout 120 "$python" "$helpers/bittorrent.py" swarm "$work/few-swarm" "http://$address/announce" "$serves" "$asks" 5000000
}
