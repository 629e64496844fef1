# qBittorrent of Debian trixie, which has I2P by SAM: two of them at two routers, with a tracker behind a server forward.

app_qbittorrent() {
  local tree=${XDG_CACHE_HOME:-$HOME/.cache}/i2p-peers/qbittorrent tracker address serves asks web=()
  if [ ! -x "$tree/usr/bin/qbittorrent-nox" ] && ! qbittorrent_tree "$tree"; then
    skip qbittorrent 'it cannot be installed'
    return 0
  fi
  tracker=$(port) serves=$(port) asks=$(port) web=("$(port)" "$(port)")
  start tracker python3 "$helpers/bittorrent.py" tracker "$tracker"
  speak_sam nine "$serves"
  speak_sam ten "$asks"
  address=$(serve server tracker "$tracker")
  qbittorrent "$tree" 0 "${web[0]}" "$serves"
  qbittorrent "$tree" 1 "${web[1]}" "$asks"
  try qbittorrent 'two qBittorrent, a file of 50 MB from each to the other' \
    timeout 400 python3 "$helpers/qbittorrent.py" "http://$address/announce" "$work/qbittorrent" "${web[@]}"
}

# qbittorrent_tree TREE installs it from Debian trixie into a tree of its own.
qbittorrent_tree() {
  [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null || return 1
  echo "installing qbittorrent-nox of Debian trixie into $1" >&2
  rm -rf "$1.part"
  timeout 20m debootstrap --variant=minbase --include=qbittorrent-nox trixie "$1.part" >"$work/debootstrap.log" 2>&1 && mv "$1.part" "$1"
}

# qbittorrent TREE N WEB SAM starts one that reaches nobody but over I2P.
qbittorrent() {
  local loader profile=$work/qbittorrent/profile$2
  loader=$(compgen -G "$1/usr/lib/*/ld-linux-*.so.*" | head -n 1)
  mkdir -p "$work/qbittorrent/$2" "$profile/qBittorrent/config"
  cat >"$profile/qBittorrent/config/qBittorrent.conf" <<CONF
[BitTorrent]
Session\I2P\Enabled=true
Session\I2P\Address=127.0.0.1
Session\I2P\Port=$4
Session\I2P\MixedMode=false
Session\Interface=lo
Session\DHTEnabled=false
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\Port=$(port)
[LegalNotice]
Accepted=true
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\Address=127.0.0.1
WebUI\LocalHostAuth=false
CONF
  start "qbittorrent$2" env QT_PLUGIN_PATH="$(echo "$1"/usr/lib/*/qt6/plugins)" HOME="$profile" "$loader" --library-path "${loader%/*}:${loader%/*}/libproxy" \
    "$1/usr/bin/qbittorrent-nox" --profile="$profile" --webui-port="$3"
}
