package vectors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"i2ptoolkit/pkg/tunnel"
)

// File is what one file of docs/vectors holds.
type File struct {
	About   string         `json:"about"`
	NTCP2   []*NTCP2       `json:"ntcp2,omitempty"`
	Builds  []*TunnelBuild `json:"tunnel_builds,omitempty"`
	Ratchet *Ratchet       `json:"ratchet,omitempty"`
}

// Time is the moment of all vectors that are not recorded live.
func Time() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// Generate makes the files, by name.
func Generate() (map[string]*File, error) {
	files := map[string]*File{
		"ntcp2.json":        {About: "NTCP2 handshakes and data phase frames. See README.md."},
		"tunnel-build.json": {About: "Tunnel build messages and records (ECIES). See README.md."},
		"ratchet.json":      {About: "Garlic messages: ECIES-X25519-AEAD-Ratchet sessions, one-time keys, and to routers. See README.md."},
	}
	for _, c := range []struct {
		name, note string
		bare       bool
	}{
		{"padding", "Messages 1 and 2 carry padding, which is mixed into h.", false},
		{"no padding", "Messages 1 and 2 carry no padding, and nothing is mixed in its place.", true},
	} {
		v, err := generateNTCP2(c.name, c.note, Time(), c.bare)
		if err != nil {
			return nil, err
		}
		files["ntcp2.json"].NTCP2 = append(files["ntcp2.json"].NTCP2, v)
	}
	for _, c := range []buildCase{
		{name: "outbound short", note: "Two participants and the endpoint, which wraps its reply.", hops: 3},
		{name: "inbound short", note: "The gateway and two participants; the creator's own record comes back in clear.", hops: 3, inbound: true},
		{name: "outbound short, bandwidth, rejected", note: "Options in requests and replies (proposal 168); hop 1 rejects.", hops: 2,
			bandwidth: tunnel.Bandwidth{Min: 10, Requested: 100, Limit: 200}, codes: []byte{0, tunnel.RejectBandwidth}},
		{name: "outbound long", note: "Records of 528 bytes.", hops: 3, long: true},
		{name: "inbound long", note: "Records of 528 bytes.", hops: 2, long: true, inbound: true},
	} {
		v, err := generateBuild(c, Time())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		files["tunnel-build.json"].Builds = append(files["tunnel-build.json"].Builds, v)
	}
	r, err := generateRatchet(Time())
	files["ratchet.json"].Ratchet = r
	return files, err
}

// Compute works through all vectors of the file.
func (f *File) Compute() error {
	for _, v := range f.NTCP2 {
		if err := v.Compute(); err != nil {
			return err
		}
	}
	for _, v := range f.Builds {
		if err := v.Compute(); err != nil {
			return err
		}
	}
	if f.Ratchet == nil {
		return nil
	}
	for _, v := range f.Ratchet.Sessions {
		if err := v.Compute(); err != nil {
			return err
		}
	}
	for _, v := range f.Ratchet.OneTime {
		if err := v.Compute(); err != nil {
			return err
		}
	}
	for _, v := range f.Ratchet.ToRouter {
		if err := v.Compute(); err != nil {
			return err
		}
	}
	return nil
}

// Marshal writes the file.
func (f *File) Marshal() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(f); err != nil {
		return nil, fmt.Errorf("vectors: %w", err)
	}
	return b.Bytes(), nil
}

// Unmarshal reads a file, in which it accepts no unknown field.
func Unmarshal(b []byte) (*File, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	f := new(File)
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("vectors: %w", err)
	}
	return f, nil
}
