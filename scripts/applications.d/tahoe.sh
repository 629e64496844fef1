# Tahoe-LAFS: an introducer and a storage node at one router's SAM, a client at another's.

app_tahoe() {
  local serves asks web tahoe=$work/python/bin/tahoe furl shares
  of_pypi tahoe 'tahoe-lafs[i2p]==1.20.0' || return 0
  serves=$(port) asks=$(port) web=$(port)
  speak_sam five "$serves"
  speak_sam six "$asks"
  shares=(--shares-needed=1 --shares-happy=1 --shares-total=1)
  "$tahoe" create-introducer --listen=i2p --i2p-sam-port="tcp:127.0.0.1:$serves" "$work/introducer" >>"$work/tahoe.log" 2>&1
  start introducer "$tahoe" run --allow-stdin-close "$work/introducer"
  until_true 180 test -s "$work/introducer/private/introducer.furl" # a minute and more on a busy machine
  furl=$(cat "$work/introducer/private/introducer.furl")
  "$tahoe" create-node --listen=i2p --i2p-sam-port="tcp:127.0.0.1:$serves" --introducer="$furl" "${shares[@]}" \
    --webport="tcp:$(port):interface=127.0.0.1" "$work/storage" >>"$work/tahoe.log" 2>&1
  "$tahoe" create-client --hide-ip --introducer="$furl" "${shares[@]}" --webport="tcp:$web:interface=127.0.0.1" "$work/stores" >>"$work/tahoe.log" 2>&1
  printf '[i2p]\nsam.port = tcp:127.0.0.1:%s\n' "$asks" >>"$work/stores/tahoe.cfg"
  start storage "$tahoe" run --allow-stdin-close "$work/storage"
  start stores "$tahoe" run --allow-stdin-close "$work/stores"
  until_true 120 tahoe_connected "$web"
  try tahoe '5 MB stored at a node and fetched from it, by SAM' tahoe_file "$tahoe"
}

# tahoe_connected WEB tells whether a client has a storage node, and by I2P.
tahoe_connected() {
  curl -sf "http://127.0.0.1:$1/?t=json" |
    python3 -c 'import json,sys; s = json.load(sys.stdin)["servers"]; sys.exit(not any(x["connection_status"].startswith("Connected to i2p:") for x in s))'
}

tahoe_file() {
  local cap began stored
  head -c 5000000 /dev/urandom >"$work/file"
  began=${EPOCHREALTIME/./}
  cap=$("$1" -d "$work/stores" put "$work/file")
  stored=${EPOCHREALTIME/./}
  "$1" -d "$work/stores" get "$cap" "$work/file.again" >&2
  cmp "$work/file" "$work/file.again" >&2
  echo "unharmed; $(((stored - began) / 100000)) and $(((${EPOCHREALTIME/./} - stored) / 100000)) tenths of a second"
}
