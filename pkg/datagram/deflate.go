package datagram

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// inflaters are decompressors between two payloads; their state is large.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

// appender is an io.Writer onto a slice.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// AppendDeflated appends payload compressed, or stored where compression does
// not pay. The padding of a destination compresses well (proposal 161), so
// this is for packets that carry one.
func (h Header) AppendDeflated(b, payload []byte) []byte {
	out := appender{h.AppendTo(b)}
	err := flate.StatelessDeflate(&out, payload, true, nil)
	if size := len(out.b) - len(b) + trailerLen; err != nil || size >= len(payload)+StoredOverhead {
		return h.AppendStored(b, payload)
	}
	return appendTrailer(out.b, payload)
}

// Decode unpacks a payload of at most limit bytes, MaxPayload where limit is
// 0. What was stored in one block is returned as a slice of b, without a copy.
func Decode(b []byte, limit int) (Header, []byte, error) {
	if limit <= 0 {
		limit = MaxPayload
	}
	h, body, err := ParseHeader(b)
	if err != nil {
		return Header{}, nil, err
	}
	if len(body) < trailerLen {
		return Header{}, nil, fmt.Errorf("%w: %d bytes after the header", ErrFormat, len(body))
	}
	payload, trailer, ok := oneStored(body)
	if ok && len(payload) > limit {
		return Header{}, nil, ErrTooLarge
	}
	if !ok {
		if payload, trailer, err = inflate(body, limit); err != nil {
			return Header{}, nil, err
		}
	}
	if len(trailer) != trailerLen {
		return Header{}, nil, fmt.Errorf("%w: a trailer of %d bytes", ErrFormat, len(trailer))
	}
	if binary.LittleEndian.Uint32(trailer[4:]) != uint32(len(payload)) ||
		binary.LittleEndian.Uint32(trailer) != crc32.ChecksumIEEE(payload) {
		return Header{}, nil, ErrChecksum
	}
	return h, payload, nil
}

// oneStored recognises a stream of a single stored block.
func oneStored(b []byte) (payload, rest []byte, ok bool) {
	if len(b) < blockLen || b[0] != 1 {
		return nil, nil, false
	}
	n := binary.LittleEndian.Uint16(b[1:])
	if binary.LittleEndian.Uint16(b[3:]) != ^n || len(b) < blockLen+int(n) {
		return nil, nil, false
	}
	return b[blockLen : blockLen+int(n) : blockLen+int(n)], b[blockLen+int(n):], true
}

// inflate unpacks a deflate stream and returns what follows it.
func inflate(b []byte, limit int) (payload, rest []byte, err error) {
	src := bytes.NewReader(b)
	z := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(z)
	if err := z.(flate.Resetter).Reset(src, nil); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	out := make([]byte, 0, min(4*len(b), limit)+1)
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		n, err := z.Read(out[len(out):min(cap(out), limit+1)])
		out = out[:len(out)+n]
		if len(out) > limit {
			return nil, nil, ErrTooLarge
		}
		if errors.Is(err, io.EOF) {
			return out, b[len(b)-src.Len():], nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
	}
}
