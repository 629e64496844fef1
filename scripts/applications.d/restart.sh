# A router that serves is killed, and started again.

app_restart() {
  local server local address ends before
  server=$(port) local=$(port)
  start again python3 "$helpers/connections.py" serve "$server"
  address=$(serve server again "$server")
  lead client again "$local" "$address"
  python3 "$helpers/connections.py" end "$local" 100 240 >"$work/ends" 2>>"$work/restart.log" &
  ends=$!
  pids+=("$ends")
  until_true 30 grep -q open "$work/ends"
  kill -9 "$serving_pid"
  before=$SECONDS
  wait "$serving_pid" || true # its directory is locked until it is gone
  start_serving
  until_true 60 is_ready "$serving" again || true
  try restart 'the forward of the router started again' same "$(forwarded "$serving" again address)" "$address"
  until_true 120 timeout 20 python3 "$helpers/connections.py" ask "$local" 1 || true
  row restart 'from the kill to the first new connection' "$((SECONDS - before)) s"
  try restart '100 new connections' python3 "$helpers/connections.py" ask "$local" 100
  try restart '100 connections that sent on from before the kill' wait_for "$ends"
}

same() {
  [ "$1" = "$2" ]
  echo 'the same address'
}

wait_for() {
  until_true 270 grep -q within "$work/ends"
  tail -n 1 "$work/ends"
  grep -q '^100 reset within' "$work/ends"
}
