package bob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"i2ptoolkit/pkg/i2p"
)

// state is where a tunnel is between its start and its end.
type state uint8

const (
	stopped state = iota
	starting
	running
	stopping
)

// tunnel is a nickname. The server's lock guards it.
type tunnel struct {
	settings
	state state
	local Local              // while it is starting or running
	end   context.CancelFunc // likewise
}

// settings are what a tunnel was told. They do not change while it is active.
type settings struct {
	name            string
	keys            *i2p.PrivateKeys
	inHost, outHost string // as they were said
	inAddr, outAddr netip.Addr
	inPort, outPort uint16 // 0: not set
	quiet           bool
	options         map[string]string
}

// address is what a host of the commands stands for. No name is looked up: it would be told to strangers.
func address(host string) (netip.Addr, error) {
	if strings.EqualFold(host, "localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, errors.New("must be an IP address or localhost")
	}
	return a.Unmap(), nil
}

// describe is the line of a list, without its first word.
func (t *tunnel) describe() string {
	set := func(port uint16) string {
		if port == 0 {
			return "not_set"
		}
		return strconv.Itoa(int(port))
	}
	return fmt.Sprintf("NICKNAME: %s STARTING: %t RUNNING: %t STOPPING: %t KEYS: %t QUIET: %t INPORT: %s INHOST: %s OUTPORT: %s OUTHOST: %s",
		t.name, t.state == starting, t.state == running || t.state == stopping, t.state == stopping, t.keys != nil, t.quiet,
		set(t.inPort), t.inHost, set(t.outPort), t.outHost)
}

func (s *Server) find(name string) *tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tunnels[name]
}

// create makes a nickname, in place of one that is not active.
func (s *Server) create(name string) (*tunnel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	had := s.tunnels[name]
	if had != nil && had.state != stopped {
		return nil, errActive
	}
	if had == nil && len(s.tunnels) >= s.cfg.Limits.Tunnels {
		s.counts.Refused.Tunnels++
		return nil, errFull
	}
	here, _ := address("localhost")
	t := &tunnel{settings: settings{
		name: name, inHost: "localhost", outHost: "localhost", inAddr: here, outAddr: here, options: make(map[string]string),
	}}
	s.tunnels[name] = t
	return t, nil
}

// start starts a tunnel, and returns its address; what can be wrong at once is told at once.
func (s *Server) start(ctx context.Context, t *tunnel) (string, error) {
	s.mu.Lock()
	err := error(nil)
	switch {
	case s.tunnels[t.name] != t: // another connection has cleared it
		err = errNoNick
	case t.keys == nil || t.inPort == 0 && t.outPort == 0:
		err = errIncomplete
	case t.state != stopped:
		err = errActive
	case s.ended:
		err = errEnding
	}
	if err != nil {
		s.mu.Unlock()
		return "", err
	}
	t.state = starting
	set := t.settings
	set.options = maps.Clone(t.options)
	s.running.Add(1)
	s.mu.Unlock()

	r := &run{s: s, set: set, places: make(chan struct{}, s.cfg.Limits.Streams)}
	if err := r.open(ctx); err != nil {
		s.mu.Lock()
		t.state = stopped
		s.mu.Unlock()
		s.running.Done()
		return "", fmt.Errorf("starting tunnel: %w", err)
	}
	runCtx, end := context.WithCancel(s.ctx)
	s.mu.Lock()
	t.local, t.end = r.local, end
	s.counts.Started++
	s.mu.Unlock()
	go func() {
		defer s.running.Done()
		defer end()
		r.run(runCtx, func() { s.ready(t) })
		s.mu.Lock()
		t.state, t.local, t.end = stopped, nil, nil
		s.mu.Unlock()
		s.cfg.Log.Debug("a tunnel of BOB has stopped", "nickname", t.name)
	}()
	return r.local.Address(), nil
}

// ready says that peers find a tunnel that was starting.
func (s *Server) ready(t *tunnel) {
	s.mu.Lock()
	was := t.state
	if was == starting {
		t.state = running
	}
	s.mu.Unlock()
	if was == starting {
		s.cfg.Log.Debug("a tunnel of BOB runs", "nickname", t.name)
	}
}

// stop has a tunnel end, and tells whether there was one to end.
func (s *Server) stop(t *tunnel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.end == nil || t.state == stopping {
		return false
	}
	t.state = stopping
	t.end()
	return true
}

// run is a tunnel from its start to its end.
type run struct {
	s      *Server
	set    settings
	local  Local
	in     net.Listener  // nil: there is no inport
	places chan struct{} // one for each stream
	all    sync.WaitGroup
}

// open opens the destination and the local port.
func (r *run) open(ctx context.Context) (err error) {
	if r.set.inPort != 0 {
		at := netip.AddrPortFrom(r.set.inAddr, r.set.inPort)
		if r.in, err = net.Listen("tcp", at.String()); err != nil {
			return err
		}
	}
	r.local, err = r.s.cfg.Open(ctx, r.set.name, r.set.keys, r.set.outPort != 0, r.set.options)
	if err != nil && r.in != nil {
		r.in.Close()
	}
	return err
}

// run carries streams until ctx or the destination ends.
func (r *run) run(ctx context.Context, ready func()) {
	ctx, cancel := context.WithCancel(ctx)
	defer r.all.Wait()
	defer r.local.Close()
	defer cancel()
	r.all.Go(func() {
		if r.local.Ready(ctx) == nil {
			ready()
		}
	})
	if r.in != nil {
		defer r.in.Close()
		r.all.Go(func() { r.inbound(ctx) })
	}
	if r.set.outPort != 0 {
		r.all.Go(func() { r.outbound(ctx) })
	}
	select {
	case <-r.local.Done():
		r.s.cfg.Log.Warn("a tunnel of BOB has ended, because its destination has")
	case <-ctx.Done():
	}
}
