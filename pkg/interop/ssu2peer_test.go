//go:build linux

package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	xk "i2ptoolkit/pkg/noise" // noise is random bytes here
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/vectors"
)

// ssu2Router is a router of which only the engine of SSU2 is there: an
// endpoint on a socket, and of the data phase no more than what a network
// without loss needs.
type ssu2Router struct {
	*ssu2.Endpoint
	keys *i2p.PrivateKeys
	cfg  ssu2.Config
	info *routerinfo.RouterInfo
	at   netip.AddrPort
	conn net.PacketConn

	mu       sync.Mutex
	sessions map[ssu2.ConnectionID]*ssu2Session
	known    map[i2p.Hash]*routerinfo.RouterInfo
	relay    *ssu2.Relay
	tests    *ssu2.PeerTests
	charlie  i2p.Hash // whom we choose as Bob
	vector   *vectors.SSU2
	events   chan any // *ssu2Session, ssu2Arrival, ssu2.Failure, *ssu2.RelayRefusal, *ssu2.PeerTestOutcome
	running  sync.WaitGroup
}

// ssu2Session is a session in its data phase.
type ssu2Session struct {
	*ssu2.Established
	router   *ssu2Router
	next     uint32
	packets  int          // in which we have sent Session Confirmed
	received []ssu2.Range // the highest first
	parts    map[uint32]map[byte][]byte
	last     map[uint32]byte
}

// ssu2Arrival is a block that came in a session.
type ssu2Arrival struct {
	session *ssu2Session
	block   ssu2.Block
}

// newSSU2Router makes one that is published at an address of the namespace. Its
// RouterInfo has so many more bytes, which compression does not save. change,
// if any, changes the options of its address.
func newSSU2Router(t *testing.T, n *Network, extra int, change func(options map[string]string, hash i2p.Hash)) *ssu2Router {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	r := &ssu2Router{
		sessions: map[ssu2.ConnectionID]*ssu2Session{}, known: map[i2p.Hash]*routerinfo.RouterInfo{},
		events: make(chan any, 1024),
	}
	place, err := n.place()
	must(err)
	r.at = netip.AddrPortFrom(place.addr, portTransport)
	r.keys, err = i2p.GenerateRouter(nil)
	must(err)
	seed := xk.GenerateKey(nil).Private()
	r.cfg = ssu2.Config{
		Static: xk.GenerateKey(nil), NetID: NetID, Options: ssu2.Options{TransmitMax: 1, ReceiveMax: 1},
		Rand: mathrand.NewChaCha8(seed),
	}
	intro := xk.GenerateKey(nil)
	r.cfg.Intro = intro.Private()
	address := map[string]string{
		"s": i2p.EncodeBase64(r.cfg.Static.Public[:]), "i": i2p.EncodeBase64(r.cfg.Intro[:]), "v": "2",
		"host": r.at.Addr().String(), "port": strconv.Itoa(portTransport), "caps": "BC",
	}
	caps := "LR"
	if change != nil {
		if change(address, r.keys.Identity.Hash()); address["host"] == "" {
			caps = "LU"
		}
	}
	options, err := i2p.NewMapping(address)
	must(err)
	more := incompressible(extra)
	maps.Copy(more, map[string]string{"caps": caps, "netId": strconv.Itoa(NetID), "router.version": "0.9.67"})
	r.info, err = routerinfo.Build(routerinfo.BuildConfig{
		Keys: r.keys, Published: i2p.DateOf(time.Now()),
		Addresses: []routerinfo.Address{{Cost: 8, Style: routerinfo.StyleSSU2, Options: options}},
		Options:   more,
	})
	must(err)
	r.cfg.Info = r.info.Bytes
	r.Endpoint = ssu2.NewEndpoint(r.cfg)
	r.known[r.info.Hash()] = r.info
	static := r.cfg.Static.Private()
	r.vector = &vectors.SSU2{Seed: seed[:], NetID: NetID, Static: static[:], Intro: r.cfg.Intro[:], RouterInfo: r.info.Bytes()}
	self := ssu2.Self{
		Hash: r.info.Hash(), Signing: r.keys.Signing, NetID: NetID, Random: draw.From(nil),
		Find:      func(h i2p.Hash) *routerinfo.RouterInfo { return r.known[h] },
		Connected: func(h i2p.Hash) bool { return r.session(h) != nil },
		Address:   func(bool) netip.AddrPort { return r.at },
	}
	r.relay = ssu2.NewRelay(self, r.Tokens().ForAlice)
	r.tests = ssu2.NewPeerTests(self, func(bool, i2p.Hash) (i2p.Hash, bool) { return r.charlie, r.charlie != i2p.Hash{} })
	r.conn, err = place.ns.ListenPacket("udp", r.at.String())
	must(err)
	r.running.Go(r.read)
	r.running.Go(r.tick)
	t.Cleanup(func() {
		r.conn.Close()
		r.running.Wait()
	})
	return r
}

