package i2np

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// deflaters and inflaters are between two RouterInfos; their state is large, and
// to make it takes much longer than to use it.
var (
	deflaters = sync.Pool{New: func() any {
		w, err := gzip.NewWriterLevel(nil, gzip.BestCompression)
		if err != nil {
			panic("i2np: " + err.Error()) // the level is a constant
		}
		return w
	}}
	inflaters = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

// CompressRouterInfo returns the gzip form of a RouterInfo, with the ten
// header bytes that every router sends (DatabaseStore, notes).
func CompressRouterInfo(info []byte) []byte {
	var out bytes.Buffer
	w := deflaters.Get().(*gzip.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	w.ModTime = time.Unix(0, 0)
	w.Write(info) // a bytes.Buffer does not fail
	w.Close()
	return out.Bytes()
}

// DecompressRouterInfo undoes CompressRouterInfo. It fails for more than
// limit bytes.
func DecompressRouterInfo(packed []byte, limit int) ([]byte, error) {
	r := inflaters.Get().(*gzip.Reader)
	defer inflaters.Put(r)
	if err := r.Reset(bytes.NewReader(packed)); err != nil {
		return nil, fmt.Errorf("i2np: compressed RouterInfo: %w", err)
	}
	r.Multistream(false)
	info, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("i2np: compressed RouterInfo: %w", err)
	}
	if len(info) > limit {
		return nil, fmt.Errorf("i2np: compressed RouterInfo: more than %d bytes", limit)
	}
	return info, nil
}
