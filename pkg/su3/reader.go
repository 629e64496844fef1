package su3

import (
	"crypto"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Reader reads a file as it comes, so that its size does not matter: first the
// header, then with Read the content, and with Verify the signature. What Read
// gave is not to be trusted before Verify has said so.
type Reader struct {
	header Header
	source io.Reader
	sum    hash.Hash
	left   int64 // of the content
	failed error
}

// NewReader reads the header.
func NewReader(r io.Reader) (*Reader, error) {
	b := make([]byte, fixedHeader, MaxHeader)
	n, err := io.ReadFull(r, b)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if b = b[:n]; n == fixedHeader {
		names := b[n : n+int(b[13])+int(b[15])]
		m, err := io.ReadFull(r, names)
		if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		b = b[:n+m]
	}
	h, _, err := ParseHeader(b)
	if err != nil {
		return nil, err
	}
	s := &Reader{header: h, source: r, sum: hashOf(h.SignatureType).New(), left: h.ContentLen}
	s.sum.Write(b)
	return s, nil
}

// Header is the file's.
func (r *Reader) Header() Header { return r.header }

// Read reads the content.
func (r *Reader) Read(p []byte) (int, error) {
	if r.failed != nil {
		return 0, r.failed
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.source.Read(p[:min(int64(len(p)), r.left)])
	r.sum.Write(p[:n])
	r.left -= int64(n)
	if err == io.EOF {
		if err = nil; r.left > 0 {
			err = fmt.Errorf("%w: %d bytes of the content are missing", ErrTruncated, r.left)
		}
	}
	r.failed = err
	return n, err
}

// Verify reads what is left, and checks the signature against the signer's
// keys, one of which must have made it. The file must end with it.
func (r *Reader) Verify(keys ...crypto.PublicKey) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	sig := make([]byte, r.header.SignatureLen)
	if n, err := io.ReadFull(r.source, sig); err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: signature of %d bytes, expected %d", ErrTruncated, n, len(sig))
	} else if err != nil {
		return err
	}
	var more [1]byte
	if _, err := io.ReadFull(r.source, more[:]); err == nil {
		return ErrTrailing
	} else if err != io.EOF {
		return err
	}
	r.failed = errors.New("su3: the file was read to its end")
	return verifyAny(r.header.SignatureType, keys, r.sum.Sum(nil), sig)
}

// File is a whole file in memory.
type File struct {
	Header
	Content   []byte
	Signature []byte
	raw       []byte
}

// Parse reads a file of which nothing is missing and nothing left over. The
// result refers to b.
func Parse(b []byte) (File, error) {
	h, rest, err := ParseHeader(b)
	if err != nil {
		return File{}, err
	}
	if int64(len(rest)) < h.ContentLen+int64(h.SignatureLen) {
		return File{}, fmt.Errorf("%w: content and signature of %d bytes, expected %d", ErrTruncated, len(rest), h.ContentLen+int64(h.SignatureLen))
	}
	f := File{Header: h, Content: rest[:h.ContentLen:h.ContentLen], raw: b}
	if f.Signature = rest[h.ContentLen:]; len(f.Signature) > h.SignatureLen {
		return File{}, ErrTrailing
	}
	return f, nil
}

// Verify checks the signature against the signer's keys, one of which must
// have made it.
func (f File) Verify(keys ...crypto.PublicKey) error {
	sum := hashOf(f.SignatureType).New()
	sum.Write(f.raw[:len(f.raw)-f.SignatureLen])
	return verifyAny(f.SignatureType, keys, sum.Sum(nil), f.Signature)
}
