package profile

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
)

const (
	fileHeader = "i2p-profiles 3"
	fileServed = "served"
	fileNot    = "-"
)

// AppendTo writes the table as text: a header line and one line for each
// router that was heard of within a week, sorted by hash. A line has the hash,
// the times, the failed dials, the counts, the latency, the host at which the router
// was reached, and whether it has served.
func (t *Table) AppendTo(b []byte, now time.Time) []byte {
	b = append(b, fileHeader...)
	b = append(b, '\n')
	peers := make([]i2p.Hash, 0, len(t.peers))
	for h, r := range t.peers {
		if !r.old(now.Unix()) {
			peers = append(peers, h)
		}
	}
	slices.SortFunc(peers, func(a, b i2p.Hash) int { return a.Compare(b) })
	for _, h := range peers {
		b = t.peers[h].appendTo(append(b, h.String()...))
	}
	return b
}

func (r *record) appendTo(b []byte) []byte {
	for _, v := range r.times() {
		b = strconv.AppendInt(append(b, ' '), *v, 10)
	}
	b = strconv.AppendInt(append(b, ' '), int64(r.dials.failures), 10)
	for _, v := range append(r.counts(), &r.latency) {
		b = strconv.AppendFloat(append(b, ' '), float64(*v), 'g', 5, 32)
	}
	b = strconv.AppendUint(append(b, ' '), uint64(r.dials.reached), 16)
	served := fileNot
	if r.served {
		served = fileServed
	}
	return append(append(append(b, ' '), served...), '\n')
}

// Parse reads what AppendTo wrote. Lines that are damaged are left out and
// counted: profiles are a help, and never worth failing for.
func Parse(cfg Config, b []byte, now time.Time) (t *Table, skipped int, err error) {
	head, rest, _ := bytes.Cut(b, []byte{'\n'})
	if string(head) != fileHeader {
		return nil, 0, fmt.Errorf("profile: a file begins with %q, not %q", fileHeader, head[:min(len(head), 32)])
	}
	t = New(cfg)
	for len(rest) > 0 && len(t.peers) < t.cfg.MaxPeers {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		h, r, ok := parseRecord(line)
		if !ok {
			skipped++
			continue
		}
		// A clock that was wrong when the file was written must not keep
		// a peer banned.
		for _, at := range r.times() {
			*at = min(*at, now.Unix())
		}
		t.peers[h] = &r
	}
	return t, skipped, nil
}

func parseRecord(line []byte) (h i2p.Hash, r record, ok bool) {
	f := bytes.Fields(line)
	times, counts := r.times(), append(r.counts(), &r.latency)
	if len(f) != 1+len(times)+1+len(counts)+2 {
		return h, r, false
	}
	h, err := i2p.ParseHash(string(f[0]))
	if err != nil {
		return h, r, false
	}
	var failures int64
	for i, p := range append(times, &failures) {
		v, err := strconv.ParseInt(string(f[1+i]), 10, 64)
		if err != nil || v < 0 {
			return h, r, false
		}
		*p = v
	}
	for i, p := range counts {
		v, err := strconv.ParseFloat(string(f[2+len(times)+i]), 32)
		if err != nil || math.IsNaN(v) || v < 0 || v > 1e12 {
			return h, r, false
		}
		*p = float32(v)
	}
	r.dials.failures = uint8(min(failures, 255))
	reached, err := strconv.ParseUint(string(f[len(f)-2]), 16, 64)
	if err != nil {
		return h, r, false
	}
	r.dials.reached = origin.Host(reached)
	last := string(f[len(f)-1])
	r.served = last == fileServed
	return h, r, r.served || last == fileNot
}
