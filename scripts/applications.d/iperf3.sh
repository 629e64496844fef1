# Throughput by TCP and UDP, as iperf3 measures it.

# megabits says the rate of a run of iperf3 and what was lost.
megabits() {
  timeout 60 iperf3 -c 127.0.0.1 --json "$@" | python3 -c '
import json, sys
end = json.load(sys.stdin)["end"]
s = end.get("sum_received") or end["sum"]
lost = "" if "lost_percent" not in s else ", %d of %d datagrams lost" % (s["lost_packets"], s["packets"])
print("%.0f Mbit/s%s" % (s["bits_per_second"] / 1e6, lost))
sys.exit(s["bytes"] == 0)'
}

app_iperf3() {
  needs iperf3 iperf3=iperf3 || return 0
  local server local address
  server=$(port) local=$(port)
  start iperf3 iperf3 -s -B 127.0.0.1 -p "$server"
  address=$(serve server iperf "$server")
  lead client iperf "$local" "$address"
  try iperf3 'server, client: 5 s to the server' megabits -p "$local" -t 5
  try iperf3 'server, client: 5 s from the server' megabits -p "$local" -t 5 -R
  try iperf3 'server, client: 5 s both ways, 4 streams' megabits -p "$local" -t 5 --bidir -P 4
  address=$(serve udp iperf-udp --serve "$server")
  lead udp iperf-udp "$local" "$address"
  try iperf3 'udp: 5 s of 5 Mbit/s to the server' megabits -p "$local" -u -b 5M -l 1200 -t 5
  try iperf3 'udp: 5 s of 5 Mbit/s from the server' megabits -p "$local" -u -b 5M -l 1200 -t 5 -R
}
