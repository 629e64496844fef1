package foreign

import (
	"slices"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
)

// Whys that several keys have.
const (
	compressed  = "what a packet holds decides whether it is compressed"
	onlyThrough = "an outproxy is reached through I2P alone, and this one is not in it"
	oneAddress  = "the target sees all peers come from one address"
)

// fromI2PD makes a plan of a section of tunnels.conf.
func (r *reading) fromI2PD() {
	switch kind := r.text("type"); kind {
	case "client":
		r.i2pdClient(plan.Client)
	case "udpclient":
		r.i2pdClient(plan.UDPClient)
		r.i2pdDatagrams()
	case "socks":
		r.i2pdProxy(plan.SOCKS)
	case "httpproxy":
		r.i2pdProxy(plan.HTTP)
		if r.has("addresshelper") && !r.yes("addresshelper") {
			r.leave("addresshelper", "helpers are asked about before they are believed, and cannot be switched off")
		}
		r.leaveSet("senduseragent", "the User-Agent of all who browse is one and the same")
	case "server":
		r.i2pdServer(plan.Server)
	case "udpserver":
		r.i2pdServer(plan.UDPServer)
	case "http":
		r.i2pdServer(plan.HTTPServer)
		if host := r.text("hostoverride"); host != "" {
			r.plan.HTTPServer = &plan.HTTPServerSettings{Host: host}
		}
		if r.has("i2pheaders") && !r.yes("i2pheaders") {
			r.leave("i2pheaders", "the web server is always told who asks")
		}
	case "irc":
		r.i2pdServer(plan.IRCServer)
		if password := r.text("webircpassword"); password != "" {
			r.plan.IRCServer = &plan.IRCServerSettings{WebIRC: true, Password: password}
		}
	case "websocks":
		r.skip("there are no proxies for websockets; i2pd starts none either")
	case "":
		r.skip("it has no type")
	default:
		r.skip("%q is no type of i2pd's", abridged(kind))
	}
	r.i2pdOptions()
}

// i2pdOptions are the keys that are I2CP's by their names, and some that stand for them.
func (r *reading) i2pdOptions() {
	r.pass("gzip", compressed)
	r.pass("cryptotype", "the encryption types are those of i2cp.leaseSetEncType")
	r.leaveSet("matchtunnels", "tunnels are not chosen by the peer's")
	if t := r.text("signaturetype"); t != "" && t != "7" {
		r.option("i2cp.destination.sigType", t, "signaturetype")
	}
	if seconds := r.number("connecttimeout"); seconds > 0 {
		r.option("i2p.streaming.connectTimeout", strconv.Itoa(seconds*1000), "connecttimeout")
	}
	r.leave("explicitPeers", "hops are chosen by the router")
	for _, name := range []string{"latency.min", "latency.max"} {
		r.leave(name, "tunnels are not chosen by their latency")
	}
	for _, name := range []string{"i2p.streaming.maxOutboundSpeed", "i2p.streaming.maxInboundSpeed"} {
		r.leave(name, "the rate of a stream has no limit but the path's")
	}
	r.leaveSet("i2p.streaming.dontSign", "packets are signed where the specification asks for it")
	for i, k := range r.keys {
		if !r.taken[i] && strings.Contains(k.name, ".") {
			r.taken[i] = true
			r.option(k.name, k.value, k.name)
		}
	}
}

// i2pdListen is where a client or proxy listens.
func (r *reading) i2pdListen(kind plan.Type) {
	r.plan.Type = kind
	address := r.text("address")
	if address == "" {
		address = "127.0.0.1"
	}
	r.plan.Listen = endpoint(address, r.text("port"))
	switch keys := r.text("keys"); {
	case keys == "transient", keys == "" && !r.has("keys"):
	case keys == "", keys == "shareddest":
		r.plan.Share = "shareddest"
	case strings.HasPrefix(keys, "transient"): // those with the same text are one
		r.plan.Share = fit(keys, "transient")
	default:
		r.key(keys)
	}
	r.leaveSet("keepaliveinterval", "tunnels stay without it")
}

