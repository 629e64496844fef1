package foreign

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
)

// opt is in front of what Java's tunnels take beside their common keys.
const opt = "option."

const (
	neverSent = "the header is never sent"
	noTLS     = "which a forward does not do"
)

// fromJava makes a plan of a tunnel of i2ptunnel.config (I2P configuration file specification,
// "I2PTunnel").
func (r *reading) fromJava() {
	r.plan.Stopped = strings.ToLower(r.text("startOnLoad")) == "false"
	r.text("name")
	r.pass("description", "forwards have names alone")
	r.pass("configFile", "it says where the file was")
	r.pass("i2cpHost", "it says how Java's tunnels reach their router")
	r.pass("i2cpPort", "it says how Java's tunnels reach their router")
	switch kind := r.text("type"); kind {
	case "client":
		r.javaClient(plan.Client)
	case "ircclient":
		r.javaClient(plan.IRC)
		if r.yes(opt + "i2ptunnel.ircclient.enableDCC") {
			r.plan.IRC = &plan.IRCSettings{DCC: true}
		}
	case "httpclient":
		r.javaHTTP(false)
	case "connectclient":
		r.javaHTTP(true)
	case "sockstunnel":
		r.javaSOCKS()
	case "socksirctunnel":
		r.skip("there is no SOCKS proxy that filters IRC, and one that does not lets through what that keeps back: a forward of type irc filters, to one server")
	case "streamrclient":
		r.javaStreamrClient()
	case "streamrserver":
		r.javaStreamrServer()
	case "server":
		r.javaServer(plan.Server)
	case "httpserver":
		r.javaHTTPServer()
	case "httpbidirserver":
		r.javaHTTPServer()
		r.bidirectional()
	case "ircserver":
		r.javaServer(plan.IRCServer)
		r.javaIRCServer()
	case "":
		r.skip("it has no type")
	default:
		r.skip("%q is no type of Java's", abridged(kind))
	}
	r.javaOptions()
}

// javaOptions are what goes on to I2CP and the streaming library.
func (r *reading) javaOptions() {
	for _, name := range []string{"i2ptunnel.gzip", opt + "i2cp.gzip"} {
		r.pass(name, compressed)
	}
	for _, name := range []string{"i2ptunnel.usePool", "i2ptunnel.blockingHandlerCount"} {
		r.pass(opt+name, "there is no pool of threads")
	}
	r.pass(opt+"i2p.streaming.limitsManuallySet", "no limits hold but those that are set")
	for _, way := range []string{"inbound", "outbound"} {
		r.pass(opt+way+".randomKey", "the order of hops is drawn anew with each start")
		r.pass(opt+way+".backupQuantity", "a tunnel that fails is built again")
		r.pass(opt+way+".priority", "all destinations are served alike")
	}
	for _, name := range []string{"i2cp.leaseSetPrivateKey", "i2cp.leaseSetSigningPrivateKey"} {
		r.pass(opt+name, "the keys of the lease set are made of the key file")
	}
	r.pass(opt+"i2p.streaming.connectDelay", "a stream is opened at once")
	r.pass(opt+"shouldBundleReplyInfo", "peers get the lease set where they need it")
	if r.find(opt+"i2p.streaming.limitAction") >= 0 && r.keys[r.find(opt+"i2p.streaming.limitAction")].value == "http" {
		r.pass(opt+"i2p.streaming.limitAction", "who opens too many streams is refused by the stream, not by a page")
	}
	for i, k := range r.keys {
		name, ok := strings.CutPrefix(k.name, opt)
		if !r.taken[i] && ok && name != "" {
			r.taken[i] = true
			r.option(name, k.value, k.name)
		}
	}
}

