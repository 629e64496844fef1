package elgamalaes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/big"
	"testing"
	"time"

	"i2ptoolkit/pkg/aescbc"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// TestReplay repeats messages: of a session that stands, of one that begins, and one of these made to look like
// another, which anybody can who has it and the public key.
func TestReplay(t *testing.T) {
	alice, bob := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	first := alice.seal(start, bob, "first")
	alice.confirm(start, bob.open(start, first, "first"), bob)
	data := alice.seal(start, bob, "data")
	bob.open(start, data, "data")
	if _, err := bob.Open(start, bytes.Clone(data.Body)); err == nil {
		t.Error("a tag was used twice")
	}
	if _, err := bob.Open(start, bytes.Clone(first.Body)); !errors.Is(err, ErrReplay) {
		t.Errorf("repeated: %v", err)
	}
	disguised := disguise(t, first.Body, bob.Key().Public())
	if bytes.Equal(disguised[:elgamal.BlockLen], first.Body[:elgamal.BlockLen]) {
		t.Fatal("not another block")
	}
	if _, err := bob.Open(start, disguised); !errors.Is(err, ErrReplay) {
		t.Errorf("repeated in disguise: %v", err)
	}
	// Once it is forgotten it has expired.
	end := start.Add(10 * time.Minute)
	bob.Tick(end)
	if len(bob.replays.seen) != 0 {
		t.Error("not forgotten")
	}
	if _, err := bob.Open(end, bytes.Clone(first.Body)); !errors.Is(err, ErrClock) {
		t.Errorf("an old one: %v", err)
	}
}

// disguise multiplies both parts of an ElGamal block, by the generator and by the key: it decrypts to the same.
func disguise(t *testing.T, body []byte, to *elgamal.PublicKey) []byte {
	t.Helper()
	p, ok := new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"+
		"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"+
		"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"+
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05"+
		"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB"+
		"9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"+
		"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"+
		"3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF", 16)
	if !ok {
		t.Fatal("no prime")
	}
	out := bytes.Clone(body)
	key := to.Bytes()
	for at, by := range map[int]*big.Int{0: big.NewInt(2), elgamal.BlockLen / 2: new(big.Int).SetBytes(key[:])} {
		part := out[at : at+elgamal.BlockLen/2]
		n := new(big.Int).SetBytes(part)
		n.Mul(n, by).Mod(n, p).FillBytes(part)
	}
	return out
}

// TestTamper changes each byte of a message: nothing opens with other cloves, and the right one does afterwards.
func TestTamper(t *testing.T) {
	alice, bob := met(t, Config{})
	s := alice.seal(start, bob, "the message")
	for at := range s.Body {
		b := bytes.Clone(s.Body)
		b[at] ^= 0x40
		o, err := bob.Open(start, b)
		if err == nil && (len(o.Cloves) != 1 || string(o.Cloves[0].Message.Body) != "the message") {
			t.Fatalf("byte %d: opened another message", at)
		}
		if err == nil { // padding: the message is the same, and the tag is used up
			if at < len(s.Body)-aescbc.BlockLen {
				t.Fatalf("byte %d: opened", at)
			}
			return
		}
	}
	bob.open(start, s, "the message")
}

// TestStolenTag: who has seen a tag cannot use it up, nor learn what is under it.
func TestStolenTag(t *testing.T) {
	alice, bob := met(t, Config{})
	s := alice.seal(start, bob, "mine")
	forged := append(bytes.Clone(s.Body[:tagLen]), make([]byte, 320)...)
	for range 100 {
		if _, err := bob.Open(start, bytes.Clone(forged)); err == nil {
			t.Fatal("a forged message opened")
		}
	}
	bob.open(start, s, "mine")
}

// TestFlood: new session blocks cost an ElGamal decryption each, whoever sends them.
func TestFlood(t *testing.T) {
	bob := newEnd(t, 2, Config{Limits: Limits{PerSecond: 5}})
	junk := make([]byte, minNew)
	draw.Fill(draw.Seeded([32]byte{9}), junk)
	junk[0], junk[elgamal.BlockLen/2] = 0, 0
	junk[1], junk[elgamal.BlockLen/2+1] = 1, 1 // below the prime
	for range 1000 {
		if _, err := bob.Open(start, junk); err == nil {
			t.Fatal("junk opened")
		}
	}
	if st := bob.Stats(); st.Failed != 5 || st.Busy != 995 {
		t.Errorf("%d decrypted of 1000, limit 5", st.Failed)
	}
	junk[0] = 1 // what cannot be a block is not decrypted at all
	if MayBegin(junk) {
		t.Error("a block with a first byte")
	}
	alice := newEnd(t, 1, Config{})
	bob.open(start.Add(time.Second), alice.seal(start, bob, "honest"), "honest")
}

