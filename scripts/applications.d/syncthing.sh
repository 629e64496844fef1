# Two syncthing that know each other's addresses in I2P, and have no other way: one waits behind a server forward, the
# other dials it by SOCKS.

app_syncthing() {
  needs syncthing syncthing=syncthing || return 0
  local one two listens socks address
  listens=$(port) socks=$(port)
  address=$(serve server syncthing "$listens")
  lead socks syncthing-socks "$socks"
  mkdir -p "$work/syncthing-one" "$work/syncthing-two" "$work/shared-one" "$work/shared-two"
  one=$(syncthing_id one) two=$(syncthing_id two)
  python3 "$helpers/syncthing.py" "$work/syncthing-one" "$two" dynamic "tcp://127.0.0.1:$listens" "$work/shared-one" "$(port)"
  python3 "$helpers/syncthing.py" "$work/syncthing-two" "$one" "tcp://$address:22000" "tcp://127.0.0.1:$(port)" "$work/shared-two" "$(port)"
  for i in $(seq 50); do head -c 20000 /dev/urandom >"$work/shared-one/small$i"; done
  head -c 5000000 /dev/urandom >"$work/shared-two/large"
  start syncthing-one env HOME="$work" STNOUPGRADE=1 all_proxy=socks5://127.0.0.1:1 ALL_PROXY_NO_FALLBACK=1 \
    syncthing serve --no-browser --home "$work/syncthing-one"
  start syncthing-two env HOME="$work" STNOUPGRADE=1 all_proxy="socks5://127.0.0.1:$socks" ALL_PROXY_NO_FALLBACK=1 \
    syncthing serve --no-browser --home "$work/syncthing-two"
  try syncthing '50 files one way and 5 MB the other, by SOCKS and a server forward' syncthing_same
}

# syncthing_id NAME makes the keys and the settings of one, and says who it is.
syncthing_id() {
  HOME=$work syncthing generate --no-default-folder --home "$work/syncthing-$1" >>"$work/syncthing.log" 2>&1
  HOME=$work syncthing --home "$work/syncthing-$1" --device-id
}

syncthing_same() {
  local began=${EPOCHREALTIME/./}
  until_true 180 diff -r -x .stfolder "$work/shared-one" "$work/shared-two"
  echo "the same at both ends after $(((${EPOCHREALTIME/./} - began) / 100000)) tenths of a second"
}
