package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
)

// well are the signs of a router with nothing wrong.
func well() Signs {
	return Signs{
		Status: control.Status{
			State: control.StateRunning, UptimeSeconds: 3600, Sessions: 40, Known: control.Known{Routers: 500},
			Reach:  []control.Reach{{Family: "IPv4", State: control.ReachOK, Seen: "93.184.216.34:9000"}},
			Reseed: control.Reseed{State: control.ReseedEnough, Reason: "enough routers are known"},
		},
		Transports: []control.Transport{
			{Name: "NTCP2", Listen: []string{"0.0.0.0:9000"}, Counters: map[string]uint64{"dialed": 9, "dials_failed": 20}},
			{Name: "SSU2", Listen: []string{"0.0.0.0:9000"}, Counters: map[string]uint64{"dialed": 9}},
		},
		Skews:    []time.Duration{time.Second, -time.Second, 0, time.Hour},
		Versions: []string{"0.9.67", control.APILevel, "0.9.69"},
		Local:    []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.168.1.2")},
		Enough:   25,
	}
}

func TestWell(t *testing.T) {
	for _, f := range Router(well()) {
		if f.Level != control.FindingOK {
			t.Errorf("%+v", f)
		}
	}
}

// TestIll: each thing that is wrong is found, named, and told what to do about; nothing else is.
func TestIll(t *testing.T) {
	firewalled := control.Reach{Family: "IPv4", State: control.ReachFirewalled, Introducers: 3}
	mapped := func(external string) *control.PortMapping {
		return &control.PortMapping{By: "PCP", Ports: []control.MappedPort{{Protocol: "TCP", Internal: 9000, External: external}}}
	}
	for name, c := range map[string]struct {
		change func(*Signs)
		level  control.FindingLevel
		check  string
		text   string
		advice string
	}{
		"behind a NAT": {
			func(s *Signs) { s.Status.Reach[0] = firewalled },
			control.FindingProblem, "reachability", "IPv4: others do not reach the router by themselves; 3 peers have it introduced",
			"forward TCP port 9000 and UDP port 9000 at the gateway to this machine (its private address is 192.168.1.2), or switch on UPnP",
		},
		"a door whose address is taken": {
			func(s *Signs) {
				s.Doors = []control.Door{{Name: "i2cp", Enabled: true}, {Name: "sam", Enabled: true, Error: "127.0.0.1:7656: address already in use"}, {Name: "bob"}}
			},
			control.FindingProblem, "doors", "sam is not open: 127.0.0.1:7656: address already in use", "see which other program",
		},
		"behind a firewall": {
			func(s *Signs) {
				s.Status.Reach[0], s.Local = firewalled, append(s.Local, netip.MustParseAddr("93.184.216.34"))
			},
			control.FindingProblem, "reachability", "IPv4: others do not reach", "let the firewall of this machine and of its gateway pass TCP port 9000",
		},
		"behind a firewall of a private network": {
			func(s *Signs) { s.Status.Reach[0] = firewalled; s.Status.Reach[0].Seen = "192.168.1.2:9000" },
			control.FindingProblem, "reachability", "IPv4: others do not reach", "let the firewall of this machine and of its gateway pass TCP port 9000",
		},
		"behind a NAT, with other networks": {
			func(s *Signs) {
				s.Status.Reach[0], s.From = firewalled, netip.MustParseAddr("10.1.2.3")
				s.Status.Reach[0].Seen, s.Local = "93.184.216.34:1", append(s.Local, s.From, netip.MustParseAddr("93.184.216.35"))
			},
			control.FindingProblem, "reachability", "IPv4: others do not reach",
			"forward TCP port 9000 and UDP port 9000 at the gateway to this machine (its private address is 10.1.2.3), or switch on UPnP",
		},
		"behind a symmetric NAT": {
			func(s *Signs) { s.Status.Reach[0].State = control.ReachSymmetricNAT },
			control.FindingProblem, "reachability", "IPv4: the gateway gives the router another port for each peer", "forward",
		},
		"nobody is heard": {
			func(s *Signs) { s.Status.Reach[0].State = control.ReachDisconnected },
			control.FindingProblem, "reachability", "IPv4: no peer is heard", "see whether the machine has a network",
		},
		"IPv6 leads nowhere": {
			func(s *Signs) {
				s.Status.Reach = append(s.Status.Reach, control.Reach{Family: "IPv6", State: control.ReachDisconnected})
			},
			control.FindingNote, "reachability", "IPv6: no peer is heard, while some are over IPv4", "nothing, unless",
		},
		"IPv6 alone is blocked": {
			func(s *Signs) {
				s.Status.Reach = append(s.Status.Reach, control.Reach{Family: "IPv6", State: control.ReachFirewalled})
			},
			control.FindingProblem, "reachability", "IPv6: others do not reach the router by themselves; and nobody has it introduced", "let the firewall",
		},
		"not tested": {
			func(s *Signs) {
				s.Status.Reach[0] = control.Reach{Family: "IPv4", State: control.ReachUnknown, Reason: control.ReasonUntested}
			},
			control.FindingNote, "reachability", "IPv4: not found out yet (untested)", "look again",
		},
		"nobody comes": {
			func(s *Signs) {
				s.Status.Reach, s.Hosts, s.Status.Addresses = nil, []netip.Addr{netip.MustParseAddr("93.184.216.34")}, []string{"NTCP2 93.184.216.34:9000"}
			},
			control.FindingProblem, "reachability", "nobody has opened a session, although the router publishes NTCP2 93.184.216.34:9000", "forward",
		},
		"nothing is published": {
			func(s *Signs) { s.Status.Reach = nil },
			control.FindingNote, "reachability", "no address is published", "set ssu2.enabled",
		},
		"two gateways": {
			func(s *Signs) { s.Status.PortMapping = mapped("10.1.2.3:9000") },
			control.FindingProblem, "port mapping", "PCP passes the ports on, but the gateway has no public address itself", "the gateway is itself behind another one",
		},
		"the gateway refuses": {
			func(s *Signs) {
				s.Status.PortMapping = &control.PortMapping{By: "PCP", Problem: "PCP: not authorized"}
				s.Status.Reach[0].State = control.ReachUnknown
			},
			control.FindingNote, "port mapping", "the gateway passes no port on: PCP: not authorized", "forward TCP port 9000",
		},
		"the gateway passes one port on": {
			func(s *Signs) {
				s.Status.PortMapping = mapped("93.184.216.34:9000")
				s.Status.PortMapping.Problem = "UDP: not authorized"
				s.Status.Reach[0].State, s.Status.Reach[0].Seen = control.ReachUnknown, ""
			},
			control.FindingNote, "port mapping", "the gateway does not pass all ports on: UDP: not authorized", "forward TCP port 9000",
		},
		"no network": {
			func(s *Signs) {
				s.Local = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback(), netip.MustParseAddr("fe80::1")}
				s.Status.Reach[0].State = control.ReachNoAddress
			},
			control.FindingProblem, "network", "the machine is in no network: it has no address but its own", "connect it",
		},
		"nobody to ask": {
			func(s *Signs) { s.Status.Known.Routers, s.Status.Reach[0].State = 0, control.ReachDisconnected },
			control.FindingNote, "reachability", "IPv4: no router is known that could tell", "",
		},
		"reseeding again": {
			func(s *Signs) {
				s.Status.Reseed = control.Reseed{State: control.ReseedRunning, Reason: "nobody was reached", Last: time.Now()}
			},
			control.FindingProblem, "reseed", "reseed servers are being asked again; last time nobody was reached", "see i2p-router reseed",
		},
		"reseeding": {
			func(s *Signs) {
				s.Status.State, s.Status.Lacks, s.Status.Reseed.State = control.StateStarting, "no other router is known: reseed servers are being asked", control.ReseedRunning
			},
			control.FindingNote, "tunnels", "there are no tunnels yet: no other router is known", "look again",
		},
		"behind": {
			func(s *Signs) { s.Skews = []time.Duration{42 * time.Second, 41 * time.Second, 43 * time.Second, 0} },
			control.FindingProblem, "clock", "the clock of this machine is 42s behind that of its peers", "have the clock set",
		},
		"ahead": {
			func(s *Signs) {
				s.Skews = []time.Duration{-50 * time.Second, -50 * time.Second, -50 * time.Second}
			},
			control.FindingProblem, "clock", "the clock of this machine is 50s ahead of that of its peers", "have the clock set",
		},
		"so far off that nobody speaks to it": {
			func(s *Signs) { s.Skews, s.Status.Sessions, s.Transports[0].Counters["skewed"] = nil, 0, 7 },
			control.FindingProblem, "clock", "7 handshakes failed for clocks that differ", "have the clock set",
		},
		"hours behind": {
			func(s *Signs) { s.Skews, s.FromFuture, s.Status.Known.Routers, s.Enough = nil, 70, 0, 0 },
			control.FindingProblem, "clock", "70 RouterInfos are of the future: probably this machine's clock is behind", "have the clock set",
		},
		"days off": {
			func(s *Signs) {
				s.Skews, s.Status.Known.Routers, s.Enough = nil, 0, 0
				s.Status.Reseed.Servers = []control.ReseedServer{{Result: "clock"}, {Result: "dns"}, {Result: "clock"}}
			},
			control.FindingProblem, "clock", "2 reseed servers gave what is of another time: probably", "have the clock set",
		},
		"so far off that reseed servers are hours ahead": {
			func(s *Signs) {
				s.Skews, s.Status.Sessions, s.Transports = nil, 0, nil
				s.Status.Reseed.Servers = []control.ReseedServer{asked("ok", 3600), asked("dns", 0), asked("nothing", 3660)}
				s.Status.Reseed.Servers[1].ServerTime = time.Time{}
			},
			control.FindingProblem, "clock", "this machine's clock is 1 h behind that of 2 reseed servers", "have the clock set",
		},
		"so far off that reseed servers are days behind": {
			func(s *Signs) {
				s.Skews, s.Status.Sessions, s.Transports = nil, 0, nil
				s.Status.Reseed.Servers = []control.ReseedServer{asked("old", -86400), asked("ok", -86400), asked("ok", 0)}
			},
			control.FindingProblem, "clock", "this machine's clock is 1 d ahead of that of 2 reseed servers", "have the clock set",
		},
		"so far off is one reseed server": {
			func(s *Signs) {
				s.Skews, s.Status.Sessions, s.Transports = nil, 0, nil
				s.Status.Reseed.Servers = []control.ReseedServer{asked("ok", -86400), asked("ok", 1), asked("ok", 0)}
			},
			control.FindingNote, "clock", "there is no peer to compare with", "",
		},
		"nothing but RouterInfos of the future": {
			func(s *Signs) {
				s.Skews, s.Status.Known.Routers, s.Enough = nil, 0, 0
				future := control.ReseedServer{Result: "nothing", Found: 3, Rejected: map[string]int{"from the future": 3}}
				s.Status.Reseed.Servers = []control.ReseedServer{future, future}
			},
			control.FindingProblem, "clock", "2 reseed servers gave what is of another time: probably", "have the clock set",
		},
		"few of the future": {
			func(s *Signs) { s.Skews, s.FromFuture = nil, 70 },
			control.FindingNote, "clock", "there is no peer to compare with", "",
		},
		"few to compare with": {
			func(s *Signs) { s.Skews = []time.Duration{time.Hour} },
			control.FindingNote, "clock", "only 1 peer is there to compare with", "",
		},
		"shut in": {
			func(s *Signs) {
				for i := range s.Transports {
					s.Transports[i].Counters = map[string]uint64{"dials_failed": 30}
				}
			},
			control.FindingProblem, "outgoing", "no dial of a peer succeeds: NTCP2 over TCP, SSU2 over UDP", "see whether the machine has a network",
		},
		"cut off": {
			func(s *Signs) { s.Status.Sessions = 0 },
			control.FindingNote, "outgoing", "the router has reached peers, and has no session any more", "",
		},
		"TCP is shut in": {
			func(s *Signs) { s.Transports[0].Counters = map[string]uint64{"dials_missed": 30} },
			control.FindingProblem, "outgoing", "no dial succeeds by NTCP2 over TCP, while others do", "let a firewall pass it",
		},
		"no DNS": {
			func(s *Signs) {
				s.Status.Reseed = control.Reseed{State: control.ReseedWaiting, Reason: "nobody was reached", Servers: []control.ReseedServer{{Result: "dns"}}}
			},
			control.FindingProblem, "reseed", "the names of reseed servers are not found: nobody was reached", "see whether DNS works",
		},
		"no reseed": {
			func(s *Signs) {
				s.Status.Reseed = control.Reseed{State: control.ReseedWaiting, Reason: "nobody was reached"}
			},
			control.FindingProblem, "reseed", "nobody was reached", "see i2p-router reseed",
		},
		"alone": {
			func(s *Signs) { s.Status.Known.Routers = 0 },
			control.FindingProblem, "peers", "no other router is known", "i2p-router reseed",
		},
		"nearly alone": {
			func(s *Signs) { s.Status.Known.Routers = 3 },
			control.FindingNote, "peers", "only 3 known routers", "i2p-router reseed",
		},
		"without tunnels": {
			func(s *Signs) { s.Status.State, s.Status.Lacks = control.StateStarting, "nobody agrees" },
			control.FindingProblem, "tunnels", "there are no tunnels: nobody agrees", "",
		},
		"young": {
			func(s *Signs) { s.Status.State, s.Status.UptimeSeconds = control.StateStarting, 5 },
			control.FindingNote, "tunnels", "there are no tunnels yet", "look again",
		},
		"moved": {
			func(s *Signs) { s.Status.AddressLost = "1.2.3.4 is no address of this machine any more" },
			control.FindingProblem, "address", "1.2.3.4 is no address", "correct host",
		},
		"old": {
			func(s *Signs) { s.Versions = []string{"0.9.70", "0.10.1", "1.0.0"} },
			control.FindingNote, "version", "3 of 3 peers speak a later version", "update",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := well()
			c.change(&s)
			all := slices.DeleteFunc(Router(s), func(f control.Finding) bool { return f.Level == control.FindingOK })
			i := slices.IndexFunc(all, func(f control.Finding) bool { return f.Check == c.check })
			if i < 0 {
				t.Fatalf("not found: %+v", all)
			}
			f := all[i]
			if f.Level != c.level || !strings.HasPrefix(f.Text, c.text) || !strings.HasPrefix(f.Advice, c.advice) || (f.Advice == "") != (c.advice == "") {
				t.Errorf("%+v", f)
			}
			if len(all) > 1 && !slices.Contains([]string{"the gateway refuses", "the gateway passes one port on", "nobody to ask", "reseeding"}, name) && !strings.HasPrefix(name, "so far off") {
				t.Errorf("also %+v", all)
			}
		})
	}
}

func TestNewerThan(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"0.9.69", "0.9.68", true}, {"0.9.68", "0.9.68", false}, {"0.9.9", "0.9.10", false}, {"0.10.0", "0.9.68", true},
		{"1", "0.9.68", true}, {"0.9", "0.9.68", false}, {"0.9.68.1", "0.9.68", true}, {"x", "0.9.68", false}, {"", "0.9.68", false},
	} {
		if got := newerThan(c.a, c.b); got != c.want {
			t.Errorf("%q after %q: %v", c.a, c.b, got)
		}
	}
}

// asked is a reseed server with a clock of its own.
func asked(result string, ahead int64) control.ReseedServer {
	return control.ReseedServer{Result: result, ServerTime: time.Unix(1, 0), AheadSeconds: ahead}
}
