// Package httpmsg reads the messages of HTTP/1 (RFC 9112) for those who pass them on: what two readers
// could understand in two ways is refused, so that nobody who reads it after this one finds another message
// in it.
package httpmsg

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Why there is no message.
var (
	errBroken    = errors.New("the connection ended within a message")
	ErrEnd       = errors.New("the connection ended between two messages")
	ErrTooLarge  = errors.New("the header section is too large")
	ErrMalformed = errors.New("malformed")
)

// Malformed says what is wrong with a message: two readers of it might understand different
// things, and so nobody is given it to read.
type Malformed string

func (m Malformed) Error() string   { return string(m) }
func (Malformed) Is(err error) bool { return err == ErrMalformed }

const maxFields = 128

// Field is one header field as it came.
type Field struct {
	Name, Value []byte
	Known       Known // which of the names that mean something here it is
	Hop         bool  // for the next hop alone: Connection names it
}

// Head is the start line and header section of a message (RFC 9112 section 2.1). It is used
// again for one message after the other, so that reading one allocates nothing.
type Head struct {
	Text   []byte
	Start  []byte
	Fields []Field
	Minor  byte // of HTTP/1.x
}

// read reads a head. strict is for requests: a line ends with CR LF and nothing else. Of
// responses a lone LF is taken as well (RFC 9112 section 2.2), which small servers send: what
// becomes of them here is written anew.
func (h *Head) read(r *bufio.Reader, limit int, strict bool) error {
	h.Text = h.Text[:0]
	for begun, skipped := 0, false; ; {
		part, err := r.ReadSlice('\n')
		h.Text = append(h.Text, part...)
		switch {
		case len(h.Text) > limit:
			return ErrTooLarge
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(h.Text) == 0:
			return ErrEnd
		case err == io.EOF:
			return errBroken
		case err != nil:
			return err
		}
		line := h.Text[begun:]
		switch empty := len(line) == 1 || len(line) == 2 && line[0] == '\r'; {
		case !empty:
			begun = len(h.Text)
		case strict && len(line) == 1:
			return Malformed("a line ends with LF alone")
		case begun != 0:
			h.Text = h.Text[:begun]
			return h.split(strict)
		case skipped:
			return Malformed("there is no first line")
		default: // some send an empty line before a request (RFC 9112 section 2.2)
			h.Text, skipped = h.Text[:0], true
		}
	}
}

// split finds the lines of the text, and the parts of fields.
func (h *Head) split(strict bool) error {
	h.Fields = h.Fields[:0]
	text := h.Text
	for first := true; len(text) > 0; first = false {
		n := bytes.IndexByte(text, '\n')
		line := text[:n]
		text = text[n+1:]
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		} else if strict {
			return Malformed("a line ends with LF alone")
		}
		if first {
			h.Start = line
			if !isText(line) {
				return Malformed("there is a control character in the first line")
			}
			continue
		}
		if err := h.field(line); err != nil {
			return err
		}
	}
	h.hops()
	return nil
}

// field takes a line of the header section (RFC 9112 section 5). Folded lines are refused:
// not all who read them join them.
func (h *Head) field(line []byte) error {
	if len(h.Fields) == maxFields {
		return ErrTooLarge
	}
	if line[0] == ' ' || line[0] == '\t' {
		return Malformed("a header line is folded")
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || !isToken(name) {
		return Malformed("a header line has no name")
	}
	value = bytes.Trim(value, " \t")
	if !isText(value) {
		return Malformed("there is a control character in a header")
	}
	h.Fields = append(h.Fields, Field{Name: name, Value: value, Known: Lookup(name)})
	return nil
}

// hops marks the fields that Connection names (RFC 9110 section 7.6.1). What frames the
// message is not for it to take away.
func (h *Head) hops() {
	for _, f := range h.Fields {
		if f.Known != Connection {
			continue
		}
		for token := range Tokens(f.Value) {
			for i := range h.Fields {
				o := &h.Fields[i]
				if bytes.EqualFold(o.Name, token) && o.Known != ContentLength && o.Known != Host {
					o.Hop = true
				}
			}
		}
	}
}

// Get returns the only field of a kind. More than one is as bad as none for those who ask.
func (h *Head) Get(k Known) (value []byte, n int) {
	for i := range h.Fields {
		if h.Fields[i].Known == k {
			value = h.Fields[i].Value
			n++
		}
	}
	return value, n
}

// Has tells whether a list of tokens has one.
func (h *Head) Has(k Known, token string) bool {
	for i := range h.Fields {
		if h.Fields[i].Known != k {
			continue
		}
		for t := range Tokens(h.Fields[i].Value) {
			if EqualFold(t, token) {
				return true
			}
		}
	}
	return false
}

// Tokens are the parts of a list that commas separate.
func Tokens(list []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(list) > 0 {
			var t []byte
			t, list, _ = bytes.Cut(list, []byte{','})
			if t = bytes.Trim(t, " \t"); len(t) > 0 && !yield(t) {
				return
			}
		}
	}
}

// isToken tells a token (RFC 9110 section 5.6.2).
func isToken(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

var tokenBytes = func() (t [256]bool) {
	for c := range t {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' && c < 0x80
		t[c] = letter || c >= '0' && c <= '9' || c < 0x80 && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(c)) >= 0
	}
	return t
}()

// isText tells what has no control characters but tabs.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// EqualFold compares with a text in lower case.
func EqualFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
