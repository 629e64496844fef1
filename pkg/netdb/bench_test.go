package netdb

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
)

// filled makes a DB of n routers, every thirtieth a floodfill.
func filled(n int) *DB {
	db := newDB(Config{SamePrefix: true})
	r := rand.New(rand.NewChaCha8([32]byte{7}))
	for i := range n {
		e := &entry{raw: make([]byte, 460), heard: testTime.Unix(), src: FromDisk}
		for j := 0; j < 32; j += 8 {
			binary.BigEndian.PutUint64(e.sum.Hash[j:], r.Uint64())
		}
		e.sum.Published, e.sum.Version, e.sum.Bandwidth = i2p.DateOf(testTime), 9<<8|68, 'X'
		e.sum.Flags = profile.X25519 | profile.Addressed | profile.Reachable
		e.sum.Prefixes[0] = 1<<24 | uint32(r.IntN(1<<16))
		if i%30 == 0 {
			e.sum.Flags |= profile.Floodfill
		}
		db.put(e)
	}
	return db
}

func BenchmarkClosestFloodfills(b *testing.B) {
	db := filled(55_000)
	key := i2p.Hash{1, 2, 3}
	for b.Loop() {
		db.closestFloodfills(testTime, key, 3, nil)
	}
}

func BenchmarkClosestRouters(b *testing.B) {
	db := filled(55_000)
	key := i2p.Hash{1, 2, 3}
	for b.Loop() {
		db.closest(&db.records.near, testTime, key, 16, nil)
	}
}

func BenchmarkExpire(b *testing.B) {
	db := filled(55_000)
	for b.Loop() {
		db.Expire(testTime)
	}
}

func BenchmarkStoreRouterInfo(b *testing.B) {
	f := newForge(b)
	ri := f.router(b, routerConfig{})
	for b.Loop() {
		db := newDB(Config{})
		mustStore(b, db, FromReply, ri)
	}
}

// BenchmarkMemory reports what one of 55,000 routers takes.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		db := filled(55_000)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/55_000, "bytes/router")
		runtime.KeepAlive(db)
	}
}
