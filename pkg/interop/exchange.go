package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"
)

// Stream is what the measurements run over: a SAM stream, or the standard
// input and output of i2p-tunnel.
type Stream interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
}

// The requests of the measuring protocol: one byte, eight bytes of size or
// seed, big endian; what each side answers is said below.
const (
	echo     = 'e' // the seed comes back
	upload   = 'u' // so many bytes follow; their SHA-256 comes back
	download = 'd' // so many bytes come back, and their SHA-256
	drip     = 'p' // so many bytes come back, dripBytes each dripEvery
)

// A drip is 100 kB/s: enough to be seen in a host's traffic, and less than any line carries.
const (
	dripBytes = 5000
	dripEvery = 50 * time.Millisecond
)

// Serve answers the measuring protocol until the stream ends.
func Serve(s Stream) error {
	var req [9]byte
	for {
		if _, err := io.ReadFull(s, req[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("interop: serving: %w", err)
		}
		arg := binary.BigEndian.Uint64(req[1:])
		var err error
		switch req[0] {
		case echo:
			_, err = s.Write(req[1:])
		case upload:
			sum := sha256.New()
			if _, err = io.CopyN(sum, s, int64(arg)); err == nil {
				_, err = s.Write(sum.Sum(nil))
			}
		case download:
			sum := sha256.New()
			if _, err = io.Copy(io.MultiWriter(s, sum), noise(arg)); err == nil {
				_, err = s.Write(sum.Sum(nil))
			}
		case drip:
			err = dripTo(s, arg)
		default:
			err = fmt.Errorf("unknown request %q", req[0])
		}
		if err != nil {
			return fmt.Errorf("interop: serving: %w", err)
		}
	}
}

// dripTo sends n bytes slowly.
func dripTo(w io.Writer, n uint64) error {
	tick := time.NewTicker(dripEvery)
	defer tick.Stop()
	for from := noise(n); ; <-tick.C {
		if _, err := io.CopyN(w, from, dripBytes); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// Drip receives n bytes that the peer sends slowly; watch is told of each arrival.
func Drip(ctx context.Context, s Stream, n int, watch func(int)) error {
	defer bound(ctx, s)()
	if err := request(s, drip, uint64(n)); err != nil {
		return fmt.Errorf("interop: drip: %w", err)
	}
	if k, err := io.CopyN(writerFunc(func(b []byte) { watch(len(b)) }), s, int64(n)); err != nil {
		return fmt.Errorf("interop: drip after %d bytes: %w", k, err)
	}
	return nil
}

// noise is n bytes that do not compress, the same for the same n.
func noise(n uint64) io.Reader {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], n)
	return io.LimitReader(rand.NewChaCha8(seed), int64(n))
}

func request(s Stream, kind byte, arg uint64) error {
	_, err := s.Write(binary.BigEndian.AppendUint64([]byte{kind}, arg))
	return err
}

// bound makes the stream fail when ctx ends; call the result at the end.
func bound(ctx context.Context, s Stream) (stop func()) {
	s.SetDeadline(time.Time{})
	after := context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	return func() { after() }
}

// Ping measures one round trip of a few bytes.
func Ping(ctx context.Context, s Stream) (time.Duration, error) {
	defer bound(ctx, s)()
	start := time.Now()
	sent := binary.BigEndian.AppendUint64(nil, uint64(start.UnixNano()))
	if err := request(s, echo, uint64(start.UnixNano())); err != nil {
		return 0, fmt.Errorf("interop: ping: %w", err)
	}
	got := make([]byte, 8)
	if _, err := io.ReadFull(s, got); err != nil {
		return 0, fmt.Errorf("interop: ping: %w", err)
	}
	if !bytes.Equal(got, sent) {
		return 0, fmt.Errorf("interop: ping: sent %x, got %x", sent, got)
	}
	return time.Since(start), nil
}

// Pings gives the median of several round trips.
func Pings(ctx context.Context, s Stream, count int) (time.Duration, error) {
	var all []time.Duration
	for range count {
		d, err := Ping(ctx, s)
		if err != nil {
			return 0, err
		}
		all = append(all, d)
	}
	return Median(all), nil
}

// Upload sends n bytes, and compares the SHA-256 that the peer found.
func Upload(ctx context.Context, s Stream, n int) error {
	defer bound(ctx, s)()
	if err := request(s, upload, uint64(n)); err != nil {
		return fmt.Errorf("interop: upload: %w", err)
	}
	sum := sha256.New()
	if k, err := io.Copy(io.MultiWriter(s, sum), noise(uint64(n))); err != nil {
		return fmt.Errorf("interop: upload after %d bytes: %w", k, err)
	}
	return compare(s, sum.Sum(nil), "upload")
}

// Download receives n bytes, and compares their SHA-256 with the peer's.
func Download(ctx context.Context, s Stream, n int) error {
	return DownloadWatched(ctx, s, n, nil)
}

// DownloadWatched is Download; watch, if not nil, is told how many bytes have come.
func DownloadWatched(ctx context.Context, s Stream, n int, watch func(int64)) error {
	defer bound(ctx, s)()
	if err := request(s, download, uint64(n)); err != nil {
		return fmt.Errorf("interop: download: %w", err)
	}
	sum := sha256.New()
	var w io.Writer = sum
	if watch != nil {
		var got int64
		w = io.MultiWriter(sum, writerFunc(func(b []byte) { got += int64(len(b)); watch(got) }))
	}
	if k, err := io.CopyN(w, s, int64(n)); err != nil {
		return fmt.Errorf("interop: download after %d bytes: %w", k, err)
	}
	return compare(s, sum.Sum(nil), "download")
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

func compare(s Stream, ours []byte, what string) error {
	theirs := make([]byte, sha256.Size)
	if _, err := io.ReadFull(s, theirs); err != nil {
		return fmt.Errorf("interop: %s: the peer's sum: %w", what, err)
	}
	if !bytes.Equal(ours, theirs) {
		return fmt.Errorf("interop: %s: SHA-256 %x here, %x there", what, ours, theirs)
	}
	return nil
}

// Median is the middle value; of an even number the mean of the two in the middle.
func Median[T ~int64 | ~float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
