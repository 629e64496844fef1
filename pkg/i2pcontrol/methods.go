package i2pcontrol

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/control"
)

// client is who asks (door.Client).
type client interface {
	Login(ctx context.Context, user, password string) bool
	// Greeted says that it is welcome: until then it gives way to others.
	Greeted() bool
	// After has f called once the answer has gone.
	After(f func())
}

var errGone = failed(codeInternal, "the connection has given way to others")

// api is the version of the API.
const api = 1

// call carries out a call.
func (s *Server) call(ctx context.Context, c client, req request) (any, error) {
	p := params{}
	if !isNull(req.Params) {
		if err := json.Unmarshal(req.Params, &p); err != nil {
			return nil, failed(codeParams, "parameters are named")
		}
	}
	methods := map[string]func(context.Context, params) (any, error){
		"Echo": s.echo, "GetRate": s.getRate, "I2PControl": s.manage, "RouterInfo": s.routerInfo,
		"RouterManager":  func(ctx context.Context, p params) (any, error) { return s.routerManager(ctx, c, p) },
		"NetworkSetting": s.networkSetting, "AdvancedSettings": s.advancedSettings,
	}
	if req.Method == "Authenticate" {
		return s.authenticate(ctx, c, p)
	}
	method := methods[req.Method]
	if method == nil {
		return nil, failed(codeMethod, "there is no method of that name")
	}
	if err := s.checkToken(p); err != nil {
		s.count(func(st *Stats) { st.Refused++ })
		return nil, err
	}
	if !c.Greeted() {
		return nil, errGone
	}
	return method(ctx, p)
}

func (s *Server) authenticate(ctx context.Context, c client, p params) (any, error) {
	version, is := p.text("API")
	switch {
	case !is:
		return nil, failed(codeNoAPI, "which version of the API is spoken has to be said")
	case version != strconv.Itoa(api):
		return nil, failed(codeAPI, fmt.Sprintf("version %d of the API is spoken here", api))
	}
	password, _ := p.text("Password")
	holds := s.held()
	if !c.Login(ctx, User, password) {
		s.count(func(st *Stats) { st.Refused++ })
		select {
		case <-time.After(wrongPause):
		case <-ctx.Done():
		}
		return nil, failed(codePassword, "that is not the password")
	}
	if !c.Greeted() {
		return nil, errGone
	}
	token, ok := s.newToken(holds)
	if !ok {
		return nil, failed(codePassword, "the password has just been changed")
	}
	return map[string]any{"API": api, "Token": token}, nil
}

// newToken makes a token for the password of a hash, unless another holds by now: Password has ended those of that.
// Where there are too many, the one goes that ends first.
func (s *Server) newToken(hash string) (token string, ok bool) {
	token = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if hash != s.password {
		return "", false
	}
	if len(s.tokens) >= maxTokens {
		delete(s.tokens, slices.MinFunc(slices.Sorted(maps.Keys(s.tokens)), func(a, b string) int {
			return s.tokens[a].Compare(s.tokens[b])
		}))
	}
	s.tokens[token] = s.cfg.Now().Add(s.cfg.TokenFor)
	return token, true
}

