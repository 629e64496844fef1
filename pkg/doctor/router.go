package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/words"
)

// Signs are what a running router tells of itself.
type Signs struct {
	Status     control.Status
	Transports []control.Transport
	Doors      []control.Door
	Skews      []time.Duration // how far the clocks of peers run ahead, one of each network
	Versions   []string        // of peers
	Hosts      []netip.Addr    // that the settings have published
	Local      []netip.Addr    // of the machine
	From       netip.Addr      // that of these from which it sends over IPv4; the zero value where that is not known
	Enough     int             // routers, that reseeding is not needed
	FromFuture uint64          // RouterInfos refused, as they say that they are made later than now
}

// settled is how long a router is given before it is judged by what it has not done.
const settled = 2 * time.Minute

// Router judges a running router.
func Router(s Signs) []control.Finding {
	var fs findings
	s.network(&fs)
	s.start(&fs)
	s.clock(&fs)
	s.outgoing(&fs)
	s.peers(&fs)
	s.reseed(&fs)
	s.reach(&fs)
	s.mapping(&fs)
	s.versions(&fs)
	s.doors(&fs)
	return fs
}

// doors tells of servers for applications, where there are any.
func (s Signs) doors(fs *findings) {
	var open []string
	for _, d := range s.Doors {
		switch {
		case d.Error != "":
			fs.problem("doors", d.Name+" is not open: "+d.Error, "see which other program has the address (ss -ltnp), or name another in "+d.Name+".listen")
		case d.Enabled:
			open = append(open, d.Name)
		}
	}
	if len(open) > 0 {
		fs.ok("doors", "open: %s", strings.Join(open, ", "))
	}
}

func (s Signs) up() time.Duration { return time.Duration(s.Status.UptimeSeconds) * time.Second }

// offline reports whether the machine is in no network at all: it has no address but its own.
func (s Signs) offline() bool {
	return !s.Status.Testnet && !slices.ContainsFunc(s.Local, netip.Addr.IsGlobalUnicast)
}

func (s Signs) network(fs *findings) {
	if s.offline() {
		fs.problem("network", "the machine is in no network: it has no address but its own", "connect it; the router goes on by itself then")
	}
}

func (s Signs) start(fs *findings) {
	st := s.Status
	switch {
	case st.State == control.StateRunning && st.Lacks == "":
		fs.ok("tunnels", "the router has tunnels both ways")
	case st.State == control.StateStopping:
		fs.note("tunnels", "the router is stopping", "")
	case st.Lacks != "" && st.Reseed.State == control.ReseedRunning:
		fs.note("tunnels", "there are no tunnels yet: "+st.Lacks, "look again in a minute")
	case st.Lacks != "":
		fs.problem("tunnels", "there are no tunnels: "+st.Lacks, "")
	case s.up() < settled:
		fs.note("tunnels", "there are no tunnels yet: the router has started "+words.Span(s.up())+" ago", "look again in a minute")
	default:
		fs.problem("tunnels", "there are no tunnels, though nothing is known to be lacking", "see what i2p-router run says with --log-level debug")
	}
	if st.AddressLost != "" {
		fs.problem("address", st.AddressLost, "correct host in the settings, or leave it out, and the router finds out by itself")
	}
}

func counted(transports []control.Transport, name string) (sum uint64) {
	for _, t := range transports {
		sum += t.Counters[name]
	}
	return sum
}

// enoughDials is how many must have come to nothing before anything is blamed.
const enoughDials = 10

func (s Signs) outgoing(fs *findings) {
	var dead []string
	tried := 0
	for _, t := range s.Transports {
		failed := t.Counters["dials_failed"] + t.Counters["dials_missed"]
		if t.Counters["dialed"] > 0 || failed >= enoughDials {
			tried++
		}
		if t.Counters["dialed"] == 0 && failed >= enoughDials {
			dead = append(dead, t.Name+" over "+carrier(t.Name))
		}
	}
	switch {
	case tried == 0:
		fs.note("outgoing", "too few peers have been dialled to tell whether a firewall lets the router out", "")
	case len(dead) == tried:
		fs.problem("outgoing", "no dial of a peer succeeds: "+strings.Join(dead, ", "),
			"see whether the machine has a network, and whether a firewall (of the machine, the gateway or the provider) lets TCP and UDP out to all ports")
	case len(dead) > 0:
		fs.problem("outgoing", "no dial succeeds by "+strings.Join(dead, ", ")+", while others do", "let a firewall pass it out to all ports; until then the other transport serves")
	case s.Status.Sessions == 0:
		fs.note("outgoing", "the router has reached peers, and has no session any more", "")
	default:
		fs.ok("outgoing", "the router reaches its peers")
	}
}

