package profile

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"i2ptoolkit/pkg/i2p"
)

const (
	fileHeader = "i2p-profiles 1"
	fileFields = 15
	fileMaxAge = 7 * 24 * time.Hour
)

// AppendTo writes the table as text: a header line and one line for each
// router that was heard of within a week, sorted by hash.
func (t *Table) AppendTo(b []byte, now time.Time) []byte {
	b = append(b, fileHeader...)
	b = append(b, '\n')
	peers := make([]i2p.Hash, 0, len(t.peers))
	for h, r := range t.peers {
		if now.Unix()-r.seen < int64(fileMaxAge/time.Second) {
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
	for _, v := range []int64{r.at, r.seen, r.connectedAt, r.refusedAt, r.rejectedAt, int64(r.refusals)} {
		b = strconv.AppendInt(append(b, ' '), v, 10)
	}
	for _, v := range []float32{r.accepted, r.rejected, r.expired, r.carried, r.failed, r.answered, r.silent, r.latency, r.speed} {
		b = strconv.AppendFloat(append(b, ' '), float64(v), 'g', 5, 32)
	}
	if r.proven {
		return append(b, " real\n"...)
	}
	return append(b, " -\n"...)
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
		at := now.Unix()
		r.at, r.seen, r.connectedAt = min(r.at, at), min(r.seen, at), min(r.connectedAt, at)
		r.refusedAt, r.rejectedAt = min(r.refusedAt, at), min(r.rejectedAt, at)
		t.peers[h] = &r
	}
	return t, skipped, nil
}

func parseRecord(line []byte) (h i2p.Hash, r record, ok bool) {
	f := bytes.Fields(line)
	if len(f) != 2+fileFields {
		return h, r, false
	}
	h, err := i2p.ParseHash(string(f[0]))
	if err != nil {
		return h, r, false
	}
	var refusals int64
	for i, p := range []*int64{&r.at, &r.seen, &r.connectedAt, &r.refusedAt, &r.rejectedAt, &refusals} {
		v, err := strconv.ParseInt(string(f[1+i]), 10, 64)
		if err != nil || v < 0 {
			return h, r, false
		}
		*p = v
	}
	for i, p := range []*float32{&r.accepted, &r.rejected, &r.expired, &r.carried, &r.failed, &r.answered, &r.silent, &r.latency, &r.speed} {
		v, err := strconv.ParseFloat(string(f[7+i]), 32)
		if err != nil || math.IsNaN(v) || v < 0 || v > 1e12 {
			return h, r, false
		}
		*p = float32(v)
	}
	r.refusals = uint8(min(refusals, 255))
	r.proven = string(f[16]) == "real"
	return h, r, r.proven || string(f[16]) == "-"
}

// List gives every profile, best score first.
func (t *Table) List(now time.Time) []Profile {
	all := make([]Profile, 0, len(t.peers))
	for h := range t.peers {
		p, _ := t.Get(now, h)
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Profile) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), a.Peer.Compare(b.Peer))
	})
	return all
}