// TestLastTag has strangers deliver tags to one whose peer had used up all, and delivered others with the last.
func TestLastTag(t *testing.T) {
	bob := newEnd(t, 2, Config{Limits: Limits{Tags: 100, PerSecond: 1000}})
	alice := newEnd(t, 1, Config{Tags: 1, Low: 1})
	for _, text := range []string{"hello", "with the last one"} {
		alice.confirm(start, bob.open(start, alice.seal(start, bob, text), text), bob)
	}
	for n := range byte(20) {
		stranger := newEnd(t, 10+n, Config{Tags: maxTags, Low: maxTags})
		bob.open(start, stranger.seal(start, bob, "x"), "x")
	}
	s := alice.seal(start, bob, "still")
	if s.New {
		t.Fatal("alice has no tags")
	}
	bob.open(start, s, "still")
}

// TestManyTags has strangers deliver tags without end: those of a session in use stay.
func TestManyTags(t *testing.T) {
	bob := newEnd(t, 2, Config{Limits: Limits{Tags: 500, PerSecond: 1000, SessionTags: 250}})
	alice := newEnd(t, 1, Config{})
	alice.confirm(start, bob.open(start, alice.seal(start, bob, "hello"), "hello"), bob)
	bob.open(start, alice.seal(start, bob, "in use"), "in use")
	for n := range byte(50) {
		stranger := newEnd(t, 10+n, Config{Tags: maxTags, Low: maxTags})
		bob.open(start, stranger.seal(start, bob, "x"), "x")
	}
	st := bob.Stats()
	if st.Tags > 500 || st.TagsEvicted == 0 || len(bob.incoming.sessions) > 5 {
		t.Errorf("%d tags of %d sessions", st.Tags, len(bob.incoming.sessions))
	}
	s := alice.seal(start, bob, "still")
	if s.New {
		t.Fatal("alice has no tags")
	}
	bob.open(start, s, "still")

	// One that uses its tags cannot have more than so many either.
	greedy := newEnd(t, 3, Config{Tags: 100, Low: 1000})
	for range 20 {
		s := greedy.seal(start, bob, "x")
		if _, err := bob.Open(start, bytes.Clone(s.Body)); err == nil && s.ID != 0 {
			greedy.confirm(start, s.ID, bob)
		}
	}
	for _, n := range bob.incoming.sessions {
		if n.tags > 250 {
			t.Errorf("%d tags of one session", n.tags)
		}
	}
	bob.open(start, alice.seal(start, bob, "even so"), "even so")
}

// TestManyPeers: sessions of ours are bounded too.
func TestManyPeers(t *testing.T) {
	alice := newEnd(t, 1, Config{Limits: Limits{Peers: 3}})
	now := start
	for n := range byte(6) {
		now = now.Add(time.Second)
		alice.seal(now, newEnd(t, 20+n, Config{}), "x")
	}
	if n := len(alice.outgoing.peers); n != 3 || len(alice.outgoing.deliveries) != 3 {
		t.Errorf("%d sessions, %d deliveries", n, len(alice.outgoing.deliveries))
	}
}

// sealRaw seals a block as it is under a tag of alice's.
func sealRaw(alice *end, bob *end, plain []byte) []byte {
	n := alice.outgoing.peers[bob.public()]
	tg, ok := n.take(start)
	if !ok {
		alice.t.Fatal("no tag")
	}
	plain = append(plain, make([]byte, (aescbc.BlockLen-len(plain)%aescbc.BlockLen)%aescbc.BlockLen)...)
	out := append(tg[:], plain...)
	aescbc.Encrypt([]aescbc.Message{{Key: n.aes, IV: iv(tg), Dst: out[tagLen:], Src: out[tagLen:]}})
	return out
}