func carrier(transport string) string {
	if transport == "SSU2" {
		return "UDP"
	}
	return "TCP"
}

func (s Signs) peers(fs *findings) {
	known := s.Status.Known.Routers
	switch {
	case known >= s.Enough:
		fs.ok("peers", "%s, %s", words.Count(known, "known router"), words.Count(s.Status.Sessions, "session"))
	case s.Status.Reseed.State == control.ReseedRunning:
		fs.note("peers", words.Counted(known, "router is known", "routers are known")+": reseed servers are being asked", "")
	case known == 0:
		fs.problem("peers", "no other router is known", "i2p-router reseed, or name router.info files with --bootstrap")
	case s.Status.Testnet:
		fs.ok("peers", "%s, on a private network", words.Count(known, "known router"))
	default:
		fs.note("peers", "only "+words.Count(known, "known router"), "i2p-router reseed gives more")
	}
}

func (s Signs) reseed(fs *findings) {
	r := s.Status.Reseed
	switch {
	case r.State == control.ReseedRunning && !r.Last.IsZero() && !r.Reached:
		fs.problem("reseed", "reseed servers are being asked again; last time "+r.Reason, "see i2p-router reseed for what each server said; reseed.proxy and files are other ways")
	case r.State == control.ReseedRunning:
		fs.note("reseed", "reseed servers are being asked", "")
	case r.State != control.ReseedWaiting:
		fs.ok("reseed", "%s: %s", r.State, r.Reason)
	case s.offline():
		fs.note("reseed", r.Reason, "")
	case slices.ContainsFunc(r.Servers, func(v control.ReseedServer) bool { return v.Result == "dns" }) && !r.Reached:
		fs.problem("reseed", "the names of reseed servers are not found: "+r.Reason,
			"see whether DNS works on this machine (/etc/resolv.conf); nothing but reseeding needs it. Or reseed from a file, or through reseed.proxy")
	case !r.Reached:
		fs.problem("reseed", r.Reason, "see i2p-router reseed for what each server said; reseed.proxy and files are other ways")
	default:
		fs.note("reseed", r.Reason, "")
	}
}

// port is the one that is listened on by a transport, or any.
func (s Signs) ports() string {
	var ports []string
	for _, t := range s.Transports {
		for _, at := range t.Listen {
			if ap, err := netip.ParseAddrPort(at); err == nil {
				p := carrier(t.Name) + " port " + strconv.Itoa(int(ap.Port()))
				if !slices.Contains(ports, p) {
					ports = append(ports, p)
				}
			}
		}
	}
	return strings.Join(ports, " and ")
}

// public reports whether the machine itself has the address of the family at which others see it; where they
// have not said, whether it has one that others can reach.
func (s Signs) public(v4 bool) bool {
	for _, r := range s.Status.Reach {
		if at, err := netip.ParseAddrPort(r.Seen); err == nil && at.Addr().Is4() == v4 {
			return slices.Contains(s.Local, at.Addr())
		}
	}
	return slices.ContainsFunc(s.Local, func(a netip.Addr) bool {
		return a.Is4() == v4 && a.IsGlobalUnicast() && !a.IsPrivate() && !carrierNAT.Contains(a)
	})
}

// carrierNAT is what providers give to customers who share an address (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

func (s Signs) reach(fs *findings) {
	switch {
	case s.Status.Hidden:
		fs.ok("reachability", "the router is hidden: nobody is told how to reach it")
		return
	case s.offline():
		return
	}
	for _, r := range s.Status.Reach {
		s.reachOf(fs, r)
	}
	if len(s.Status.Reach) > 0 || s.Status.Testnet {
		return
	}
	switch came := counted(s.Transports, "accepted"); {
	case came > 0:
		fs.ok("reachability", "%s opened by others", words.Counted(came, "session was", "sessions were"))
	case len(s.Hosts) > 0 && s.up() > 10*settled:
		fs.problem("reachability", "nobody has opened a session, although the router publishes "+strings.Join(s.Status.Addresses, ", "), s.forward(true))
	case len(s.Hosts) > 0:
		fs.note("reachability", "nobody has opened a session yet", "look again in an hour")
	default:
		fs.note("reachability", "no address is published, and without SSU2 the router does not find out how others reach it", "set ssu2.enabled, or name the address with --host")
	}
}