// incompressible makes options of so many bytes.
func incompressible(size int) map[string]string {
	options := make(map[string]string)
	for i := range size / 100 {
		b := make([]byte, 75)
		rand.Read(b)
		options["x"+strconv.Itoa(i)] = i2p.EncodeBase64(b)
	}
	return options
}

func (r *ssu2Router) read() {
	b := make([]byte, 2048)
	for {
		n, from, err := r.conn.ReadFrom(b)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.handle(from.(*net.UDPAddr).AddrPort(), b[:n])
		r.mu.Unlock()
	}
}

// tick polls the deadlines, until the socket is closed.
func (r *ssu2Router) tick() {
	for r.conn.SetWriteDeadline(time.Time{}) == nil {
		time.Sleep(20 * time.Millisecond)
		now := time.Now()
		r.mu.Lock()
		out := r.Tick(now)
		if len(out.Send) > 0 {
			r.step(vectors.SSU2Step{Time: now.UnixNano(), Tick: true}, out)
		}
		r.take(out)
		r.relayed(r.relay.Tick(now))
		r.tested(r.tests.Tick(now))
		for _, s := range r.sessions {
			if s.Confirmed != nil {
				for _, p := range s.Confirmed.Tick(now) {
					r.write(s.Path.Remote, p)
				}
			}
		}
		r.mu.Unlock()
	}
}