// javaLocal is where a client or proxy listens, and its destination.
func (r *reading) javaLocal(kind plan.Type) {
	r.plan.Type = kind
	r.plan.Listen = endpoint(r.address("interface"), r.text("listenPort"))
	if r.yes(opt + "useSSL") {
		r.skip("its users speak TLS to it, %s", noTLS)
	}
	for _, name := range []string{"keystoreFile", "keystorePassword", "keyAlias", "keyPassword"} {
		r.pass(opt+name, "it is for TLS")
	}
	file := r.text("privKeyFile")
	shared := strings.ToLower(r.text("sharedClient")) != "false" // true without it
	switch persistent := r.yes(opt + "persistentClientKey"); {
	case persistent && file != "":
		r.key(file)
	case shared:
		r.plan.Share = "shared-clients"
	}
	r.plan.DelayOpen = r.yes(opt + "i2cp.delayOpen")
	idle := r.number(opt + "i2cp.closeIdleTime")
	if r.yes(opt + "i2cp.closeOnIdle") {
		if idle == 0 {
			idle = 30 * 60 * 1000
		}
		r.plan.IdleClose = plan.Duration(time.Duration(idle) * time.Millisecond)
	}
	r.leaveSet(opt+"i2cp.newDestOnResume", "a destination that is opened again is the one that it was")
}

// address takes an address of this machine: 127.0.0.1 without it.
func (r *reading) address(name string) string {
	if a := r.text(name); a != "" {
		return a
	}
	return "127.0.0.1"
}

func (r *reading) javaClient(kind plan.Type) {
	r.javaLocal(kind)
	if r.plan.Destinations = r.list("targetDestination"); len(r.plan.Destinations) > 1 {
		r.plan.Order = plan.AtRandom
	}
	r.pass("proxyList", "it is for proxies")
}

func (r *reading) javaHTTP(connectOnly bool) {
	r.javaLocal(plan.HTTP)
	h := &plan.HTTPSettings{ConnectOnly: connectOnly, AcceptLanguage: r.yes(opt + "i2ptunnel.httpclient.sendAccept")}
	h.Outproxies = r.javaOutproxies(r.list("proxyList"), false)
	for _, o := range r.javaOutproxies(r.list(opt+"i2ptunnel.httpclient.SSLOutproxies"), false) {
		if !slices.Contains(h.Outproxies, o) {
			h.Outproxies = append(h.Outproxies, o)
		}
	}
	h.Jump = r.list(opt + "i2ptunnel.httpclient.jumpServers")
	h.Accounts = r.javaAccounts()
	r.plan.HTTP = h
	for _, name := range []string{"sendReferer", "sendVia"} {
		r.leaveSet(opt+"i2ptunnel.httpclient."+name, neverSent)
	}
	r.leaveSet(opt+"i2ptunnel.httpclient.sendUserAgent", "the User-Agent of all who browse is one and the same")
	r.leaveSet(opt+"i2ptunnel.httpclient.disableAddressHelper", "helpers are asked about before they are believed, and cannot be switched off")
	r.pass(opt+"i2ptunnel.httpclient.allowInternalSSL", "CONNECT leads to I2P")
	r.pass(opt+"sslManuallySet", "CONNECT leads to I2P")
	r.leaveSet(opt+"i2ptunnel.useLocalOutproxy", "there are no plugins")
}

// javaOutproxies are those in I2P, with what they want to know of their user.
func (r *reading) javaOutproxies(hosts []string, socks bool) (all []plan.Outproxy) {
	auth := r.yes(opt + "outproxyAuth")
	user, password := r.text(opt+"outproxyUsername"), r.text(opt+"outproxyPassword")
	for _, host := range hosts {
		o := plan.Outproxy{Host: host, SOCKS: socks}
		own, ownPassword := r.text(opt+"outproxyUsername."+host), r.text(opt+"outproxyPassword."+host)
		switch {
		case auth && own != "":
			o.User, o.Password = own, ownPassword
		case auth:
			o.User, o.Password = user, password
		}
		all = append(all, o)
	}
	return all
}

