//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/vectors"
)

// vectorRouter is a router of which only the protocol engines are there: it
// dials i2pd routers and reads what they send. All that it draws comes from
// recorded seeds.
type vectorRouter struct {
	*vectors.Router
	net     *Network
	label   string
	links   map[i2p.Hash]*vectorLink
	arrived chan arrival
	number  int
	hybrids bool // it asks for what i2pd publishes
}

// arrival is an I2NP message from a router.
type arrival struct {
	from i2p.Hash
	m    i2np.Message
}

// vectorLink is an NTCP2 session in which we are Alice.
type vectorLink struct {
	conn   net.Conn
	info   *routerinfo.RouterInfo
	keys   *i2p.PrivateKeys // i2pd's own, from its directory
	sender *ntcp2.Sender
	vector *vectors.NTCP2

	mu        sync.Mutex
	out, in   [][]byte // the first frames
	receiving sync.WaitGroup
}

const framesKept = 3

func newVectorRouter(t *testing.T, n *Network, label string) *vectorRouter {
	r, err := vectors.NewRouter(vectors.NewStream(label+" router"), time.Now(), NetID, "")
	if err != nil {
		t.Fatal(err)
	}
	v := &vectorRouter{Router: r, net: n, label: label, links: map[i2p.Hash]*vectorLink{}, arrived: make(chan arrival, 64)}
	t.Cleanup(v.close)
	return v
}

func (r *vectorRouter) close() {
	for _, l := range r.links {
		l.conn.Close()
	}
	go func() {
		for range r.arrived { // whoever waits to hand over a message ends
		}
	}()
	for _, l := range r.links {
		l.receiving.Wait()
	}
	close(r.arrived)
}

// stream is a new stream of draws.
func (r *vectorRouter) stream(what string) *vectors.Stream {
	r.number++
	return vectors.NewStream(fmt.Sprintf("%s %s %d", r.label, what, r.number))
}

// link is the session with an i2pd router, which is dialled once.
func (r *vectorRouter) link(ctx context.Context, hash i2p.Hash) (*vectorLink, error) {
	if l := r.links[hash]; l != nil {
		return l, nil
	}
	peer := r.net.ByHash(hash.String())
	if peer == nil {
		return nil, fmt.Errorf("interop: no router %v", hash)
	}
	b, err := peer.RouterInfo()
	if err != nil {
		return nil, err
	}
	l := &vectorLink{}
	if l.info, err = routerinfo.Parse(b); err != nil {
		return nil, err
	}
	if b, err = os.ReadFile(filepath.Join(peer.dir, "router.keys")); err != nil {
		return nil, err
	}
	if l.keys, _, err = i2p.ParsePrivateKeys(b); err != nil {
		return nil, err
	}
	addrs := l.info.NTCP2()
	if len(addrs) == 0 {
		return nil, errors.New("interop: no NTCP2 address")
	}
	if l.conn, err = r.net.DialContext(ctx, "tcp", addrs[0].AddrPort().String()); err != nil {
		return nil, err
	}
	static, _ := addrs[0].StaticKey()
	iv, _ := addrs[0].IV()
	target := ntcp2.Peer{Hash: hash, Static: static, IV: iv}
	if kinds := addrs[0].Hybrids(); r.hybrids && len(kinds) > 0 {
		target.Hybrid = kinds[0]
	}
	receiver, rest, err := r.shake(l, target)
	if err != nil {
		l.conn.Close()
		return nil, err
	}
	r.links[hash] = l
	l.receiving.Go(func() { r.receive(l, receiver, rest) })
	return l, nil
}

