# Two monerod of a chain of their own, which send each other transactions over I2P and have no other way.

app_monero() {
  needs monero monerod=monero monero-wallet-rpc=monero || return 0
  local one_rpc two_rpc one_in two_in one_socks two_socks wallet one two mines
  one_rpc=$(port) two_rpc=$(port) one_in=$(port) two_in=$(port) one_socks=$(port) two_socks=$(port) wallet=$(port)
  # monerod carries no blocks over I2P: both begin with what one of them has mined.
  start monero-mines monerod --regtest --fixed-difficulty 1 --data-dir "$work/monero-one" --rpc-bind-port "$one_rpc" \
    --no-zmq --offline --non-interactive
  mines=${pids[-1]}
  start monero-wallet monero-wallet-rpc --wallet-dir "$work" --rpc-bind-port "$wallet" --disable-rpc-login --trusted-daemon \
    --daemon-address "127.0.0.1:$one_rpc" --non-interactive --log-file "$work/monero-wallet-rpc.log"
  until_true 60 listens "$one_rpc"
  until_true 60 listens "$wallet"
  python3 "$helpers/monero.py" mine "$wallet" "$one_rpc" >"$work/monero-mined.log" 2>&1
  end "$mines"
  cp -r "$work/monero-one" "$work/monero-two"

  two=$(serve server monero "$two_in")
  one=$(serving=$asking serve server monero "$one_in")
  lead socks monero-socks "$one_socks"
  asking=$serving lead socks monero-socks "$two_socks"
  start monero-one monero_node one "$one_rpc" "$one_socks" "$one,127.0.0.1:$one_in" --add-peer "$two"
  start monero-two monero_node two "$two_rpc" "$two_socks" "$two,127.0.0.1:$two_in" --add-peer "$one"
  until_true 60 listens "$one_rpc"
  until_true 60 listens "$two_rpc"
  try monero 'two monerod that know each other, by SOCKS: a transaction each way' \
    python3 "$helpers/monero.py" send "$wallet" "$one_rpc" "$two_rpc"
}

# monero_node NAME RPC SOCKS INBOUND OPTION… is one that reaches nobody but over I2P: what is no I2P goes to a proxy that
# is not there.
monero_node() {
  exec monerod --regtest --keep-fakechain --fixed-difficulty 1 --data-dir "$work/monero-$1" --rpc-bind-port "$2" --no-zmq \
    --non-interactive --p2p-bind-ip 127.0.0.1 --p2p-bind-port "$(port)" --no-igd --proxy 127.0.0.1:1 --disable-dns-checkpoints \
    --check-updates disabled --tx-proxy "i2p,127.0.0.1:$3,disable_noise" --anonymous-inbound "$4" "${@:5}" --log-level 1
}