// javaAccounts are who may use a proxy. Java keeps hashes of their passwords, of which no accounts can
// be made: rather than open to all, the proxy is taken stopped.
func (r *reading) javaAccounts() (all []plan.Account) {
	auth := strings.ToLower(r.text(opt + "proxyAuth"))
	user, password := r.text(opt+"proxyUsername"), r.text(opt+"proxyPassword")
	if user != "" && password != "" {
		all = append(all, plan.Account{User: user, Password: password})
	}
	for i, k := range r.keys {
		if name, ok := strings.CutPrefix(k.name, opt+"proxyPassword."); ok {
			r.taken[i] = true
			all = append(all, plan.Account{User: name, Password: k.value})
		}
		if strings.HasPrefix(k.name, opt+"proxy.auth.") {
			r.leave(k.name, "a hash is no password: set http.accounts")
		}
	}
	if auth == "" || auth == "false" {
		return nil
	}
	if len(all) == 0 {
		r.plan.Stopped = true
		r.leave(opt+"proxyAuth", "it is taken stopped, as no password could be taken: set http.accounts")
	}
	return all
}

func (r *reading) javaSOCKS() {
	r.javaLocal(plan.SOCKS)
	const proxies = opt + "i2ptunnel.socks.proxy."
	hosts := r.list(proxies + "default")
	if list := r.list("proxyList"); len(hosts) == 0 {
		hosts = list
	}
	connect := strings.ToLower(r.text(opt+"outproxyType")) == "connect"
	if all := r.javaOutproxies(hosts, !connect); len(all) > 0 {
		r.plan.SOCKS = &plan.SOCKSSettings{Outproxies: all}
	}
	for i, k := range r.keys {
		if !r.taken[i] && strings.HasPrefix(k.name, proxies) {
			r.leave(k.name, "outproxies are not chosen by the port")
		}
	}
	r.leaveSet(opt+"i2ptunnel.useLocalOutproxy", "there are no plugins")
	if all := r.javaAccounts(); len(all) > 0 {
		if r.plan.SOCKS == nil {
			r.plan.SOCKS = new(plan.SOCKSSettings)
		}
		r.plan.SOCKS.Accounts = all
	}
}

// javaStreamrClient sends to what other clients listen on.
func (r *reading) javaStreamrClient() {
	r.plan.Type = plan.StreamrClient
	r.plan.Targets = []string{endpoint(r.address("targetHost"), r.text("listenPort"))}
	r.plan.Destinations = r.list("targetDestination")
	r.pass("sharedClient", "it has a destination of its own")
	if file := r.text("privKeyFile"); file != "" && r.yes(opt+"persistentClientKey") {
		r.key(file)
	}
}

// javaStreamrServer listens where other servers have their target.
func (r *reading) javaStreamrServer() {
	r.plan.Type = plan.StreamrServer
	r.plan.Listen = endpoint(r.address("interface"), r.text("targetPort"))
	r.pass("targetHost", "a streamr server has no target")
	r.javaKey()
	r.javaAccess()
}

func (r *reading) javaKey() {
	if file := r.text("privKeyFile"); file != "" {
		r.key(file)
	} else {
		r.skip("it has no privKeyFile")
	}
	r.leave(opt+"altPrivKeyFile", "a forward has one destination")
}

func (r *reading) javaServer(kind plan.Type) {
	r.plan.Type = kind
	r.plan.Targets = []string{endpoint(r.address("targetHost"), r.text("targetPort"))}
	if r.yes(opt + "useSSL") {
		r.skip("its target is to be spoken to in TLS, %s", noTLS)
	}
	r.javaKey()
	r.leaveSet(opt+"enableUniqueLocal", oneAddress)
	r.javaAccess()
	const forPort = opt + "targetForPort."
	for i, k := range r.keys {
		digits, ok := strings.CutPrefix(k.name, forPort)
		if !ok {
			continue
		}
		r.taken[i] = true
		port, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || port == 0 {
			r.leave(k.name, "it names no port")
			continue
		}
		more := r.plan
		more.Name, more.Targets, more.Port = r.names.another(fit(r.plan.Name+"-"+digits, "tunnel")), []string{k.value}, int(port)
		if port == 443 { // TLS: nothing can be read there
			more.Type = plan.Server
		}
		r.more = append(r.more, more)
	}
}

