# The routers that applications are tried with: ours with a door that is open, and i2pd.

# router_with NAME SETTINGS starts a router, or starts it again.
router_with() {
  printf '%s\n' "$2" >"$work/$1.toml"
  start "$1" i2p-router run --config "$work/$1.toml" --dir "$work/$1" --netid 99 --testnet --host 127.0.0.1 --no-reseed \
    --bootstrap "$work/net/0/router.info" --bootstrap "$work/net/1/router.info" --bootstrap "$work/net/2/router.info" --log-level warn
  echo "${pids[-1]}" >"$work/$1.pid"
  until_true 30 test -S "$work/$1/router.sock"
  i2p-router wait --for tunnels --timeout 60s --socket "$work/$1/router.sock"
}

# speak_sam NAME PORT [UDP] starts one that speaks SAM, speak_i2cp NAME PORT [SETTINGS] one that speaks I2CP.
speak_sam() { router_with "$1" "$(printf '[sam]\nenabled = true\nlisten = ["127.0.0.1:%s"]\nudp = "%s"' "$2" "${3:-}")"; }
speak_i2cp() { router_with "$1" "$(printf '[i2cp]\nenabled = true\nlisten = ["127.0.0.1:%s"]\n%s' "$2" "${3:-}")"; }

# i2pd_sam APPLICATION has the i2pd of scripts/peers in the network, with SAM at the ports i2pd_tcp and i2pd_udp.
i2pd_sam() {
  [ -z "${i2pd_tcp:-}" ] || return 0
  local tree=${XDG_CACHE_HOME:-$HOME/.cache}/i2p-peers/sid loader transport
  loader=$(compgen -G "$tree/usr/lib/*/ld-linux-*.so.*" | head -n 1)
  if [ -z "$loader" ]; then
    skip "$1" "i2pd is not there, which scripts/peers installs"
    return 1
  fi
  transport=$(port) i2pd_tcp=$(port) i2pd_udp=$(port)
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
port = $i2pd_tcp
portudp = $i2pd_udp
CONF
  python3 "$helpers/bittorrent.py" learn "$work/i2pd/netDb" "$work"/net/*/router.info
  start i2pd "$loader" --library-path "${loader%/*}" "$tree/usr/bin/i2pd" --datadir="$work/i2pd" --conf="$work/i2pd/i2pd.conf" \
    --tunconf="$work/i2pd/tunnels.conf"
  until_true 30 listens "$i2pd_tcp"
}