// TestMalformed has a peer, who has the keys, write nonsense.
func TestMalformed(t *testing.T) {
	alice, bob := met(t, Config{})
	garlic := func(at time.Time, cloves ...i2np.GarlicClove) []byte {
		return i2np.Garlic{Cloves: cloves, ID: 1, Expiration: i2p.DateOf(at)}.AppendTo(nil)
	}
	whole := block{payload: garlic(start)}.appendTo(nil)
	tooMany := bytes.Clone(whole)
	binary.BigEndian.PutUint16(tooMany, maxTags+1)
	longer := bytes.Clone(whole)
	binary.BigEndian.PutUint32(longer[2:], 1<<31)
	keyless := bytes.Clone(whole)
	keyless[blockMin-1] = flagNewKey
	for what, c := range map[string]struct {
		plain []byte
		want  error
	}{
		"too many tags":       {tooMany, ErrMalformed},
		"a payload too long":  {longer, ErrMalformed},
		"a key that is not":   {keyless, ErrMalformed},
		"no garlic":           {block{payload: []byte{200}}.appendTo(nil), ErrMalformed},
		"expired long ago":    {block{payload: garlic(start.Add(-time.Hour))}.appendTo(nil), ErrClock},
		"from the far future": {block{payload: garlic(start.Add(time.Hour))}.appendTo(nil), ErrClock},
		"another hash":        {append(bytes.Clone(whole[:10]), append([]byte{whole[10] ^ 1}, whole[11:]...)...), ErrDecrypt},
	} {
		if o, err := bob.Open(start, sealRaw(alice, bob, c.plain)); !errors.Is(err, c.want) || o != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	old := i2np.GarlicClove{Clove: message(start, "old"), Expiration: i2p.DateOf(start.Add(-time.Hour))}
	o, err := bob.Open(start, sealRaw(alice, bob, block{payload: garlic(start, old)}.appendTo(nil)))
	if err != nil || len(o.Cloves) != 0 {
		t.Errorf("a clove that has expired: %v", err)
	}
	// A new session key, which nobody sends: the tags are of that one.
	next := [keyLen]byte{5}
	tags := bytes.Repeat([]byte{7}, tagLen)
	if _, err := bob.Open(start, sealRaw(alice, bob, block{tags: tags, newKey: next[:], payload: garlic(start)}.appendTo(nil))); err != nil {
		t.Fatal(err)
	}
	if n := bob.incoming.find(start, tag(tags)); n == nil || n.key != next {
		t.Error("the tags are not of the new key")
	}
	// Somebody else's tag stays whose it is.
	if n := bob.incoming.add(start, [keyLen]byte{6}, tags, false); n != 0 || bob.incoming.find(start, tag(tags)).key != next {
		t.Error("a tag was taken over")
	}
}

// FuzzBlock parses AES blocks; what parses can be written again.
func FuzzBlock(f *testing.F) {
	f.Add(block{}.appendTo(nil))
	f.Add(append(block{tags: make([]byte, 2*tagLen), newKey: make([]byte, keyLen), payload: []byte("x")}.appendTo(nil), 1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseBlock(b)
		if err != nil {
			if k.payload != nil || k.tags != nil {
				t.Fatal("a block and an error")
			}
			return
		}
		out := k.appendTo(nil)
		if len(out) != k.len() || len(out) > len(b) {
			t.Fatalf("%d of %d bytes, %d expected", len(out), len(b), k.len())
		}
		in := bytes.Clone(b[:len(out)])
		if k.newKey == nil {
			in[2+len(k.tags)+4+32] = 0 // any other flag says nothing
		}
		if !bytes.Equal(in, out) {
			t.Fatalf("parsed from\n% x\nmarshals to\n% x", in, out)
		}
	})
}

// FuzzOpen throws bytes at an engine, also under a tag that it listens to and behind a good ElGamal block: no
// panic, and nothing is kept.
func FuzzOpen(f *testing.F) {
	alice, bob := met(f, Config{})
	data := alice.seal(start, bob, "data")
	fresh := newEnd(f, 3, Config{}).seal(start, bob, "new")
	f.Add([]byte{}, byte(0))
	f.Add(data.Body[tagLen:], byte(1))
	f.Add(fresh.Body[elgamal.BlockLen:], byte(2))
	f.Add(make([]byte, minNew), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, kind byte) {
		e := &end{New(Config{Key: bob.Key(), Limits: Limits{PerSecond: 10}}), t}
		e.incoming.add(start, alice.outgoing.peers[bob.public()].key, data.Body[:tagLen], false)
		switch kind % 3 {
		case 0:
			b = bytes.Clone(b)
		case 1:
			b = append(bytes.Clone(data.Body[:tagLen]), b...)
		case 2:
			b = append(bytes.Clone(fresh.Body[:elgamal.BlockLen]), b...)
		}
		o, err := e.Open(start, b)
		if err != nil && (o != nil || e.Stats().Tags != 1 || len(e.replays.seen) != 0) {
			t.Fatalf("junk left something: %+v", e.Stats())
		}
	})
}

// BenchmarkHandshake is what two that know nothing of each other do until both have a session to send in, as
// the ratchet's benchmark of that name.
func BenchmarkHandshake(b *testing.B) {
	cfg := Config{Limits: Limits{PerSecond: 1 << 30, Replays: 1 << 30}}
	alice, bob := newEnd(b, 1, cfg), newEnd(b, 2, cfg)
	var bytes int
	for b.Loop() {
		for _, way := range [][2]*end{{alice, bob}, {bob, alice}} {
			from, to := way[0], way[1]
			from.outgoing = newOutgoing(DefaultTags, DefaultLow)
			s, err := from.Seal(start, to.public(), Payload{Status: status(start)})
			if err != nil {
				b.Fatal(err)
			}
			bytes = len(s.Body)
			if _, err := to.Open(start, s.Body); err != nil {
				b.Fatal(err)
			}
			from.confirm(start, s.ID, to)
		}
	}
	b.ReportMetric(float64(bytes), "B/new-session")
}

// BenchmarkData is a message of a session that stands, as long as a stream's packet, there and opened.
func BenchmarkData(b *testing.B) {
	alice, bob := met(b, Config{})
	text := string(make([]byte, 1730))
	for b.Loop() {
		s := alice.seal(start, bob, text)
		if id := bob.open(start, s, text); id != 0 {
			alice.confirm(start, id, bob)
		}
	}
}
