package portmap

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"strings"
)

// defaultRouter is the machine's way out over IPv4; invalid is none.
func defaultRouter() netip.Addr {
	f, err := os.Open("/proc/self/net/route")
	if err != nil {
		return netip.Addr{}
	}
	defer f.Close()
	return routerOf(f)
}

// routerOf reads the kernel's table of routes: a line each, of which the second and the third fields
// are the destination and the router, in the machine's order of bytes, in hex.
func routerOf(r io.Reader) netip.Addr {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil || len(b) != 4 {
			continue
		}
		var at [4]byte
		binary.NativeEndian.PutUint32(at[:], binary.BigEndian.Uint32(b))
		if a := netip.AddrFrom4(at); !a.IsUnspecified() {
			return a
		}
	}
	return netip.Addr{}
}
