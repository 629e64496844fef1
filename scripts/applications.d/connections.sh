# Many connections at once through one server.

app_connections() {
  local server local address before
  server=$(port) local=$(port)
  start echo python3 "$helpers/connections.py" serve "$server"
  address=$(serve server echo "$server")
  lead client echo "$local" "$address"
  before=$(memory VmRSS)
  ulimit -n "$(ulimit -H -n)"
  try connections 'server, client: 1,000 at once' python3 "$helpers/connections.py" ask "$local" 1000
  row connections 'memory of the router that serves, before and at most' "$before, $(memory VmHWM)"
}

memory() { awk -v what="$1:" '$1 == what { printf "%d MB", $2 / 1024 }' "/proc/$serving_pid/status"; }