func (s Signs) reachOf(fs *findings, r control.Reach) {
	check, v4 := "reachability", r.Family == "IPv4"
	seen := ""
	if r.Seen != "" {
		seen = " (they see it at " + r.Seen + ")"
	}
	if s.Status.Known.Routers == 0 && (r.State == control.ReachUnknown || r.State == control.ReachDisconnected) {
		fs.note(check, r.Family+": no router is known that could tell whether others reach this one", "")
		return
	}
	switch r.State {
	case control.ReachOK:
		fs.ok(check, "%s: others reach the router%s", r.Family, seen)
	case control.ReachFirewalled:
		fs.problem(check, fmt.Sprintf("%s: others do not reach the router by themselves%s; %s introduced", r.Family, seen, introduced(r)), s.forward(v4))
	case control.ReachSymmetricNAT:
		fs.problem(check, fmt.Sprintf("%s: the gateway gives the router another port for each peer (a symmetric NAT)%s: few others can reach it", r.Family, seen), s.forward(v4))
	case control.ReachDisconnected:
		if i := slices.IndexFunc(s.Status.Reach, func(o control.Reach) bool {
			return o.State != control.ReachDisconnected && o.State != control.ReachNoAddress
		}); i >= 0 {
			fs.note(check, fmt.Sprintf("%s: no peer is heard, while some are over %s", r.Family, s.Status.Reach[i].Family), "nothing, unless the machine is meant to reach others over it")
			return
		}
		fs.problem(check, r.Family+": no peer is heard", "see whether the machine has a network, and whether a firewall lets UDP out")
	case control.ReachNoAddress:
		fs.note(check, r.Family+": the machine has no address, or nothing is listened on", "")
	default:
		fs.note(check, fmt.Sprintf("%s: not found out yet (%s)", r.Family, r.Reason), "look again in a minute: peers must test it")
	}
}

func introduced(r control.Reach) string {
	if r.Introducers == 0 {
		return "and nobody has it"
	}
	return words.Counted(r.Introducers, "peer has it", "peers have it")
}

// forward says how a port comes to be passed on.
func (s Signs) forward(v4 bool) string {
	switch {
	case !v4 || s.public(v4):
		return "let the firewall of this machine and of its gateway pass " + s.ports() + " in"
	case s.doubled():
		return "the gateway is itself behind another one: forward " + s.ports() + " at both, or ask the provider for an address of your own"
	}
	return "forward " + s.ports() + " at the gateway to this machine (its private address is " + s.private() + "), or switch on UPnP, NAT-PMP or PCP there"
}

func (s Signs) private() string {
	if s.From.IsValid() {
		return s.From.String()
	}
	for _, a := range s.Local {
		if a.Is4() && a.IsGlobalUnicast() {
			return a.String()
		}
	}
	return "none"
}

// doubled reports whether the gateway says that it has no public address.
func (s Signs) doubled() bool {
	m := s.Status.PortMapping
	return m != nil && slices.ContainsFunc(m.Ports, func(p control.MappedPort) bool {
		at, err := netip.ParseAddrPort(p.External)
		return err == nil && (at.Addr().IsPrivate() || carrierNAT.Contains(at.Addr()))
	})
}

func (s Signs) mapping(fs *findings) {
	m := s.Status.PortMapping
	if m == nil || s.public(true) || s.offline() {
		return
	}
	reached := slices.ContainsFunc(s.Status.Reach, func(r control.Reach) bool { return r.Family == "IPv4" && r.State == control.ReachOK })
	switch {
	case s.doubled():
		fs.problem("port mapping", m.By+" passes the ports on, but the gateway has no public address itself", s.forward(true))
	case len(m.Ports) > 0 && m.Problem == "":
		fs.ok("port mapping", "%s at the gateway, by %s", words.Counted(len(m.Ports), "port is passed on", "ports are passed on"), m.By)
	case reached:
		fs.ok("port mapping", "not needed: others reach the router")
	case len(m.Ports) == 0 && m.Problem != "":
		fs.note("port mapping", "the gateway passes no port on: "+m.Problem, s.forward(true))
	case m.Problem != "":
		fs.note("port mapping", "the gateway does not pass all ports on: "+m.Problem, s.forward(true))
	}
}

func (s Signs) versions(fs *findings) {
	newer := 0
	for _, v := range s.Versions {
		if newerThan(v, control.APILevel) {
			newer++
		}
	}
	switch {
	case len(s.Versions) == 0:
	case newer*2 > len(s.Versions) && len(s.Versions) >= skewWitnesses:
		fs.note("version", fmt.Sprintf("%d of %s speak a later version of the protocols than %s", newer, words.Count(len(s.Versions), "peer"), control.APILevel), "update i2p-router")
	default:
		fs.ok("version", "%s, as its peers", control.APILevel)
	}
}

// newerThan compares versions, number by number.
func newerThan(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, errX := strconv.Atoi(as[i])
		y, errY := strconv.Atoi(bs[i])
		if errX != nil || errY != nil || x != y {
			return errX == nil && errY == nil && x > y
		}
	}
	return len(as) > len(bs)
}
