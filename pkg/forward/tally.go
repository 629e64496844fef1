package forward

import (
	"io"
	"sync"

	"i2ptoolkit/pkg/forward/splice"
)

// tallied is a stream whose bytes are counted.
type tallied struct {
	*used
	f    *forward
	once sync.Once
}

func (t *tallied) Read(b []byte) (int, error) {
	n, err := t.used.Read(b)
	t.f.count.In.Add(uint64(n))
	return n, err
}

func (t *tallied) Write(b []byte) (int, error) {
	n, err := t.used.Write(b)
	t.f.count.Out.Add(uint64(n))
	return n, err
}

// WriteTo is the stream's.
func (t *tallied) WriteTo(w io.Writer) (int64, error) {
	return t.used.WriteTo(splice.CountWrites(w, &t.f.count.In))
}

// ReadFrom is the stream's.
func (t *tallied) ReadFrom(r io.Reader) (int64, error) {
	return t.used.ReadFrom(splice.CountReads(r, &t.f.count.Out))
}

func (t *tallied) left() { t.once.Do(func() { t.f.streams.Add(-1) }) }

// Abort breaks the stream off.
func (t *tallied) Abort() {
	t.used.Abort()
	t.left()
}

// Close closes the stream.
func (t *tallied) Close() error {
	defer t.left()
	return t.used.Close()
}