func (r *ssu2Router) write(to netip.AddrPort, b []byte) {
	r.conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

func (r *ssu2Router) handle(from netip.AddrPort, packet []byte) {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if len(packet) >= ssu2.MinPacket {
		if s := r.sessions[ssu2.DestOf(&r.cfg.Intro, packet)]; s != nil {
			s.handle(packet)
			return
		}
	}
	now := time.Now()
	out := r.Handle(now, from, packet)
	r.step(vectors.SSU2Step{Time: now.UnixNano(), From: from.String(), In: bytes.Clone(packet)}, out)
	r.take(out)
}

// renew begins another record, with an endpoint of its own that has a token for a target, and
// speaks hybrids of a kind.
func (r *ssu2Router) renew(hybrid kem.Kind, token ssu2.Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seed := xk.GenerateKey(nil).Private()
	r.cfg.Rand, r.cfg.Hybrids = mathrand.NewChaCha8(seed), ssu2.Hybrids(hybrid, routerinfo.MaxSSU2MTU, r.at.Addr())
	r.Endpoint = ssu2.NewEndpoint(r.cfg)
	v := r.vector
	r.vector = &vectors.SSU2{Seed: seed[:], NetID: NetID, Static: v.Static, Intro: v.Intro, RouterInfo: v.RouterInfo, Token: uint64(token)}
	if hybrid != kem.None {
		r.vector.Hybrid = hybrid.String()
	}
}

// step records what the endpoint was told, and what it said, until there is a
// session.
func (r *ssu2Router) step(s vectors.SSU2Step, out ssu2.Result) {
	if r.vector.Keys.LocalID != 0 {
		return
	}
	for _, d := range out.Send {
		s.Out = append(s.Out, d.Data)
	}
	r.vector.Steps = append(r.vector.Steps, s)
	if e := out.Established; e != nil {
		r.vector.Alice, r.vector.PeerInfo = e.Initiator, e.Peer.Info.Bytes()
		r.vector.Keys = vectors.SSU2Keys{
			LocalID: uint64(e.LocalID), RemoteID: uint64(e.RemoteID),
			Send: bytes.Clone(e.Send.Data[:]), SendHeader: bytes.Clone(e.Send.Header.K2[:]),
			Receive: bytes.Clone(e.Receive.Data[:]), ReceiveHeader: bytes.Clone(e.Receive.Header.K2[:]),
		}
	}
}

// frame records a packet of the first session, if it is one of the first.
func (s *ssu2Session) frame(sent bool, plain, packet []byte) {
	v := s.router.vector
	if uint64(s.LocalID) == v.Keys.LocalID && len(v.Data) < 2*framesKept {
		v.Data = append(v.Data, vectors.SSU2Frame{Sent: sent, Plain: bytes.Clone(plain), Bytes: bytes.Clone(packet)})
	}
}

// save writes the record of a version, where records are kept.
func (r *ssu2Router) save(t *testing.T, version, name string) {
	if os.Getenv("UPDATE_VECTORS") != "1" || version == "" || t.Failed() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vector.About = "Recorded with a running " + version + ", which went on with the session."
	b, err := json.MarshalIndent(r.vector, "", "  ")
	if err == nil {
		err = os.WriteFile("../../docs/vectors/ssu2/"+strings.ReplaceAll(version, " ", "-")+"-"+name+".json", append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

func (r *ssu2Router) take(result ssu2.Result) {
	for _, d := range result.Send {
		r.write(d.To, d.Data)
	}
	for _, f := range result.Failed {
		r.events <- f
	}
	switch m := result.Message; {
	case m == nil:
	case m.Header.Type == ssu2.TypeHolePunch:
		r.relayed(r.relay.HandleHolePunch(time.Now(), m))
	default:
		r.tested(r.tests.HandleMessage(time.Now(), m))
	}
	if e := result.Established; e != nil {
		s := &ssu2Session{Established: e, router: r, next: e.NextPacket, parts: map[uint32]map[byte][]byte{}, last: map[uint32]byte{}}
		r.sessions[e.LocalID] = s
		r.known[e.Peer.Info.Hash()] = e.Peer.Info
		if e.Initiator {
			s.packets = len(e.Confirmed.Datagrams)
		} else {
			s.received = []ssu2.Range{{}}
			s.send(s.ack(nil))
		}
		r.events <- s
		for _, p := range result.Early {
			s.handle(p)
		}
	}
}

// session is one with a router.
func (r *ssu2Router) session(with i2p.Hash) *ssu2Session {
	for _, s := range r.sessions {
		if s.Peer.Info.Hash() == with {
			return s
		}
	}
	return nil
}

// sendBlocks sends blocks of relays and peer tests, each behind the RouterInfo
// that it needs.
func (r *ssu2Router) sendBlocks(blocks []ssu2.ToPeer) {
	for _, b := range blocks {
		s := r.session(b.Peer)
		if s == nil {
			continue
		}
		if b.Before != nil {
			s.send(ssu2.CompressRouterInfo(b.Before.Bytes()).AppendTo(nil))
		}
		s.send(b.Block)
	}
}

func (r *ssu2Router) relayed(result ssu2.RelayResult) {
	for _, d := range result.Send {
		r.write(d.To, d.Data)
	}
	r.sendBlocks(result.Blocks)
	if result.Refused != nil {
		r.events <- result.Refused
	}
	if result.Dial != nil {
		if _, dialled, err := r.Dial(time.Now(), *result.Dial); err == nil {
			r.take(dialled)
		}
	}
}

func (r *ssu2Router) tested(result ssu2.PeerTestResult) {
	for _, d := range result.Send {
		r.write(d.To, d.Data)
	}
	r.sendBlocks(result.Blocks)
	if result.Outcome != nil {
		r.events <- result.Outcome
	}
}

// test begins a peer test.
func (r *ssu2Router) test(bob i2p.Hash) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := r.tests.Begin(time.Now(), bob, true)
	r.tested(out)
	return err
}

// ask asks for an introduction.
func (r *ssu2Router) ask(bob i2p.Hash, charlie *routerinfo.RouterInfo, tag ssu2.RelayTag) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := r.relay.Ask(time.Now(), bob, charlie, charlie.SSU2()[0], tag, true)
	r.relayed(out)
	return err
}

// dial begins a handshake; ahead is how far our clock is.
func (r *ssu2Router) dial(target ssu2.Target, ahead time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now().Add(ahead)
	_, result, err := r.Dial(now, target)
	r.step(vectors.SSU2Step{Time: now.UnixNano()}, result)
	r.take(result)
	return err
}

// send seals a packet with these blocks.
func (s *ssu2Session) send(payload []byte) {
	if len(payload) < ssu2.MinPayload {
		payload = ssu2.AppendPadding(payload, ssu2.MinPayload)
	}
	packet := ssu2.ShortHeader{Dest: s.RemoteID, Number: s.next, Type: ssu2.TypeData}.AppendTo(nil)
	packet = xk.Seal(packet, &s.Send.Data, uint64(s.next), packet, payload)
	s.Send.Header.Mask(packet)
	s.frame(true, payload, packet)
	s.next++
	s.router.write(s.Path.Remote, packet)
}

// message sends an I2NP message, which must fit a packet.
func (s *ssu2Session) message(m i2np.Message) {
	s.router.mu.Lock()
	defer s.router.mu.Unlock()
	s.send(ssu2.AppendI2NP(nil, m.AppendShort(nil)))
}

// end sends a Termination, and waits until it is answered.
func (s *ssu2Session) end(ctx context.Context) error {
	s.router.mu.Lock()
	s.send(ssu2.Termination{Reason: ssu2.ReasonShutdown}.AppendTo(s.ack(nil)))
	s.router.mu.Unlock()
	return s.router.await(ctx, "the answer to the termination", func(e any) bool {
		a, ok := e.(ssu2Arrival)
		return ok && a.session == s && a.block.Type == ssu2.BlockTermination
	})
}

func (s *ssu2Session) ack(out []byte) []byte { return ssu2.AppendAck(out, s.received, 200) }

func (s *ssu2Session) handle(packet []byte) {
	header := s.Receive.Header.Unmask(packet)
	h, _, _ := ssu2.ParseShortHeader(header[:])
	if h.Type != ssu2.TypeData {
		return
	}
	payload, err := xk.Open(nil, &s.Receive.Data, uint64(h.Number), header[:], packet[ssu2.ShortHeaderLen:])
	if err != nil || !s.mark(h.Number) {
		return
	}
	s.frame(false, payload, packet)
	elicits := h.Flags[0]&ssu2.FlagImmediateAck != 0
	for bs := (ssu2.Blocks{Payload: payload}); ; {
		block, ok, err := bs.Next()
		if err != nil || !ok {
			break
		}
		elicits = elicits || block.Type.ElicitsAck()
		s.block(block)
	}
	if elicits {
		s.send(s.ack(nil))
	}
}

// mark notes a packet number; it reports false for one that was there.
func (s *ssu2Session) mark(n uint32) bool {
	for i, r := range s.received {
		switch {
		case r.Low <= n && n <= r.High:
			return false
		case n == r.High+1:
			s.received[i].High++
			return true
		case n > r.High:
			s.received = append(s.received[:i], append([]ssu2.Range{{Low: n, High: n}}, s.received[i:]...)...)
			return true
		}
	}
	s.received = append(s.received, ssu2.Range{Low: n, High: n})
	return true
}

func (s *ssu2Session) block(block ssu2.Block) {
	switch block.Type {
	case ssu2.BlockAck:
		s.Confirmed = nil
	case ssu2.BlockRouterInfo:
		s.router.learn(block)
	case ssu2.BlockI2NP:
		if m, err := i2np.ParseShort(block.Data); err == nil && m.Type == i2np.DatabaseStoreType {
			s.router.learn(block)
		}
	case ssu2.BlockRelayRequest:
		s.router.relayed(s.router.relay.HandleRequest(time.Now(), s.Peer.Info.Hash(), block.Data))
	case ssu2.BlockRelayIntro:
		s.router.relayed(s.router.relay.HandleIntro(time.Now(), s.Peer.Info.Hash(), block.Data))
	case ssu2.BlockRelayResponse:
		s.router.relayed(s.router.relay.HandleResponse(time.Now(), s.Peer.Info.Hash(), block.Data))
	case ssu2.BlockPeerTest:
		s.router.tested(s.router.tests.Handle(time.Now(), s.Peer.Info.Hash(), s.Path.Remote, block.Data))
	case ssu2.BlockTermination:
		// i2pd, which has been told, keeps the session until its answer is
		// answered, and would send in it what belongs to the next one.
		s.send(ssu2.Termination{Reason: ssu2.ReasonTerminationReceived}.AppendTo(s.ack(nil)))
		delete(s.router.sessions, s.LocalID)
	case ssu2.BlockFirstFragment:
		if f, err := ssu2.ParseFirstFragment(block.Data); err == nil {
			s.fragment(f.ID(), 0, f.Data, false)
		}
		return
	case ssu2.BlockFollowOnFragment:
		if f, err := ssu2.ParseFollowOn(block.Data); err == nil {
			s.fragment(f.ID, f.Number, f.Data, f.Last)
		}
		return
	}
	block.Data = bytes.Clone(block.Data)
	select {
	case s.router.events <- ssu2Arrival{s, block}:
	default: // nobody waits for what this router gets
	}
}

// fragment joins the parts of a message.
func (s *ssu2Session) fragment(id uint32, number byte, data []byte, last bool) {
	if s.parts[id] == nil {
		s.parts[id] = map[byte][]byte{}
	}
	s.parts[id][number] = bytes.Clone(data)
	if last {
		s.last[id] = number
	}
	if n := s.last[id]; n > 0 && len(s.parts[id]) == int(n)+1 {
		var whole []byte
		for i := range n + 1 {
			whole = append(whole, s.parts[id][i]...)
		}
		delete(s.parts, id)
		s.block(ssu2.Block{Type: ssu2.BlockI2NP, Data: whole})
	}
}

// learn notes the RouterInfo of a block, or of a DatabaseStore.
func (r *ssu2Router) learn(block ssu2.Block) {
	if info := routerInfoIn(block); info != nil {
		r.known[info.Hash()] = info
	}
}

// routerInfoIn is the RouterInfo of a block, or of a DatabaseStore in one; nil
// for none.
func routerInfoIn(block ssu2.Block) *routerinfo.RouterInfo {
	var raw []byte
	switch block.Type {
	case ssu2.BlockRouterInfo:
		if b, err := ssu2.ParseRouterInfo(block.Data); err == nil {
			raw, _ = b.Decompress()
		}
	case ssu2.BlockI2NP:
		if m, err := i2np.ParseShort(block.Data); err == nil && m.Type == i2np.DatabaseStoreType {
			if store, err := i2np.ParseDatabaseStore(m.Body); err == nil && store.Type == i2np.StoreRouterInfo {
				raw, _ = i2np.DecompressRouterInfo(store.Data, routerinfo.MaxLen)
			}
		}
	}
	info, err := routerinfo.Parse(raw)
	if err != nil || info.Verify() != nil {
		return nil
	}
	return info
}

// await reads events until one is what take wants.
func (r *ssu2Router) await(ctx context.Context, what string, take func(event any) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var seen []string
	for {
		select {
		case e := <-r.events:
			if take(e) {
				return nil
			}
			switch e := e.(type) {
			case ssu2.Failure:
				return fmt.Errorf("interop: %s: %w", what, e.Err)
			case ssu2Arrival:
				seen = append(seen, fmt.Sprintf("block %d", e.block.Type))
			default:
				seen = append(seen, fmt.Sprintf("%T", e))
			}
		case <-ctx.Done():
			return fmt.Errorf("interop: %s: came %v: %w; %+v", what, seen, ctx.Err(), r.Counts())
		}
	}
}

// awaitSession waits for a session, in one of the roles.
func (r *ssu2Router) awaitSession(ctx context.Context, initiator bool) (found *ssu2Session, err error) {
	err = r.await(ctx, "a session", func(e any) bool {
		s, ok := e.(*ssu2Session)
		if ok && s.Initiator == initiator {
			found = s
		}
		return found != nil
	})
	return found, err
}

// awaitStatus waits for a DeliveryStatus in a session.
func (r *ssu2Router) awaitStatus(ctx context.Context, id uint32) error {
	return r.await(ctx, fmt.Sprintf("delivery status %d", id), func(e any) bool {
		a, ok := e.(ssu2Arrival)
		if !ok || a.block.Type != ssu2.BlockI2NP {
			return false
		}
		m, err := i2np.ParseShort(a.block.Data)
		if err != nil || m.Type != i2np.DeliveryStatusType {
			return false
		}
		status, err := i2np.ParseDeliveryStatus(m.Body)
		return err == nil && status.MessageID == id
	})
}

// targetOf is a router as one dials it.
func targetOf(r router) (ssu2.Target, error) {
	b, err := r.RouterInfo()
	if err != nil {
		return ssu2.Target{}, err
	}
	info, err := routerinfo.Parse(b)
	if err != nil {
		return ssu2.Target{}, err
	}
	for _, a := range info.SSU2() {
		if target, ok := ssu2.TargetOf(info, a); ok {
			return target, nil
		}
	}
	return ssu2.Target{}, errors.New("interop: no SSU2 address")
}
