# Questions and answers by UDP.

app_dns() {
  needs dns dnsmasq=dnsmasq-base dig=dnsutils || return 0
  local server local address
  server=$(port) local=$(port)
  start dns dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --listen-address=127.0.0.1 \
    --bind-interfaces --port="$server" --pid-file="$work/dnsmasq.pid" --address=/example.test/192.0.2.7
  address=$(serve udp dns --serve "$server")
  lead udp dns "$local" "$address"
  try dns 'udp: dig asks dnsmasq 20 times' dns_ask "$local"
}

dns_ask() {
  local i good=0
  for i in $(seq 20); do
    [ "$(dig +short +tries=1 +time=5 @127.0.0.1 -p "$1" "h$i.example.test" A)" != 192.0.2.7 ] || good=$((good + 1))
  done
  echo "$good of 20 answered"
  [ $good = 20 ]
}
