# Two accounts of an XMPP server, which reach it in different ways.

app_xmpp() {
  needs xmpp prosody=prosody slixmpp=python3-slixmpp proxychains4=proxychains4 || return 0
  local server local socks address user
  server=$(port) local=$(port) socks=$(port)
  mkdir -p "$work/prosody"
  cat >"$work/prosody.cfg.lua" <<CONF
run_as_root = true
daemonize = false
pidfile = "$work/prosody/pid"
data_path = "$work/prosody"
interfaces = { "127.0.0.1" }
c2s_ports = { $server }
s2s_ports = {}
modules_enabled = { "roster", "saslauth", "disco", "ping" }
modules_disabled = { "s2s", "tls" }
c2s_require_encryption = false
authentication = "internal_hashed"
log = { warn = "*console" }
VirtualHost "example.i2p"
CONF
  for user in alice bob; do
    prosodyctl --root --config "$work/prosody.cfg.lua" register $user example.i2p secret >>"$work/prosody.log" 2>&1
  done
  start prosody prosody -F --config "$work/prosody.cfg.lua"
  until_true 20 listens "$server"
  address=$(serve server xmpp "$server" -s port=5222)
  lead client xmpp "$local" "$address:5222"
  lead socks socks "$socks"
  cat >"$work/proxychains.conf" <<CONF
strict_chain
quiet_mode
proxy_dns
[ProxyList]
socks5 127.0.0.1 $socks
CONF
  try xmpp 'prosody: bob by SOCKS talks to alice by client' \
    xmpp_talk "$local" "$address"
}

xmpp_talk() {
  /usr/bin/python3 "$helpers/xmpp.py" echo alice@example.i2p 127.0.0.1 "$1" >&2 &
  local echo=$! result=0
  timeout 60 proxychains4 -f "$work/proxychains.conf" /usr/bin/python3 "$helpers/xmpp.py" talk bob@example.i2p "$2" 5222 alice@example.i2p || result=$?
  kill "$echo" 2>/dev/null || true
  wait "$echo" 2>/dev/null || true
  return $result
}
