package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

// BenchmarkList runs the program itself on a directory of 55,000 RouterInfos, as large as the network's netDb is.
// cpu-s/op is what the processors had to do, however busy they are with other things.
func BenchmarkList(b *testing.B) {
	const routers = 55_000
	dir, bin := b.TempDir(), filepath.Join(b.TempDir(), "i2p-netdb")
	writeRouters(b, dir, routers)
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, bin) // TestMain is the program where it is called so
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, args := range [][]string{
		{"list"}, {"list", "--verify"}, {"list", "--json"}, {"list", "--floodfill", "-0"}, {"verify"}, {"stats"},
	} {
		name := args[0]
		for _, a := range args[1:] {
			name += a
		}
		b.Run(name, func(b *testing.B) {
			var used time.Duration
			for b.Loop() {
				cmd := exec.Command(bin, append(args, dir)...)
				if out, err := cmd.Output(); err != nil || len(out) == 0 && name != "verify" {
					b.Fatalf("%v, %d bytes", err, len(out))
				}
				used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			}
			b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

// writeRouters makes a netDb directory of routers with keys of their own.
func writeRouters(b *testing.B, path string, n int) {
	b.Helper()
	dir, err := netdbdir.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.NewChaCha8([32]byte{1})
	for i := range n {
		keys, err := i2p.GenerateRouter(r)
		if err != nil {
			b.Fatal(err)
		}
		address, err := i2p.NewMapping(map[string]string{
			"host": fmt.Sprintf("%d.%d.%d.4", 20+i>>16, i>>8&0xff, i&0xff), "port": "12345", "v": "2",
			"s": i2p.EncodeBase64(keys.Identity.CryptoKey()), "i": i2p.EncodeBase64(make([]byte, 16)),
		})
		if err != nil {
			b.Fatal(err)
		}
		caps := "LR"
		if i%20 == 0 {
			caps = "XfR"
		}
		ri, err := routerinfo.Build(routerinfo.BuildConfig{
			Keys: keys, Published: i2p.DateOf(time.Now()), Options: map[string]string{"caps": caps, "netId": "2", "router.version": "0.9.68"},
			Addresses: []routerinfo.Address{{Cost: 3, Style: "NTCP2", Options: address}, {Cost: 8, Style: "SSU2", Options: address}},
		})
		if err == nil {
			err = dir.Store(ri.Hash(), ri.Bytes())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
