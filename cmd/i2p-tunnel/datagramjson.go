package main

import (
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// received is a datagram that came, as --json prints it.
type received struct {
	From     string            `json:"from,omitempty"` // b32; not of raw ones
	FromPort uint16            `json:"from_port"`
	Port     uint16            `json:"port"` // ours
	Protocol string            `json:"protocol"`
	Proven   bool              `json:"proven"` // that it is from there
	Options  map[string]string `json:"options,omitempty"`
	Data     []byte            `json:"data"`
	Text     *string           `json:"text,omitempty"` // the same, where it is UTF-8
}

// toSend is one that is to be sent, as --json reads it.
type toSend struct {
	To       string            `json:"to"` // b32 or base64; empty: as ever
	ToPort   uint16            `json:"to_port"`
	Protocol string            `json:"protocol"`
	Options  map[string]string `json:"options"`
	Data     []byte            `json:"data"`
	Text     *string           `json:"text"`
}

// jsonLines have an object each.
type jsonLines struct {
	in  *json.Decoder
	out io.Writer
}

func newJSONLines(in io.Reader, out io.Writer) *jsonLines {
	d := json.NewDecoder(in)
	d.DisallowUnknownFields()
	return &jsonLines{d, out}
}

func (j *jsonLines) read() (datagram.Message, error) {
	var s toSend
	if err := j.in.Decode(&s); errors.Is(err, io.EOF) {
		return datagram.Message{}, err
	} else if err != nil {
		return datagram.Message{}, cli.Dataf("stdin: %w", err)
	}
	m, err := s.message()
	if err != nil {
		return datagram.Message{}, cli.Dataf("stdin: %w", err)
	}
	return m, nil
}

func (s toSend) message() (m datagram.Message, err error) {
	m.PeerPort, m.Payload = s.ToPort, s.Data
	if s.Text != nil {
		if s.Data != nil {
			return m, errors.New("both data and text")
		}
		m.Payload = []byte(*s.Text)
	}
	if s.Protocol != "" {
		if m.Protocol, err = datagram.ParseName(s.Protocol); err != nil {
			return m, err
		}
	}
	if s.To != "" {
		name, err := i2p.ParseName(s.To)
		switch {
		case err != nil:
			return m, err
		case name.Hash.IsZero():
			return m, errors.New("to is to be a b32 address or a destination in base64")
		}
		m.Peer = name.Hash
		if m.PeerPort == 0 {
			m.PeerPort = name.Port
		}
	}
	m.Options, err = i2p.NewMapping(s.Options)
	return m, err
}

func (j *jsonLines) write(m datagram.Message) error {
	r := received{FromPort: m.PeerPort, Port: m.Port, Protocol: datagram.Name(m.Protocol), Proven: m.Proven, Data: m.Payload}
	if !m.Peer.IsZero() {
		r.From = m.Peer.B32()
	}
	if r.Data == nil {
		r.Data = []byte{}
	}
	if utf8.Valid(m.Payload) {
		text := string(m.Payload)
		r.Text = &text
	}
	for _, o := range m.Options {
		if r.Options == nil {
			r.Options = make(map[string]string)
		}
		r.Options[o.Key] = o.Value
	}
	return cli.WriteJSON(j.out, r)
}
