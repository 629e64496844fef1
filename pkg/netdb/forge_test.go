package netdb

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// seeded is a reproducible source of randomness.
func seeded(n byte) io.Reader {
	return rand.NewChaCha8([32]byte{n})
}

// forge makes many routers with one pair of keys: they differ in their padding.
type forge struct {
	keys *i2p.PrivateKeys
	n    uint32
}

func newForge(tb testing.TB) *forge {
	tb.Helper()
	keys, err := i2p.GenerateRouter(seeded(99))
	if err != nil {
		tb.Fatal(err)
	}
	return &forge{keys: keys}
}

// identity makes the next router's identity bytes.
func (f *forge) identity() []byte {
	f.n++
	b := append([]byte(nil), f.keys.Identity.Bytes()...)
	for i := paddingAt; i < paddingAt+paddingLen; i += patternLen {
		binary.BigEndian.PutUint32(b[i:], f.n)
	}
	return b
}

type routerConfig struct {
	identity  []byte
	caps      string
	version   string
	netID     string
	host      string
	published time.Time
}

func (f *forge) router(tb testing.TB, c routerConfig) *routerinfo.RouterInfo {
	tb.Helper()
	if c.identity == nil {
		c.identity = f.identity()
	}
	id, _, err := i2p.ParseRouterIdentity(c.identity)
	if err != nil {
		tb.Fatal(err)
	}
	def := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	def(&c.caps, "XfR")
	def(&c.version, "0.9.68")
	def(&c.netID, "2")
	def(&c.host, fmt.Sprintf("%d.%d.%d.1", 20+f.n>>8&0x7f, f.n&0xff, f.n>>16))
	if c.published.IsZero() {
		c.published = testTime.Add(-time.Minute)
	}
	var addresses []routerinfo.Address
	if c.host != "-" {
		options, err := i2p.NewMapping(map[string]string{
			"host": c.host, "port": "12345", "v": "2",
			"s": i2p.EncodeBase64(make([]byte, 32)), "i": i2p.EncodeBase64(make([]byte, 16)),
		})
		if err != nil {
			tb.Fatal(err)
		}
		addresses = append(addresses, routerinfo.Address{Cost: 10, Style: "NTCP2", Options: options})
	}
	keys := *f.keys
	keys.Identity = id.Identity
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: &keys, Published: i2p.DateOf(c.published), Addresses: addresses,
		Options: map[string]string{"caps": c.caps, "netId": c.netID, "router.version": c.version},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return ri
}

func newDB(cfg Config) *DB {
	cfg.NetID = 2
	cfg.Self = i2p.HashOf([]byte("us"))
	cfg.Rand = seeded(1)
	return New(cfg, testTime.Add(-2*time.Hour))
}

func mustStore(tb testing.TB, db *DB, src Source, ri *routerinfo.RouterInfo) {
	tb.Helper()
	if _, err := db.StoreRouterInfo(testTime, src, ri); err != nil {
		tb.Fatal(err)
	}
}

func newDestination(tb testing.TB, n byte) *i2p.PrivateKeys {
	tb.Helper()
	keys, err := i2p.GenerateDestination(7, i2p.CryptoX25519, seeded(n))
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

func leaseSetOf(tb testing.TB, keys *i2p.PrivateKeys, published time.Time) *leaseset.LeaseSet2 {
	tb.Helper()
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, Published: i2p.DateOf(published),
		EncryptionKeys: []leaseset.EncryptionKey{{Type: 4, Key: make([]byte, 32)}},
		Leases:         []leaseset.Lease{{Gateway: i2p.Hash{1}, TunnelID: 2, Expires: i2p.DateOf(published.Add(9 * time.Minute))}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

func storeOf(set leaseset.Record) i2np.DatabaseStore {
	return i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}
}

func mustParse(tb testing.TB, b []byte) *routerinfo.RouterInfo {
	tb.Helper()
	ri, err := routerinfo.Parse(b)
	if err != nil {
		tb.Fatal(err)
	}
	return ri
}

// grind makes routers that share bits with a key: the padding is free to choose.
func (f *forge) grind(tb testing.TB, near i2p.Hash, bits, n int) []*routerinfo.RouterInfo {
	var out []*routerinfo.RouterInfo
	for len(out) < n {
		id := f.identity()
		if SharedBits(i2p.HashOf(id), near) >= bits {
			out = append(out, f.router(tb, routerConfig{identity: id}))
		}
	}
	return out
}

// near makes a floodfill whose hash is among the closest to a key.
func (f *forge) near(t *testing.T, db *DB, key i2p.Hash) *entry {
	t.Helper()
	for {
		e := &entry{sum: *db.At(0)}
		f.n++
		e.sum.Hash = i2p.HashOf([]byte{byte(f.n), byte(f.n >> 8), byte(f.n >> 16)})
		if SharedBits(e.sum.Hash, RoutingKey(key, testTime)) >= 10 {
			return e
		}
	}
}
