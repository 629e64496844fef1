package httpproxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Why there is no message.
var (
	errEnd       = errors.New("the connection ended between two messages")
	errBroken    = errors.New("the connection ended within a message")
	errTooLarge  = errors.New("the header section is too large")
	errMalformed = errors.New("malformed")
)

// malformed says what is wrong with a message: two readers of it might understand different
// things, and so nobody is given it to read.
type malformed string

func (m malformed) Error() string   { return string(m) }
func (malformed) Is(err error) bool { return err == errMalformed }

const maxFields = 128

// field is one header field as it came.
type field struct {
	name, value []byte
	known       known // which of the names that mean something here it is
	hop         bool  // for the next hop alone: Connection names it
}

// head is the start line and header section of a message (RFC 9112 section 2.1). It is used
// again for one message after the other, so that reading one allocates nothing.
type head struct {
	text   []byte
	start  []byte
	fields []field
	minor  byte // of HTTP/1.x
}

// read reads a head. strict is for requests: a line ends with CR LF and nothing else. Of
// responses a lone LF is taken as well (RFC 9112 section 2.2), which small servers send: what
// becomes of them here is written anew.
func (h *head) read(r *bufio.Reader, limit int, strict bool) error {
	h.text = h.text[:0]
	for begun, skipped := 0, false; ; {
		part, err := r.ReadSlice('\n')
		h.text = append(h.text, part...)
		switch {
		case len(h.text) > limit:
			return errTooLarge
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(h.text) == 0:
			return errEnd
		case err == io.EOF:
			return errBroken
		case err != nil:
			return err
		}
		line := h.text[begun:]
		switch empty := len(line) == 1 || len(line) == 2 && line[0] == '\r'; {
		case !empty:
			begun = len(h.text)
		case strict && len(line) == 1:
			return malformed("a line ends with LF alone")
		case begun != 0:
			h.text = h.text[:begun]
			return h.split(strict)
		case skipped:
			return malformed("there is no first line")
		default: // some send an empty line before a request (RFC 9112 section 2.2)
			h.text, skipped = h.text[:0], true
		}
	}
}

// split finds the lines of the text, and the parts of fields.
func (h *head) split(strict bool) error {
	h.fields = h.fields[:0]
	text := h.text
	for first := true; len(text) > 0; first = false {
		n := bytes.IndexByte(text, '\n')
		line := text[:n]
		text = text[n+1:]
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		} else if strict {
			return malformed("a line ends with LF alone")
		}
		if first {
			h.start = line
			if !isText(line) {
				return malformed("there is a control character in the first line")
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
func (h *head) field(line []byte) error {
	if len(h.fields) == maxFields {
		return errTooLarge
	}
	if line[0] == ' ' || line[0] == '\t' {
		return malformed("a header line is folded")
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || !isToken(name) {
		return malformed("a header line has no name")
	}
	value = bytes.Trim(value, " \t")
	if !isText(value) {
		return malformed("there is a control character in a header")
	}
	h.fields = append(h.fields, field{name: name, value: value, known: lookup(name)})
	return nil
}

// hops marks the fields that Connection names (RFC 9110 section 7.6.1). What frames the
// message is not for it to take away.
func (h *head) hops() {
	for _, f := range h.fields {
		if f.known != fConnection {
			continue
		}
		for token := range tokens(f.value) {
			for i := range h.fields {
				o := &h.fields[i]
				if bytes.EqualFold(o.name, token) && o.known != fContentLength && o.known != fHost {
					o.hop = true
				}
			}
		}
	}
}

// get returns the only field of a kind. More than one is as bad as none for those who ask.
func (h *head) get(k known) (value []byte, n int) {
	for i := range h.fields {
		if h.fields[i].known == k {
			value = h.fields[i].value
			n++
		}
	}
	return value, n
}

// has tells whether a list of tokens has one.
func (h *head) has(k known, token string) bool {
	for i := range h.fields {
		if h.fields[i].known != k {
			continue
		}
		for t := range tokens(h.fields[i].value) {
			if equalFold(t, token) {
				return true
			}
		}
	}
	return false
}

// tokens are the parts of a list that commas separate.
func tokens(list []byte) func(yield func([]byte) bool) {
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

// equalFold compares with a text in lower case.
func equalFold(b []byte, lower string) bool {
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