func (r *reading) i2pdClient(kind plan.Type) {
	r.i2pdListen(kind)
	r.plan.Destinations = r.list("destination")
	if port := r.number("destinationport"); port > 0 {
		for i := range r.plan.Destinations {
			r.plan.Destinations[i] += ":" + strconv.Itoa(port)
		}
	}
}

// i2pdDatagrams is by which protocol a client of datagrams speaks.
func (r *reading) i2pdDatagrams() {
	protocol := map[string]string{"1": "repliable", "2": "datagram2", "3": "datagram3"}
	switch version := r.text("datagramversion"); {
	case protocol[version] != "":
		r.plan.UDP = &plan.UDPSettings{Protocol: protocol[version]}
	case version != "":
		r.leave("datagramversion", "expected 1, 2 or 3")
	}
}

func (r *reading) i2pdProxy(kind plan.Type) {
	r.i2pdListen(kind)
	text, port := r.text("outproxy"), r.text("destinationport")
	if text == "" {
		return
	}
	out, ok := outproxy(text)
	if !ok {
		r.leave("outproxy", onlyThrough)
		return
	}
	if kind == plan.HTTP {
		r.plan.HTTP = &plan.HTTPSettings{Outproxies: []plan.Outproxy{out}}
		return
	}
	out.SOCKS = true
	if port != "" && port != "0" {
		out.Host += ":" + port
	}
	r.plan.SOCKS = &plan.SOCKSSettings{Outproxies: []plan.Outproxy{out}}
}

// outproxy reads "http://NAME:PORT", "socks://NAME:PORT" or NAME, where that is in I2P.
func outproxy(text string) (out plan.Outproxy, ok bool) {
	out.Host = text
	if scheme, rest, isURL := strings.Cut(text, "://"); isURL {
		out.SOCKS = strings.HasPrefix(scheme, "socks")
		rest, _, _ = strings.Cut(rest, "/")
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			out.User, out.Password, _ = strings.Cut(rest[:at], ":")
			rest = rest[at+1:]
		}
		out.Host = rest
	}
	host, _, err := plan.Remote(out.Host)
	return out, err == nil && host != ""
}

func (r *reading) i2pdServer(kind plan.Type) {
	r.plan.Type = kind
	host, port := r.text("host"), r.text("port")
	r.plan.Targets = []string{endpoint(host, port)}
	if r.yes("ssl") {
		r.skip("its target is to be spoken to in TLS, %s", noTLS)
	}
	keys := r.text("keys")
	switch {
	case keys == "":
		r.skip("it has no keys")
	case keys == "shareddest", strings.HasPrefix(keys, "transient"):
		r.plan.Key = plan.Transient
	default:
		r.key(keys)
	}
	// The first server of a key takes what goes to ports without a server of their own.
	inport := r.text("inport")
	if first := keys == "" || r.plan.Key == plan.Transient || !r.names.serves(keys); first {
		r.pass("inport", "streams to any port are taken, as i2pd's first tunnel of a key takes them")
	} else {
		if inport == "" {
			inport = port
		}
		n, err := strconv.ParseUint(inport, 10, 16)
		if err != nil {
			r.skip("%q is no port", abridged(inport))
		}
		r.plan.Port = int(n)
	}
	r.leaveSet("enableuniquelocal", oneAddress)
	r.leave("address", "connections to the target come from an address that the system chooses")
	if r.allow("accesslist"); len(r.plan.Access.Allow) > 0 {
		r.pass("whitelist", "accesslist outranks it")
		return
	}
	r.allow("whitelist")
}

// allow takes a list of peers. With none of them that can be read nobody would be kept out: so the
// tunnel is left out then.
func (r *reading) allow(name string) {
	peers := r.list(name)
	for _, peer := range peers {
		if _, err := i2p.ParseName(peer); err != nil {
			r.leave(name, "of its peers some are no addresses")
			continue
		}
		if !slices.Contains(r.plan.Access.Allow, peer) {
			r.plan.Access.Allow = append(r.plan.Access.Allow, peer)
		}
	}
	if len(peers) > 0 && len(r.plan.Access.Allow) == 0 {
		r.skip("nobody of its %s can be read", name)
	}
}