func (s *Server) checkToken(p params) error {
	token, is := p.text("Token")
	if !is || token == "" {
		return failed(codeNoToken, "a token is needed, which Authenticate gives")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	until, is := s.tokens[token]
	switch {
	case !is:
		return failed(codeUnknownToken, "there is no such token")
	case s.cfg.Now().After(until):
		delete(s.tokens, token)
		return failed(codeExpired, "the token has ended")
	}
	return nil
}

func (s *Server) echo(_ context.Context, p params) (any, error) {
	text, is := p.text("Echo")
	if !is {
		return nil, failed(codeParams, "nothing to echo")
	}
	return map[string]any{"Result": text}, nil
}

// getRate gives the averages that programs ask for; Java I2P has hundreds, whose names mean its own inside.
func (s *Server) getRate(_ context.Context, p params) (any, error) {
	stat, _ := p.text("Stat")
	text, _ := p.text("Period")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 {
		return nil, failed(codeParams, "Period is a number of milliseconds")
	}
	st := s.cfg.Router.Status()
	in, out := s.averages(time.Duration(min(ms, int64(keep/time.Millisecond))) * time.Millisecond)
	values := map[string]float64{
		"bw.recvRate": in, "bw.receiveBps": in, "bw.sendRate": out, "bw.sendBps": out,
		"router.activePeers": float64(st.Sessions), "router.knownPeers": float64(st.Known.Routers),
		"tunnel.participatingTunnels": float64(st.Tunnels.Transit),
	}
	value, is := values[stat]
	if !is {
		return nil, failed(codeParams, "there is no stat of that name; those there are: "+fmt.Sprint(slices.Sorted(maps.Keys(values))))
	}
	return map[string]any{"Result": value}, nil
}

// routerInfo answers the keys that were asked for. What it does not know it leaves out, as Java I2P does.
func (s *Server) routerInfo(_ context.Context, p params) (any, error) {
	st := s.cfg.Router.Status()
	groups := s.cfg.Groups()
	in1, out1 := s.averages(time.Second)
	in15, out15 := s.averages(15 * time.Second)
	all := map[string]any{
		"i2p.router.status":                    says(st),
		"i2p.router.uptime":                    st.UptimeSeconds * 1000,
		"i2p.router.version":                   st.Version,
		"i2p.router.hash":                      st.Router,
		"i2p.router.net.bw.inbound.1s":         in1,
		"i2p.router.net.bw.inbound.15s":        in15,
		"i2p.router.net.bw.outbound.1s":        out1,
		"i2p.router.net.bw.outbound.15s":       out15,
		"i2p.router.net.status":                netStatus(st),
		"i2p.router.net.tunnels.participating": st.Tunnels.Transit,
		"i2p.router.netdb.activepeers":         st.Sessions,
		"i2p.router.netdb.fastpeers":           groups.Fast,
		"i2p.router.netdb.highcapacitypeers":   groups.HighCapacity,
		"i2p.router.netdb.isreseeding":         st.Reseed.State == control.ReseedRunning,
		"i2p.router.netdb.knownpeers":          st.Known.Routers,
		"i2p.router.netdb.floodfills":          st.Known.Floodfills,
		"i2p.router.netdb.leasesets":           st.Known.LeaseSets,
		"i2p.router.net.total.received.bytes":  st.Traffic.BytesIn,
		"i2p.router.net.total.sent.bytes":      st.Traffic.BytesOut,
		"i2p.router.net.tunnels.successrate":   successRate(st.Builds),
	}
	return asked(p, all), nil
}

// asked are of all that is known what a call names.
func asked(p params, all map[string]any) map[string]any {
	got := map[string]any{}
	for name := range p {
		if value, is := all[name]; is {
			got[name] = value
		}
	}
	return got
}

// successRate is in percent, of all builds that we asked for.
func successRate(b control.BuildCounts) int {
	all := b.Accepted + b.Refused + b.Expired
	if all == 0 {
		return 0
	}
	return int(100 * b.Accepted / all)
}

// says is the router's state, for people.
func says(st control.Status) string {
	text := string(st.State)
	if st.Lacks != "" {
		text += ": " + st.Lacks
	}
	return text
}

// The network states of the specification that this router has.
const (
	netOK         = 0
	netTesting    = 1
	netFirewalled = 2
	netHidden     = 3
	netSymmetric  = 11
	netNobody     = 13
)

// netStatus is the best that the router has found out of any family. A router that is introduced publishes an address
// as well: where nothing finds out how others reach it, that it does is all that is known.
func netStatus(st control.Status) int {
	if st.Hidden {
		return netHidden
	}
	for _, s := range []struct {
		is   control.ReachState
		says int
	}{
		{control.ReachOK, netOK}, {control.ReachUnknown, netTesting}, {control.ReachFirewalled, netFirewalled},
		{control.ReachSymmetricNAT, netSymmetric}, {control.ReachDisconnected, netNobody},
	} {
		if slices.ContainsFunc(st.Reach, func(r control.Reach) bool { return r.State == s.is }) {
			return s.says
		}
	}
	if len(st.Addresses) > 0 {
		return netOK
	}
	return netTesting
}

// updates is why nothing is known of newer versions.
const updates = "this router comes from packages, and is brought up to date by what installed it"

// routerManager does what a call asks for, all of it or nothing. What stops the router begins once the answer has gone.
func (s *Server) routerManager(_ context.Context, c client, p params) (any, error) {
	got := map[string]any{}
	reseed, stop := false, func() {}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		switch name {
		case "Reseed":
			reseed = true
		case "ShutdownGraceful":
			stop = s.cfg.Router.StopGracefully
		case "Shutdown":
			stop = s.cfg.Router.Stop
		case "FindUpdates", "Update":
			return nil, failed(codeInternal, updates)
		case "Restart", "RestartGraceful":
			return nil, failed(codeInternal, "this router is started again by what started it: the service manager")
		case "Token":
			continue
		default:
			return nil, failed(codeParams, "there is no "+strconv.Quote(name)+" of a router")
		}
		got[name] = nil
	}
	if _, is := p["Shutdown"]; is { // which of both is sooner
		stop = s.cfg.Router.Stop
	}
	if reseed { // it goes on after the answer, which says that it has begun
		select {
		case s.reseeds <- struct{}{}:
		default:
		}
	}
	c.After(stop)
	return got, nil
}

// advancedSettings has none to tell, and takes none: they are Java I2P's own, in whose AdvancedSettingsHandler the words
// are.
func (s *Server) advancedSettings(_ context.Context, p params) (any, error) {
	got := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		switch strings.ToLower(name) {
		case "set", "setall":
			return nil, failed(codeInternal, "this router has no advanced settings: its own are in its file, and NetworkSetting sets some")
		case "getall":
			got[name] = map[string]any{}
		case "get":
			key, is := p.text(name)
			if !is {
				return nil, failed(codeParams, strconv.Quote(name)+" names a setting")
			}
			got[name] = map[string]any{key: nil}
		case "token":
		default:
			return nil, failed(codeParams, "there is no "+strconv.Quote(name)+" of advanced settings")
		}
	}
	return got, nil
}