// javaAccess are the peers that are let in.
func (r *reading) javaAccess() {
	peers := r.list(opt + "i2cp.accessList")
	only, none := r.yes(opt+"i2cp.enableAccessList"), r.yes(opt+"i2cp.enableBlackList")
	for _, peer := range peers {
		if _, err := i2p.ParseName(peer); err != nil {
			r.skip("of the peers in its access list some are no addresses")
			return
		}
	}
	switch {
	case only && len(peers) == 0:
		r.skip("its access list lets nobody in")
	case only:
		r.plan.Access.Allow = peers
	case none:
		r.plan.Access.Deny = peers
	}
	filter := r.text("filterDefinition")
	switch {
	case filter == "":
	case filepath.IsAbs(filter):
		r.plan.Access.Filter = filter
	default:
		r.skip("its filter %q is no absolute path", abridged(filter))
	}
}

func (r *reading) javaHTTPServer() {
	r.javaServer(plan.HTTPServer)
	h := plan.HTTPServerSettings{
		Host:            r.text("spoofedHost"),
		RejectInproxies: r.yes(opt + "rejectInproxy"),
		RejectReferer:   r.yes(opt + "rejectReferer"),
		PostsPerPeer:    r.number(opt + "maxPosts"),
		Posts:           r.number(opt + "maxTotalPosts"),
		PostPeriod:      r.seconds(opt + "postCheckTime"),
		PostBan:         r.seconds(opt + "postBanTime"),
	}
	r.pass(opt+"postTotalBanTime", "there is one time for which POSTs are refused")
	agents := r.text(opt + "userAgentRejectList")
	if r.yes(opt + "rejectUserAgents") {
		for agent := range strings.SplitSeq(agents, ",") {
			if agent = strings.TrimSpace(agent); agent != "" {
				h.RejectAgents = append(h.RejectAgents, agent)
			}
		}
	}
	r.plan.HTTPServer = &h
	for i := range r.more {
		if r.more[i].Type != plan.HTTPServer {
			continue
		}
		own := h
		if host := r.text("spoofedHost." + strconv.Itoa(r.more[i].Port)); host != "" {
			own.Host = host
		}
		r.more[i].HTTPServer = &own
	}
	for i, k := range r.keys {
		switch {
		case r.taken[i]:
		case strings.HasPrefix(k.name, "spoofedHost."):
			r.leave(k.name, "there is no target for that port")
		case k.name == opt+"keepalive.i2p", strings.HasPrefix(k.name, opt+"addResponseHeader"):
			r.pass(k.name, "answers go on as the web server gives them")
		}
	}
}

func (r *reading) seconds(name string) plan.Duration {
	return plan.Duration(time.Duration(r.number(name)) * time.Second)
}

// bidirectional is the proxy beside a web server, which has the server's destination.
func (r *reading) bidirectional() {
	port := r.text("listenPort")
	if port == "" {
		return
	}
	r.more = append(r.more, plan.Plan{
		Name: r.names.another(fit(r.plan.Name+"-proxy", "proxy")), Type: plan.HTTP,
		Listen: endpoint(r.address("interface"), port), Key: r.plan.Key,
	})
}

func (r *reading) javaIRCServer() {
	s := plan.IRCServerSettings{
		WebIRC:   strings.ToLower(r.text(opt+"ircserver.method")) == "webirc",
		Password: r.text(opt + "ircserver.webircPassword"),
		Cloak:    r.text(opt + "ircserver.cloakKey"),
	}
	r.leave(opt+"ircserver.webircSpoofIP", "WEBIRC tells no address of a peer that has none")
	host := r.text(opt + "ircserver.fakeHostname")
	if suffix, ok := strings.CutPrefix(host, "%c"); ok {
		s.Suffix = suffix
	} else if host != "" && host != "%f.b32.i2p" {
		r.leave(opt+"ircserver.fakeHostname", "a peer's host name is made of its address: only what stands behind %c can be chosen")
	}
	r.plan.IRCServer = &s
}
