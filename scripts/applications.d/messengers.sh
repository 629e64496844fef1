# What messengers and stores do with SAM in their own ways, and through kill -9 of the router that serves them.

app_messengers() {
  local serves asks
  serves=$(port) asks=$(port)
  speak_sam seven "$serves"
  speak_sam eight "$asks"
  try messengers 'names of signature types, options in any order, 8 ACCEPTs, 8 sockets at once by name' \
    timeout 120 python3 "$helpers/messengers.py" ways "$serves" "$asks" "$work/eight/router.sock"
  ( # kill -9 of the router of the one that serves
    until_true 60 test -e "$work/kill" || exit 0
    kill -9 "$(cat "$work/seven.pid")"
    sleep 2
    speak_sam seven "$serves"
    echo "${pids[-1]}" >"$work/seven.again"
  ) &
  pids+=($!)
  try messengers 'clients in a loop, through kill -9 of a router and its restart' \
    timeout 240 python3 "$helpers/messengers.py" loop "$serves" "$asks" "$work/kill"
  kill "$(cat "$work/seven.again")" 2>/dev/null || true # it is the subshell's
}
