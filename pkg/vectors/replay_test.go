package vectors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/tunnel"
)

// script gives what a vector says was drawn: for each size of a draw, the
// values in their order.
type script map[int][][]byte

func (s script) add(values ...[]byte) {
	for _, v := range values {
		s[len(v)] = append(s[len(v)], v)
	}
}

func (s script) Read(b []byte) (int, error) {
	q := s[len(b)]
	if len(q) == 0 {
		return 0, fmt.Errorf("the vector has no more draws of %d bytes", len(b))
	}
	s[len(b)] = q[1:]
	return copy(b, q[0]), nil
}

func read(t *testing.T, pattern string) map[string]*File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(directory, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	files := map[string]*File{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Unmarshal(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		files[filepath.Base(name)] = f
	}
	return files
}

// TestCompute derives every value of every file again, those recorded with a
// running i2pd among them, from keys, plaintexts and paddings.
func TestCompute(t *testing.T) {
	for name, f := range read(t, "*.json") {
		want, err := f.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Compute(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := f.Marshal(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: computed values differ: %v", name, err)
		}
		file, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil || !bytes.Equal(file, want) {
			t.Errorf("%s is not as Marshal writes it: %v", name, err)
		}
	}
}

// TestComputeNotices: a changed byte anywhere on the wire is found.
func TestComputeNotices(t *testing.T) {
	for i, change := range []func(n *NTCP2, b *TunnelBuild, s *Session){
		func(n *NTCP2, _ *TunnelBuild, _ *Session) { n.Message1.Bytes[40] ^= 1 },
		func(n *NTCP2, _ *TunnelBuild, _ *Session) { n.Message2.Bytes[70] ^= 1 },
		func(n *NTCP2, _ *TunnelBuild, _ *Session) { n.Message3.Bytes[100] ^= 1 },
		func(n *NTCP2, _ *TunnelBuild, _ *Session) { n.Data.BobToAlice.Frames[1].Bytes[0] ^= 1 },
		func(n *NTCP2, _ *TunnelBuild, _ *Session) { n.Bob.StaticPrivate[5] ^= 1 },
		func(_ *NTCP2, b *TunnelBuild, _ *Session) { b.Messages[2].Body[300] ^= 1 },
		func(_ *NTCP2, b *TunnelBuild, _ *Session) { b.Garlic.Body[20] ^= 1 },
		func(_ *NTCP2, _ *TunnelBuild, s *Session) { s.NewSession.Body[10] ^= 1 },
		func(_ *NTCP2, _ *TunnelBuild, s *Session) { s.Replies[1].Body[60] ^= 1 },
		func(_ *NTCP2, _ *TunnelBuild, s *Session) { s.Messages[12].Body[60] ^= 1 },
	} {
		files := read(t, "*.json")
		change(files["ntcp2.json"].NTCP2[0], files["tunnel-build.json"].Builds[0], files["ratchet.json"].Ratchet.Sessions[0])
		failed := 0
		for _, name := range []string{"ntcp2.json", "tunnel-build.json", "ratchet.json"} {
			if files[name].Compute() != nil {
				failed++
			}
		}
		if failed != 1 {
			t.Errorf("change %d: %d files failed", i, failed)
		}
	}
}

// TestComputeNoticesHybrid: the same of what ML-KEM adds.
func TestComputeNoticesHybrid(t *testing.T) {
	const name = "i2pd-2.59-hybrid.json"
	for i, change := range []func(n *NTCP2){
		func(n *NTCP2) { n.Message1.Bytes[0] ^= 1 },
		func(n *NTCP2) { n.Message1.Bytes[100] ^= 1 },
		func(n *NTCP2) { n.Message2.Bytes[100] ^= 1 },
		func(n *NTCP2) { n.Alice.KEMSeed[4] ^= 1 },
		func(n *NTCP2) { n.Hybrid = "ML-KEM-2048" },
	} {
		for j, v := range read(t, name)[name].NTCP2 {
			if change(v); v.Compute() == nil {
				t.Errorf("change %d of vector %d is not noticed", i, j)
			}
		}
	}
}

// lot are the random bytes with which a length from 1 to most comes out as n: those in the
// middle of them. For a length of 0 nothing is drawn.
func lot(n, most int) []byte {
	w, _ := bits.Div64(uint64(max(n-1, 0)), 1<<63, uint64(most))
	return binary.BigEndian.AppendUint64(nil, w)
}

// each calls f with every file's contents in a subtest.
func each(t *testing.T, f func(t *testing.T, file *File)) {
	for name, file := range read(t, "*.json") {
		t.Run(name, func(t *testing.T) { f(t, file) })
	}
}

// TestReplayNTCP2 feeds the vectors' inputs to the engines: of both sides, or
// of Alice only where i2pd was Bob.
func TestReplayNTCP2(t *testing.T) {
	each(t, func(t *testing.T, f *File) {
		for _, v := range f.NTCP2 {
			a := replayAlice(t, v)
			openFrames(t, v.Name, a.Receiver, v.Data.BobToAlice)
			if v.Bob.StaticPrivate != nil {
				b := replayBob(t, v)
				openFrames(t, v.Name, b.Receiver, v.Data.AliceToBob)
			}
		}
	})
}

func openFrames(t *testing.T, name string, r *ntcp2.Receiver, d Direction) {
	for _, f := range d.Frames {
		if got, _, err := r.Open(bytes.Clone(f.Bytes)); err != nil || !bytes.Equal(got, f.Plain) {
			t.Errorf("%s: frame %d: %x, %v", name, f.N, got, err)
		}
	}
}

func replayAlice(t *testing.T, v *NTCP2) ntcp2.Result {
	now := time.Unix(int64(v.Message1.Timestamp), 0)
	draws := script{}
	last := v.Message3.Blocks[len(v.Message3.Blocks)-1]
	draws.add(v.Alice.EphemeralPrivate, lot(len(v.Message1.Padding), 223), v.Message1.Padding, lot(len(last.Data), 63), v.Alice.KEMSeed)
	hybrid := kem.None
	if v.Hybrid != "" {
		hybrid, _ = kem.ParseKind(v.Hybrid)
	}
	a := ntcp2.NewInitiator(ntcp2.Config{
		Static: KeyPair(v.Alice.StaticPrivate), NetID: byte(v.Message1.NetID), Info: v.Alice.RouterInfo, Options: ntcp2.DefaultOptions, Rand: draws,
		Unpadded: len(v.Message1.Padding) == 0,
	}, ntcp2.Peer{Hash: i2p.Hash(v.Bob.RouterHash), Static: [32]byte(v.Bob.StaticPublic), IV: [16]byte(v.Bob.IV), Hybrid: hybrid})
	m1, err := a.Start(now)
	if err != nil || !bytes.Equal(m1, v.Message1.Bytes) {
		t.Fatalf("%s: message 1: %x, %v", v.Name, m1, err)
	}
	m3, _, err := a.Handle(now, v.Message2.Bytes)
	if err != nil || !bytes.Equal(m3, v.Message3.Bytes) || !a.Done() {
		t.Fatalf("%s: message 3: %x, %v", v.Name, m3, err)
	}
	if a.Result().Hybrid != hybrid {
		t.Errorf("%s: hybrid %v", v.Name, a.Result().Hybrid)
	}
	return a.Result()
}

func replayBob(t *testing.T, v *NTCP2) ntcp2.Result {
	now := time.Unix(int64(v.Message2.Timestamp), 0)
	draws := script{}
	draws.add(v.Bob.EphemeralPrivate, lot(len(v.Message2.Padding), 223), v.Message2.Padding)
	b := ntcp2.NewResponder(ntcp2.Config{
		Static: KeyPair(v.Bob.StaticPrivate), NetID: byte(v.Message1.NetID), Hash: i2p.Hash(v.Bob.RouterHash), IV: [16]byte(v.Bob.IV),
		Options: ntcp2.DefaultOptions, Rand: draws, Unpadded: len(v.Message2.Padding) == 0,
	})
	m2, _, err := b.Handle(now, v.Message1.Bytes)
	if err != nil || !bytes.Equal(m2, v.Message2.Bytes) {
		t.Fatalf("%s: message 2: %x, %v", v.Name, m2, err)
	}
	if _, _, err := b.Handle(now, v.Message3.Bytes); err != nil || !b.Done() || !bytes.Equal(b.Result().Info, v.Alice.RouterInfo) {
		t.Fatalf("%s: message 3: %v", v.Name, err)
	}
	return b.Result()
}

// TestReplayBuild gives every message to its hop's engine, which has to say
// what the hop said, i2pd where it was one.
func TestReplayBuild(t *testing.T) {
	each(t, func(t *testing.T, f *File) {
		for _, v := range f.Builds {
			for i := range v.Hops {
				replayHop(t, v, i)
			}
		}
	})
}

func replayHop(t *testing.T, v *TunnelBuild, i int) {
	now, h := time.Unix(v.Time, 0), v.Hops[i]
	m := i2np.Message{Type: i2np.Type(v.Messages[i].Type), Body: bytes.Clone(v.Messages[i].Body)}
	r, err := tunnel.OpenRequest(i2p.Hash(h.Router), KeyPair(h.StaticPrivate), now, m)
	if err != nil {
		t.Fatalf("%s: hop %d: %v", v.Name, i, err)
	}
	role := map[tunnel.Role]string{
		tunnel.RoleParticipant: "participant", tunnel.RoleGateway: "inbound gateway", tunnel.RoleEndpoint: "outbound endpoint",
	}[r.Role]
	if role != h.Role || r.ReceiveTunnel != h.Request.ReceiveTunnel || r.NextTunnel != h.Request.NextTunnel ||
		!bytes.Equal(r.NextRouter[:], h.Request.NextRouter) || r.ReplyID != h.Request.SendMessageID ||
		!bytes.Equal(r.Keys.Layer[:], h.Keys.Layer) || !bytes.Equal(r.Keys.IV[:], h.Keys.IV) {
		t.Errorf("%s: hop %d: %+v", v.Name, i, r)
	}
	if g := r.Garlic; (g != nil) != (h.Keys.GarlicKey != nil) ||
		g != nil && (!bytes.Equal(g.Key[:], h.Keys.GarlicKey) || !bytes.Equal(g.Tag[:], h.Keys.GarlicTag)) {
		t.Errorf("%s: hop %d: garlic key %+v", v.Name, i, g)
	}
	options, rest, err := i2p.ParseMapping(h.ReplyPlain)
	if err != nil {
		t.Fatal(err)
	}
	draws := script{}
	draws.add(rest)
	draws.add(make([]byte, 8)) // of the expiration
	out, err := r.Answer(now, draws, byte(h.ReplyCode), options)
	if err != nil || int(out.Type) != v.Messages[i+1].Type || !bytes.Equal(out.Body, v.Messages[i+1].Body) {
		t.Errorf("%s: hop %d answers %v %x, %v", v.Name, i, out.Type, out.Body, err)
	}
	out.Release()
}

// payloadOf gives back what a payload was made of, and its padding's length.
func payloadOf(t *testing.T, blocks []Block) (p ratchet.Payload, padding byte) {
	for _, b := range blocks {
		switch b.Type {
		case 4:
			p.Terminate, p.Reason = true, b.Data[0]
		case 9:
			p.AckRequest = true
		case 11:
			c, err := i2np.ParseClove(b.Data)
			if err != nil {
				t.Fatal(err)
			}
			p.Cloves = append(p.Cloves, c)
		case 254:
			padding = byte(len(b.Data))
		}
	}
	return p, padding
}

// replayed are the engines of a session's sides with what they are to draw.
type replayed struct {
	sessions map[string]*ratchet.Sessions
	peers    map[string][32]byte
	now      time.Time
}

func replaySession(t *testing.T, v *Session) replayed {
	r := replayed{map[string]*ratchet.Sessions{}, map[string][32]byte{}, time.Unix(v.Time, 0)}
	draws := map[string]script{alice: {}, bob: {}}
	pad := func(from string, blocks []Block) {
		_, n := payloadOf(t, blocks)
		draws[from].add([]byte{n})
	}
	ephemeral := func(from string, e Ephemeral) {
		draws[from].add(append(bytes.Clone(e.Private), byte(e.Tweak), byte(e.LowOrder)))
	}
	pad(alice, v.NewSession.Blocks)
	ephemeral(alice, v.NewSession.Ephemeral)
	for _, m := range v.Replies {
		pad(bob, m.Blocks)
		ephemeral(bob, m.Ephemeral)
	}
	for _, m := range v.Messages {
		pad(m.From, m.Blocks)
	}
	for from, p := range map[string]Party{alice: v.Alice, bob: v.Bob} {
		if from == bob && p.StaticPrivate == nil {
			continue // i2pd
		}
		for _, k := range p.NextKeys {
			draws[from].add(k.Private)
		}
		static := noise.NewKeyPair([32]byte{1})
		if p.StaticPrivate != nil {
			static = KeyPair(p.StaticPrivate)
		}
		r.sessions[from] = ratchet.New(ratchet.Config{Static: static, Rand: draws[from], Limits: ratchet.Limits{RatchetAfter: 2}})
	}
	r.peers[alice], r.peers[bob] = [32]byte(v.Bob.StaticPublic), [32]byte(v.Alice.StaticPublic)
	return r
}

// pass seals a message and opens it, each where there is an engine.
func (r replayed) pass(from string, kind ratchet.Kind, anonymous bool, p ratchet.Payload, body []byte) error {
	p.Anonymous = anonymous
	if s := r.sessions[from]; s != nil {
		m, err := s.Seal(r.now, ratchet.Peer{Static: r.peers[from]}, p)
		if err != nil {
			return err
		}
		if m.Kind != kind || !bytes.Equal(m.Body, body) {
			return fmt.Errorf("%v %x", m.Kind, m.Body)
		}
	}
	to := r.sessions[map[string]string{alice: bob, bob: alice}[from]]
	if to == nil {
		return nil
	}
	o, err := to.Open(r.now, bytes.Clone(body))
	if err == nil && (o.Kind != kind || len(o.Cloves) != len(p.Cloves)) {
		err = errors.New("opened as something else")
	}
	return err
}

// TestReplaySessions feeds the vectors' inputs to the engines: of both sides,
// or of Alice only where i2pd was Bob.
func TestReplaySessions(t *testing.T) {
	each(t, func(t *testing.T, f *File) {
		if f.Ratchet == nil {
			return
		}
		for _, v := range f.Ratchet.Sessions {
			r := replaySession(t, v)
			pass := func(what, from string, kind ratchet.Kind, anonymous bool, blocks []Block, body []byte) {
				p, _ := payloadOf(t, blocks)
				if err := r.pass(from, kind, anonymous, p, body); err != nil {
					t.Fatalf("%s: %s: %v", v.Name, what, err)
				}
			}
			pass("new session", alice, ratchet.NewSession, !v.NewSession.Bound, v.NewSession.Blocks, v.NewSession.Body)
			for i, m := range v.Replies {
				pass(fmt.Sprint("reply ", i), bob, ratchet.NewSessionReply, false, m.Blocks, m.Body)
			}
			for i, m := range v.Messages {
				pass(fmt.Sprint("message ", i), m.From, ratchet.ExistingSession, false, m.Blocks, m.Body)
			}
			if v.NewSession.Bound && len(v.Ratchets) < 3 {
				t.Errorf("%s: %d key ratchets", v.Name, len(v.Ratchets))
			}
		}
	})
}

// TestReplayAlone seals and opens the messages that belong to no session.
func TestReplayAlone(t *testing.T) {
	each(t, func(t *testing.T, f *File) {
		if f.Ratchet == nil {
			return
		}
		for _, v := range f.Ratchet.OneTime {
			p, _ := payloadOf(t, v.Blocks)
			if o, err := ratchet.OpenTagged([32]byte(v.Key), bytes.Clone(v.Body)); err != nil || len(o.Cloves) != len(p.Cloves) {
				t.Errorf("%s: %v", v.Name, err)
			}
		}
		for _, v := range f.Ratchet.ToRouter {
			p, n := payloadOf(t, v.Blocks)
			now := time.Unix(v.Time, 0)
			body, err := ratchet.SealToRouter(script{1: {{n}}, 32: {v.EphemeralPrivate}}, now, [32]byte(v.StaticPublic), p.Cloves)
			if err != nil || !bytes.Equal(body, v.Body) {
				t.Errorf("%s: %x, %v", v.Name, body, err)
			}
			if o, err := ratchet.OpenRouter(KeyPair(v.StaticPrivate), now, body); err != nil || len(o.Cloves) != 1 {
				t.Errorf("%s: %v", v.Name, err)
			}
		}
	})
}
