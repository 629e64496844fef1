package controltest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// ErrReset is what a Read returns after the peer's Reset.
var ErrReset = errors.New("fake stream reset")

// Rand is a seeded reader.
func Rand(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// pair makes the two ends of a stream. With hangUp, each ends both directions when the other closes its own.
func pair(a, b i2p.Destination, hangUp bool) (*stream, *stream) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	ours, theirs := &stream{PipeReader: r1, w: w2, far: w1, remote: b, halfCloses: !hangUp}, &stream{PipeReader: r2, w: w1, far: w2, remote: a}
	if hangUp {
		ours.closing, theirs.closing = w1, w2
	}
	return ours, theirs
}

// stream is one end. What was written and not read blocks: so its Close has nothing to
// wait for.
type stream struct {
	*io.PipeReader
	w          *io.PipeWriter
	far        *io.PipeWriter // the peer's
	remote     i2p.Destination
	halfCloses bool
	closing    *io.PipeWriter // closed along with w
}

func (s *stream) Write(b []byte) (int, error) { return s.w.Write(b) }
func (s *stream) Remote() i2p.Destination     { return s.remote }
func (s *stream) HalfCloses() bool            { return s.halfCloses }
func (s *stream) Encryption() string          { return i2p.CryptoMLKEM768X25519.String() }

func (s *stream) CloseWrite() error {
	if s.closing != nil {
		s.closing.Close()
	}
	return s.w.Close()
}

// Wait returns at once: what was written to a pipe has been read.
func (s *stream) Wait(context.Context) error { return nil }

func (s *stream) Reset() error {
	s.w.CloseWithError(ErrReset)
	return s.PipeReader.CloseWithError(ErrReset)
}

// BreakOff does not wait: what was written to a pipe has been read.
func (s *stream) BreakOff() { s.Reset() }

func (s *stream) Close() error {
	s.w.Close()
	return s.PipeReader.Close()
}

func (s *stream) LocalAddr() net.Addr              { return nil }
func (s *stream) RemoteAddr() net.Addr             { return nil }
func (s *stream) SetDeadline(time.Time) error      { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline knows deadlines that are over.
func (s *stream) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now()) {
		return s.far.CloseWithError(os.ErrDeadlineExceeded)
	}
	return nil
}
