package httpproxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// framing says where the body of a message ends (RFC 9112 section 6).
type framing struct {
	kind   framingKind
	length int64 // of sized
}

type framingKind byte

const (
	none framingKind = iota
	sized
	chunked
	untilEnd // of the connection; responses only
)

// frame reads the fields that frame a body. Where two of them could be read in two ways the
// message is refused: this is what request smuggling is made of (RFC 9112 section 11.2).
func (h *head) frame() (framing, error) {
	length, lengths := h.get(fContentLength)
	coding, codings := h.get(fTransferEncoding)
	switch {
	case lengths > 1, codings > 1, lengths == 1 && codings == 1:
		return framing{}, malformed("it has two lengths")
	case codings == 1 && (h.minor == 0 || !equalFold(coding, "chunked")):
		return framing{}, malformed("its transfer coding is not chunked")
	case codings == 1:
		return framing{kind: chunked}, nil
	case lengths == 0:
		return framing{}, nil
	}
	n, ok := decimal(length)
	if !ok {
		return framing{}, malformed("its Content-Length is not a number")
	}
	return framing{kind: sized, length: n}, nil
}

// decimal reads digits and nothing else.
func decimal(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

const (
	maxChunkLine = 1 << 10 // with extensions
	maxTrailers  = 8 << 10
)

// body reads what a message has after its head.
type body struct {
	r      *bufio.Reader
	strict bool
	framing
	left int64 // of what is sized, or of the chunk
	in   bool  // within a chunk
	done bool
}

func (b *body) begin(r *bufio.Reader, f framing, strict bool) {
	*b = body{r: r, strict: strict, framing: f, left: f.length}
	b.done = f.kind == none || f.kind == sized && f.length == 0
	if f.kind == chunked {
		b.left = 0
	}
}

// Read reads the body's bytes without their framing. It gives io.EOF at the body's end only.
func (b *body) Read(p []byte) (int, error) {
	if b.done {
		return 0, io.EOF
	}
	if b.kind == chunked && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, err
		}
		if b.done {
			return 0, io.EOF
		}
	}
	if b.kind != untilEnd && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	if b.kind == untilEnd {
		b.done = err == io.EOF
		return n, err
	}
	b.left -= int64(n)
	b.done = b.kind == sized && b.left == 0
	if b.done || n > 0 {
		return n, nil
	}
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

// ready tells whether Read would give something at once.
func (b *body) ready() bool {
	waits := b.r.Buffered()
	if b.done || waits == 0 || b.kind != chunked || b.left > 0 {
		return !b.done && waits > 0
	}
	if b.in { // the end of the line after the last chunk
		waits -= 2
	}
	if waits <= 0 {
		return false
	}
	there, _ := b.r.Peek(b.r.Buffered())
	return bytes.IndexByte(there[len(there)-waits:], '\n') >= 0
}

// nextChunk reads the line before a chunk, and what ends the one before it, and at the end the
// trailers, which nobody here passes on (RFC 9112 section 7.1).
func (b *body) nextChunk() error {
	if b.in {
		if line, err := b.line(2); err != nil {
			return err
		} else if len(line) != 0 {
			return malformed("a chunk is longer than it says")
		}
	}
	line, err := b.line(maxChunkLine)
	if err != nil {
		return err
	}
	size, extension, _ := bytes.Cut(line, []byte{';'})
	if b.left, err = hexadecimal(bytes.TrimRight(size, " \t")); err != nil {
		return err
	}
	if !isText(extension) {
		return malformed("there is a control character in a chunk's extension")
	}
	b.in = true
	for left := maxTrailers; b.left == 0; {
		line, err := b.line(left)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			b.done = true
			return nil
		}
		left -= len(line)
	}
	return nil
}

// line reads a line of a chunked body's framing.
func (b *body) line(limit int) ([]byte, error) {
	line, err := b.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull), err == nil && len(line) > limit:
		return nil, malformed("a line between chunks is too long")
	case err == io.EOF:
		return nil, errBroken
	case err != nil:
		return nil, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1], nil
	}
	if b.strict {
		return nil, malformed("a line between chunks ends with LF alone")
	}
	return line, nil
}

func hexadecimal(b []byte) (n int64, err error) {
	if len(b) == 0 || len(b) > 15 {
		return 0, malformed("a chunk's size is not a number")
	}
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, malformed("a chunk's size is not a number")
		}
		n = n<<4 | int64(c)
	}
	return n, nil
}

// pieces makes of a body what is written of it, framed anew.
type pieces struct {
	body    *body
	chunked bool
	n       uint64 // bytes of the body
}

const (
	chunkHead = len("000000\r\n")
	chunkTail = len("\r\n")
	lastChunk = "0\r\n\r\n"
	minPiece  = 512 // what is left of a buffer that is not worth a read
)

// next appends to b, within its capacity, what there is to read of the body, and waits for some.
// io.EOF comes with the end of what it appends.
func (w *pieces) next(b []byte) ([]byte, error) {
	for {
		at := len(b)
		end := cap(b)
		if w.chunked {
			at += chunkHead
			end -= chunkTail + len(lastChunk)
		}
		n, err := w.body.Read(b[at:end])
		w.n += uint64(n)
		switch {
		case w.chunked && n > 0:
			b = appendHex(b, n)
			b = append(b[:at+n], "\r\n"...)
		case n > 0:
			b = b[:at+n]
		}
		if err == nil && w.body.done && w.body.kind == sized {
			err = io.EOF
		}
		if err == io.EOF && w.chunked {
			b = append(b, lastChunk...)
		}
		if err != nil || cap(b)-len(b) < minPiece || !w.body.ready() {
			return b, err
		}
	}
}

// appendHex writes the line before a chunk. Its length is always the same, so that the chunk can
// be read behind it first.
func appendHex(b []byte, n int) []byte {
	const digits = "0123456789abcdef"
	for shift := 20; shift >= 0; shift -= 4 {
		b = append(b, digits[n>>shift&15])
	}
	return append(b, "\r\n"...)
}
