package interop

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// serving gives a stream whose other end serves.
func serving(t *testing.T, wrap func(net.Conn) Stream) Stream {
	t.Helper()
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(wrap(b)) }()
	t.Cleanup(func() {
		a.Close()
		<-done
	})
	return a
}

func TestExchange(t *testing.T) {
	s := serving(t, func(c net.Conn) Stream { return c })
	if d, err := Pings(t.Context(), s, 3); err != nil || d <= 0 {
		t.Errorf("Pings: %v, %v", d, err)
	}
	for _, n := range []int{0, 1, 100_000} {
		if err := Upload(t.Context(), s, n); err != nil {
			t.Errorf("Upload of %d: %v", n, err)
		}
		var seen int64
		if err := DownloadWatched(t.Context(), s, n, func(k int64) { seen = k }); err != nil || int(seen) != n {
			t.Errorf("Download of %d: %d, %v", n, seen, err)
		}
	}
}

func TestDrip(t *testing.T) {
	s := serving(t, func(c net.Conn) Stream { return c })
	var came int
	if err := Drip(t.Context(), s, 2*dripBytes, func(n int) { came += n }); err != nil || came != 2*dripBytes {
		t.Errorf("%d bytes, %v", came, err)
	}
	if _, err := Ping(t.Context(), s); err != nil {
		t.Error(err)
	}
}

// flip damages one byte in a thousand that it reads.
type flip struct {
	net.Conn
	count int
}

func (f *flip) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if f.count += n; n > 0 && f.count > 1000 {
		f.count = 0
		b[n-1] ^= 1
	}
	return n, err
}

func TestExchangeSeesDamage(t *testing.T) {
	s := serving(t, func(c net.Conn) Stream { return &flip{Conn: c} })
	if err := Upload(t.Context(), s, 10_000); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("a damaged upload gave %v", err)
	}
}

func TestPingIsBounded(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	a.SetDeadline(time.Now().Add(time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Ping(ctx, a); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Ping to nobody: %v", err)
	}
}

func TestMedian(t *testing.T) {
	if m := Median([]float64{3, 1, 2}); m != 2 {
		t.Errorf("of three: %v", m)
	}
	if m := Median([]time.Duration{4, 1, 2, 10}); m != 3 {
		t.Errorf("of four: %v", m)
	}
	if m := Median([]float64(nil)); m != 0 {
		t.Errorf("of none: %v", m)
	}
}
