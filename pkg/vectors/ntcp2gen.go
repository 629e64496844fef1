package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
)

// Router is a router whose keys come from a Stream.
type Router struct {
	Keys   *i2p.PrivateKeys
	Static noise.KeyPair // NTCP2
	IV     [16]byte      // NTCP2, zero when it has no published address
	Info   *routerinfo.RouterInfo
	Stream *Stream

	Unpadded bool // handshakes
}

// NewRouter draws a router. Without host it cannot be dialled.
func NewRouter(s *Stream, now time.Time, netID int, host string) (*Router, error) {
	r := &Router{Stream: s}
	var err error
	if r.Keys, err = i2p.GenerateRouter(s); err != nil {
		return nil, err
	}
	r.Static = noise.NewKeyPair(s.key())
	options := map[string]string{"v": "2", "s": i2p.EncodeBase64(r.Static.Public[:])}
	caps := "LUG" // takes no tunnels of others
	if host != "" {
		s.Read(r.IV[:])
		options["host"], options["port"], options["i"] = host, "12345", i2p.EncodeBase64(r.IV[:])
		caps = "LR"
	} else {
		options["caps"] = "4"
	}
	mapping, err := i2p.NewMapping(options)
	if err != nil {
		return nil, err
	}
	r.Info, err = routerinfo.Build(routerinfo.BuildConfig{
		Keys: r.Keys, Published: i2p.DateOf(now),
		Addresses: []routerinfo.Address{{Cost: 3, Style: routerinfo.StyleNTCP2, Options: mapping}},
		Options:   map[string]string{"caps": caps, "netId": strconv.Itoa(netID), "router.version": "0.9.68"},
	})
	return r, err
}

// KeyPair is the key pair of an X25519 private key.
func KeyPair(private []byte) noise.KeyPair { return noise.NewKeyPair([32]byte(private)) }

func (r *Router) config(netID byte) ntcp2.Config {
	return ntcp2.Config{
		Static: r.Static, NetID: netID, Info: r.Info.Bytes(), Hash: r.Info.Hash(), IV: r.IV,
		Options: ntcp2.DefaultOptions, Rand: r.Stream, Unpadded: r.Unpadded,
	}
}

// Initiator is Alice's engine for a handshake with this peer.
func (r *Router) Initiator(netID byte, peer ntcp2.Peer) *ntcp2.Handshake {
	return ntcp2.NewInitiator(r.config(netID), peer)
}

// NTCP2 begins the vector of a handshake: Alice's side and what Bob publishes.
func (r *Router) NTCP2(name string, now time.Time, peer ntcp2.Peer, m1, m2, m3 []byte) (*NTCP2, error) {
	v := &NTCP2{Name: name, Time: now.Unix()}
	signing, static := r.Keys.Signing.Bytes(), r.Static.Private()
	v.Alice = NTCP2Side{
		Seed: r.Stream.Seed, RouterInfo: r.Info.Bytes(), SigningPrivate: signing, StaticPrivate: static[:],
	}
	hash := r.Info.Hash()
	v.Alice.RouterHash = hash[:]
	v.Bob = NTCP2Side{RouterHash: peer.Hash[:], IV: peer.IV[:], StaticPublic: peer.Static[:]}
	x := cbc(peer.Hash[:], peer.IV[:], m1[:32], false)
	if peer.Hybrid != kem.None {
		v.Hybrid, v.Alice.KEMSeed = peer.Hybrid.String(), r.Stream.last(64)
		x[31] &^= 0x80
	}
	var err error
	v.Alice.EphemeralPrivate, err = r.Stream.private(x)
	v.Message1.Bytes, v.Message2.Bytes, v.Message3.Bytes = m1, m2, m3
	return v, err
}

// ntcp2Pair is a handshake between two of our engines.
type ntcp2Pair struct {
	alice, bob *Router
	now        time.Time
	peer       ntcp2.Peer
	a, b       *ntcp2.Handshake
}

