// Package attack attacks a router of ours as strangers would, and measures what
// its owner sees of that: hostile peers made of the project's own engines (NTCP2,
// I2NP, tunnel builds, streams), on hosts of their own with as many addresses as
// such hosts have, and a private network of honest routers around the one that is
// attacked.
//
//	hostile host  23.40.0.1, 45.0.0.0/8, 2a0b:4500::/32 ──┐
//	newcomers     23.41.0.1, 60.0.0.0/8 ─────────────────┤
//	honest        23.42.0.1, 23.43.0.1, … ───────────────┼── bridge
//	victim        23.60.0.1, 2a01:60::1 ─────────────────┘
//
// Each is a network namespace, and each router a process, as it runs on the
// Internet: with public addresses, and all limits by address. Only its network's
// id is another one.
//
// An Attack goes on until its context ends, and counts. A Prober does meanwhile what the
// victim's owner, the visitors of its destination and other routers want: each of those
// things, over and over, with the time that it took. The tests that do all this run
// as root, on Linux, with iproute2; scripts/attack runs them for long.
package attack
