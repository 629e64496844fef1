package httpmsg

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Framing says where the body of a message ends (RFC 9112 section 6).
type Framing struct {
	Kind   FramingKind
	Length int64 // of Sized
}

// FramingKind is how the end of a body is told.
type FramingKind byte

const (
	NoBody FramingKind = iota
	Sized
	Chunked
	UntilEnd // of the connection; responses only
)

// frame reads the fields that frame a body. Where two of them could be read in two ways the
// message is refused: this is what request smuggling is made of (RFC 9112 section 11.2).
func (h *Head) frame() (Framing, error) {
	length, lengths := h.Get(ContentLength)
	coding, codings := h.Get(TransferEncoding)
	switch {
	case lengths > 1, codings > 1, lengths == 1 && codings == 1:
		return Framing{}, Malformed("it has two lengths")
	case codings == 1 && (h.Minor == 0 || !EqualFold(coding, "chunked")):
		return Framing{}, Malformed("its transfer coding is not chunked")
	case codings == 1:
		return Framing{Kind: Chunked}, nil
	case lengths == 0:
		return Framing{}, nil
	}
	n, ok := Decimal(length)
	if !ok {
		return Framing{}, Malformed("its Content-Length is not a number")
	}
	return Framing{Kind: Sized, Length: n}, nil
}

// Decimal reads digits and nothing else.
func Decimal(b []byte) (n int64, ok bool) {
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

// Body reads what a message has after its head.
type Body struct {
	r      *bufio.Reader
	strict bool
	Framing
	left int64 // of what is sized, or of the chunk
	in   bool  // within a chunk
	Done bool
}

func (b *Body) Begin(r *bufio.Reader, f Framing, strict bool) {
	*b = Body{r: r, strict: strict, Framing: f, left: f.Length}
	b.Done = f.Kind == NoBody || f.Kind == Sized && f.Length == 0
	if f.Kind == Chunked {
		b.left = 0
	}
}

// Read reads the body's bytes without their framing. It gives io.EOF at the body's end only.
func (b *Body) Read(p []byte) (int, error) {
	if b.Done {
		return 0, io.EOF
	}
	if b.Kind == Chunked && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, err
		}
		if b.Done {
			return 0, io.EOF
		}
	}
	if b.Kind != UntilEnd && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	if b.Kind == UntilEnd {
		b.Done = err == io.EOF
		return n, err
	}
	b.left -= int64(n)
	b.Done = b.Kind == Sized && b.left == 0
	if b.Done || n > 0 {
		return n, nil
	}
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

// Ready tells whether Read would give something at once.
func (b *Body) Ready() bool {
	waits := b.r.Buffered()
	if b.Done || waits == 0 || b.Kind != Chunked || b.left > 0 {
		return !b.Done && waits > 0
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
func (b *Body) nextChunk() error {
	if b.in {
		if line, err := b.line(2); err != nil {
			return err
		} else if len(line) != 0 {
			return Malformed("a chunk is longer than it says")
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
		return Malformed("there is a control character in a chunk's extension")
	}
	b.in = true
	for left := maxTrailers; b.left == 0; {
		line, err := b.line(left)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			b.Done = true
			return nil
		}
		left -= len(line)
	}
	return nil
}

// line reads a line of a chunked body's framing.
func (b *Body) line(limit int) ([]byte, error) {
	line, err := b.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull), err == nil && len(line) > limit:
		return nil, Malformed("a line between chunks is too long")
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
		return nil, Malformed("a line between chunks ends with LF alone")
	}
	return line, nil
}

func hexadecimal(b []byte) (n int64, err error) {
	if len(b) == 0 || len(b) > 15 {
		return 0, Malformed("a chunk's size is not a number")
	}
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, Malformed("a chunk's size is not a number")
		}
		n = n<<4 | int64(c)
	}
	return n, nil
}

// Pieces makes of a body what is written of it, framed anew.
type Pieces struct {
	Body    *Body
	Chunked bool
	N       uint64 // bytes of the body
}

// MinPiece is what is left of a buffer that is not worth a read.
const MinPiece = 512

const (
	chunkHead = len("000000\r\n")
	chunkTail = len("\r\n")
	lastChunk = "0\r\n\r\n"
)

// Next appends to b, within its capacity, what there is to read of the body, and waits for some.
// io.EOF comes with the end of what it appends.
func (w *Pieces) Next(b []byte) ([]byte, error) {
	for {
		at := len(b)
		end := cap(b)
		if w.Chunked {
			at += chunkHead
			end -= chunkTail + len(lastChunk)
		}
		n, err := w.Body.Read(b[at:end])
		w.N += uint64(n)
		switch {
		case w.Chunked && n > 0:
			b = appendHex(b, n)
			b = append(b[:at+n], "\r\n"...)
		case n > 0:
			b = b[:at+n]
		}
		if err == nil && w.Body.Done && w.Body.Kind == Sized {
			err = io.EOF
		}
		if err == io.EOF && w.Chunked {
			b = append(b, lastChunk...)
		}
		if err != nil || cap(b)-len(b) < MinPiece || !w.Body.Ready() {
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