// generateNTCP2 lets two engines talk and computes the vector.
func generateNTCP2(name, note string, now time.Time, bare bool) (*NTCP2, error) {
	p := ntcp2Pair{now: now}
	alice, bob := NewStream("ntcp2 "+name+" alice"), NewStream("ntcp2 "+name+" bob")
	var err error
	if p.alice, err = NewRouter(alice, now, 2, ""); err != nil {
		return nil, err
	}
	if p.bob, err = NewRouter(bob, now, 2, "192.0.2.1"); err != nil {
		return nil, err
	}
	p.alice.Unpadded, p.bob.Unpadded = bare, bare
	p.peer = ntcp2.Peer{Hash: p.bob.Info.Hash(), Static: p.bob.Static.Public, IV: p.bob.IV}
	p.a, p.b = p.alice.Initiator(2, p.peer), ntcp2.NewResponder(p.bob.config(2))
	m1, err := p.a.Start(now)
	if err != nil {
		return nil, err
	}
	m2, _, err := p.b.Handle(now, m1)
	if err != nil {
		return nil, err
	}
	m3, _, err := p.a.Handle(now, m2)
	if err != nil {
		return nil, err
	}
	if _, _, err = p.b.Handle(now, bytes.Clone(m3)); err != nil {
		return nil, err
	}
	if !p.a.Done() || !p.b.Done() || !bytes.Equal(p.b.Result().Info, p.alice.Info.Bytes()) {
		return nil, errors.New("vectors: the handshake is not complete")
	}
	v, err := p.alice.NTCP2(name, now, p.peer, m1, m2, m3)
	if err != nil {
		return nil, err
	}
	v.Note = note
	if err := p.fillBob(v); err != nil {
		return nil, err
	}
	return v, v.Compute()
}

// fillBob adds what is known of Bob, and the frames.
func (p *ntcp2Pair) fillBob(v *NTCP2) error {
	static := p.bob.Static.Private()
	v.Bob.Seed, v.Bob.RouterInfo, v.Bob.StaticPrivate = p.bob.Stream.Seed, p.bob.Info.Bytes(), static[:]
	v.Bob.SigningPrivate = p.bob.Keys.Signing.Bytes()
	y := cbc(v.Bob.RouterHash, v.Message1.Bytes[16:32], v.Message2.Bytes[:32], false)
	var err error
	if v.Bob.EphemeralPrivate, err = p.bob.Stream.private(y); err != nil {
		return err
	}
	a, b := p.a.Result(), p.b.Result()
	if v.Data.AliceToBob.Wire, err = p.frames(a.Sender, b.Receiver); err != nil {
		return err
	}
	v.Data.BobToAlice.Wire, err = p.frames(b.Sender, a.Receiver)
	return err
}

// frames seals three frames, and has the peer's engine open them.
func (p *ntcp2Pair) frames(s *ntcp2.Sender, r *ntcp2.Receiver) ([]byte, error) {
	status := i2np.Message{
		Type: i2np.DeliveryStatusType, ID: 0x01020304, Expiration: i2p.DateOf(p.now.Add(10 * time.Second)),
		Body: i2np.DeliveryStatus{MessageID: 0x05060708, Timestamp: i2p.DateOf(p.now)}.AppendTo(nil),
	}
	message := func(b []byte) []byte {
		at := len(b)
		b = status.AppendShort(ntcp2.BeginI2NP(b))
		ntcp2.EndI2NP(b, at)
		return b
	}
	var all []byte
	for i, blocks := range []func([]byte) []byte{
		message,
		func(b []byte) []byte { return message(message(ntcp2.AppendDateTime(b, p.now))) },
		func(b []byte) []byte {
			return ntcp2.Termination{Frames: 2, Reason: ntcp2.ReasonNormal}.AppendTo(b)
		},
	} {
		frame := s.Seal(blocks(ntcp2.Begin(nil)), 0)
		all = append(all, frame...)
		if got, used, err := r.Open(bytes.Clone(frame)); err != nil || used != len(frame) || len(got) == 0 {
			return nil, fmt.Errorf("vectors: frame %d: %d of %d bytes used: %w", i, used, len(frame), err)
		}
	}
	return all, nil
}
