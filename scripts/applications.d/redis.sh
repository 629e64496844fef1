# A server and a client of Unix sockets.

app_redis() {
  needs redis redis-server=redis-server redis-cli=redis-tools redis-benchmark=redis-tools || return 0
  start redis redis-server --port 0 --unixsocket "$work/redis.sock" --save '' --dir "$work"
  local address
  address=$(serve server redis "unix:$work/redis.sock")
  lead client redis "unix:$work/redis-i2p.sock" "$address"
  try redis 'Unix sockets at both ends: SET and GET of 1 MB' redis_value
  try redis 'the same: redis-benchmark, 50 connections' redis_benchmark
}

redis_value() {
  head -c 1000000 /dev/urandom | base64 -w 0 >"$work/value"
  [ "$(redis-cli -s "$work/redis-i2p.sock" -x SET value <"$work/value")" = OK ]
  redis-cli -s "$work/redis-i2p.sock" GET value | tr -d '\n' | cmp - "$work/value"
  echo 'came back unharmed'
}

redis_benchmark() {
  timeout 60 redis-benchmark -s "$work/redis-i2p.sock" -c 50 -n 5000 -t set --csv | python3 -c '
import csv, sys
r = list(csv.DictReader(sys.stdin))[0]
print("%.0f SETs a second, half within %s ms" % (float(r["rps"]), r["p50_latency_ms"]))'
}
