// Package reseedtest makes networks of synthetic routers, signed like real
// ones, for the tests and benchmarks of reseeding.
package reseedtest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

// Config of Routers.
type Config struct {
	Seed  byte
	Count int
	Now   time.Time // RouterInfos are up to 12 hours old
	NetID int       // 0: 2
}

// Routers makes RouterInfos such as the live network has: NTCP2 and SSU2
// addresses at distinct public IPv4 addresses, one in eight a floodfill.
func Routers(cfg Config, each func(*routerinfo.RouterInfo) error) error {
	if cfg.NetID == 0 {
		cfg.NetID = 2
	}
	random := rand.NewChaCha8([32]byte{cfg.Seed})
	for n := range cfg.Count {
		ri, err := router(cfg, random, n)
		if err != nil {
			return err
		}
		if err := each(ri); err != nil {
			return err
		}
	}
	return nil
}

func router(cfg Config, random *rand.ChaCha8, n int) (*routerinfo.RouterInfo, error) {
	keys, err := i2p.GenerateRouter(random)
	if err != nil {
		return nil, err
	}
	caps := "LR"
	if n%8 == 0 {
		caps = "XfR"
	}
	var secret [32]byte
	random.Read(secret[:])
	options := func(more map[string]string) i2p.Mapping {
		o := map[string]string{"host": address(n).String(), "port": fmt.Sprint(10_000 + n%50_000), "s": i2p.EncodeBase64(secret[:]), "v": "2"}
		for k, v := range more {
			o[k] = v
		}
		m, _ := i2p.NewMapping(o) // of short strings: it cannot fail
		return m
	}
	return routerinfo.Build(routerinfo.BuildConfig{
		Keys:      keys,
		Published: i2p.DateOf(cfg.Now.Add(-time.Duration(random.Uint64() % uint64(12*time.Hour)))),
		Addresses: []routerinfo.Address{
			{Cost: 5, Style: "NTCP2", Options: options(map[string]string{"i": i2p.EncodeBase64(secret[:16])})},
			{Cost: 10, Style: "SSU2", Options: options(map[string]string{"i": i2p.EncodeBase64(secret[:]), "caps": "BC", "mtu": "1420"})},
		},
		Options: map[string]string{
			"caps": caps, "netId": fmt.Sprint(cfg.NetID), "router.version": fmt.Sprintf("0.9.%d", 60+n%9),
			"stat_uptime": "90m", "coreVersion": "0.9.68",
		},
	})
}

// address is a public one of its own, all over the first 64,000 /16 that are
// not reserved.
func address(n int) netip.Addr {
	first := []byte{5, 23, 31, 37, 46, 62, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 109, 128, 130, 134, 137, 141, 144}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n)*2654435761) // spreads neighbours
	b[0] = first[int(b[0])%len(first)]
	b[3] = byte(n)
	return netip.AddrFrom4(b)
}

// WriteNetDB fills a netDb directory.
func WriteNetDB(path string, cfg Config) error {
	dir, err := netdbdir.Open(path)
	if err != nil {
		return err
	}
	return Routers(cfg, func(ri *routerinfo.RouterInfo) error { return dir.Store(ri.Hash(), ri.Bytes()) })
}