// shake makes the handshake with pinned keys, and its vector.
func (r *vectorRouter) shake(l *vectorLink, peer ntcp2.Peer) (*ntcp2.Receiver, []byte, error) {
	alice := *r.Router
	alice.Stream = r.stream("ntcp2")
	now := time.Now()
	h := alice.Initiator(NetID, peer)
	m1, err := h.Start(now)
	if err != nil {
		return nil, nil, err
	}
	if _, err := l.conn.Write(m1); err != nil {
		return nil, nil, err
	}
	l.conn.SetReadDeadline(now.Add(10 * time.Second))
	var got, m3 []byte
	used := 0
	for !h.Done() {
		b := make([]byte, 4096)
		n, err := l.conn.Read(b)
		if err != nil {
			return nil, nil, fmt.Errorf("interop: message 2: %w", err)
		}
		got = append(got, b[:n]...)
		out, k, err := h.Handle(time.Now(), got[used:])
		if err != nil {
			return nil, nil, err
		}
		used += k
		m3 = append(m3, out...)
	}
	l.conn.SetReadDeadline(time.Time{})
	if _, err := l.conn.Write(m3); err != nil {
		return nil, nil, err
	}
	l.sender = h.Result().Sender
	l.vector, err = alice.NTCP2("handshake with "+r.label, now, peer, m1, bytes.Clone(got[:used]), m3)
	return h.Result().Receiver, got[used:], err
}

// receive opens frames until the session ends.
func (r *vectorRouter) receive(l *vectorLink, receiver *ntcp2.Receiver, held []byte) {
	b := make([]byte, 64<<10)
	for {
		for {
			wire := bytes.Clone(held)
			payload, used, err := receiver.Open(held)
			if err != nil {
				l.conn.Close()
				return
			}
			if used == 0 {
				break
			}
			l.keep(&l.in, wire[:used])
			r.blocks(l, payload)
			held = held[used:]
		}
		n, err := l.conn.Read(b)
		if err != nil {
			return
		}
		held = append(bytes.Clone(held), b[:n]...)
	}
}

func (r *vectorRouter) blocks(l *vectorLink, payload []byte) {
	for bs := (ntcp2.Blocks{Payload: payload}); ; {
		block, ok, err := bs.Next()
		if err != nil || !ok {
			return
		}
		if block.Type != ntcp2.BlockI2NP {
			continue
		}
		if m, err := i2np.ParseShort(block.Data); err == nil {
			m.Body = bytes.Clone(m.Body)
			r.arrived <- arrival{l.info.Hash(), m}
		}
	}
}

// keep notes a frame, if it is one of the first.
func (l *vectorLink) keep(record *[][]byte, frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(*record) < framesKept {
		*record = append(*record, bytes.Clone(frame))
	}
}

func (l *vectorLink) send(m i2np.Message) error {
	b := ntcp2.Begin(nil)
	at := len(b)
	b = m.AppendShort(ntcp2.BeginI2NP(b))
	ntcp2.EndI2NP(b, at)
	b = l.sender.Seal(b, 0)
	l.keep(&l.out, b)
	_, err := l.conn.Write(b)
	return err
}

// intoTunnel gives a message to a tunnel's inbound gateway.
func (r *vectorRouter) intoTunnel(ctx context.Context, gateway i2p.Hash, id uint32, m i2np.Message) error {
	l, err := r.link(ctx, gateway)
	if err != nil {
		return err
	}
	return l.send(i2np.Message{
		Type: i2np.TunnelGatewayType, ID: m.ID + 1000, Expiration: m.Expiration, Body: i2np.AppendTunnelGateway(nil, id, m),
	})
}

// static is the router's key for build records and garlic.
func (l *vectorLink) static() [32]byte { return vectors.KeyPair(l.keys.Crypto).Public }

// finish completes the handshake's vector with the frames so far.
func (l *vectorLink) finish() (*vectors.NTCP2, error) {
	l.mu.Lock()
	v := l.vector
	v.Data.AliceToBob.Wire, v.Data.BobToAlice.Wire = slices.Concat(l.out...), slices.Concat(l.in...)
	l.mu.Unlock()
	if err := v.Compute(); err != nil {
		return nil, err
	}
	if len(v.Data.AliceToBob.Frames) == 0 || len(v.Data.BobToAlice.Frames) == 0 {
		return nil, errors.New("interop: no frames in one direction")
	}
	return v, nil
}

// await reads messages until one is what take wants.
func (r *vectorRouter) await(ctx context.Context, what string, take func(arrival) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	seen := 0
	for {
		select {
		case a := <-r.arrived:
			seen++
			if done, err := take(a); done || err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("interop: %s: %d other messages came: %w", what, seen, ctx.Err())
		}
	}
}
