// Package su3 reads, checks and makes su3 files: signed containers of reseed
// data, updates, plugins, news and block lists (Software Update Specification,
// SU3 File Specification).
//
// A file is a header, the content, and a signature over both:
//
//	"I2Psu3" | 0 | format 1 | signature type 2 | signature length 2 |
//	0 | version length 1 | 0 | signer length 1 | content length 8 |
//	0 | file type 1 | 0 | content type 1 | 0 … 12 | version | signer |
//	content | signature
package su3

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"i2ptoolkit/pkg/sign"
)

// FileType says how the content is written.
type FileType byte

// The file types.
const (
	ZIP FileType = iota
	XML
	HTML
	XMLGZ
	TXTGZ
	DMG
	EXE
)

var fileTypes = [...]string{"zip", "xml", "html", "xml.gz", "txt.gz", "dmg", "exe"}

func (t FileType) String() string { return nameOf(fileTypes[:], byte(t)) }

// ParseFileType reads a file type's name, or its number.
func ParseFileType(s string) (FileType, error) {
	n, err := parseName("file type", fileTypes[:], s)
	return FileType(n), err
}

// ContentType says what the content is. It is the domain of trust: who may
// sign reseed data may not sign updates.
type ContentType byte

// The content types.
const (
	Unknown ContentType = iota
	RouterUpdate
	Plugin
	Reseed
	News
	Blocklist
)

var contentTypes = [...]string{"unknown", "update", "plugin", "reseed", "news", "blocklist"}

func (t ContentType) String() string { return nameOf(contentTypes[:], byte(t)) }

// ParseContentType reads a content type's name, or its number.
func ParseContentType(s string) (ContentType, error) {
	n, err := parseName("content type", contentTypes[:], s)
	return ContentType(n), err
}

func nameOf(names []string, n byte) string {
	if int(n) < len(names) {
		return names[n]
	}
	return strconv.Itoa(int(n))
}

func parseName(what string, names []string, s string) (byte, error) {
	for i, name := range names {
		if strings.EqualFold(name, s) {
			return byte(i), nil
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("su3: %q is no %s, expected one of %s, or a number", s, what, strings.Join(names, ", "))
	}
	return byte(n), nil
}

// Header is what stands before the content.
type Header struct {
	SignatureType sign.Type
	SignatureLen  int
	Version       string
	Signer        string // such as you@mail.i2p
	FileType      FileType
	ContentType   ContentType
	ContentLen    int64
}

// The sizes of a header, in bytes.
const (
	fixedHeader = 40
	minVersion  = 16
	maxName     = 255 // version and signer
	MaxHeader   = fixedHeader + 2*maxName
)

const magic = "I2Psu3"

var (
	// ErrNotSU3 means that a file is something else altogether.
	ErrNotSU3 = errors.New("su3: no su3 file")
	// ErrTruncated means that a file ends too early.
	ErrTruncated = errors.New("su3: truncated")
	// ErrTrailing means that a file goes on after its signature.
	ErrTrailing = errors.New("su3: bytes after the signature")
	// ErrSignature means that a signature is not that of the signer's key.
	ErrSignature = errors.New("su3: signature does not verify")
)

// unused are the bytes of the header that must be 0.
var unused = [...]int{6, 12, 14, 24, 26, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39}

// ParseHeader reads the header at the beginning of b.
func ParseHeader(b []byte) (Header, []byte, error) {
	if n := min(len(b), len(magic)); string(b[:n]) != magic[:n] || n == 0 {
		return Header{}, nil, fmt.Errorf("%w: expected %q at its beginning", ErrNotSU3, magic)
	}
	if len(b) < fixedHeader {
		return Header{}, nil, fmt.Errorf("%w: header of %d bytes, expected at least %d", ErrTruncated, len(b), fixedHeader)
	}
	if b[7] != 0 {
		return Header{}, nil, fmt.Errorf("su3: format version %d, expected 0", b[7])
	}
	for _, at := range unused {
		if b[at] != 0 {
			return Header{}, nil, fmt.Errorf("su3: unused byte %d is %d, expected 0", at, b[at])
		}
	}
	h := Header{
		SignatureType: sign.Type(binary.BigEndian.Uint16(b[8:])),
		SignatureLen:  int(binary.BigEndian.Uint16(b[10:])),
		FileType:      FileType(b[25]),
		ContentType:   ContentType(b[27]),
	}
	versionLen, signerLen := int(b[13]), int(b[15])
	length := binary.BigEndian.Uint64(b[16:])
	rest := b[fixedHeader:]
	if len(rest) < versionLen+signerLen {
		return Header{}, nil, fmt.Errorf("%w: version and signer of %d bytes, expected %d", ErrTruncated, len(rest), versionLen+signerLen)
	}
	version := string(rest[:versionLen])
	h.Version = strings.TrimRight(version, "\x00")
	h.Signer = string(rest[versionLen : versionLen+signerLen])
	if length > 1<<62 {
		return Header{}, nil, fmt.Errorf("su3: content of %d bytes", length)
	}
	h.ContentLen = int64(length)
	if versionLen < minVersion || versionLen > max(minVersion, len(h.Version)) {
		return Header{}, nil, fmt.Errorf("su3: version of %d bytes in a field of %d, expected a field of at least %d, and padding only up to that", len(h.Version), versionLen, minVersion)
	}
	if err := h.check(); err != nil {
		return Header{}, nil, err
	}
	return h, rest[versionLen+signerLen:], nil
}

// check tells whether a header's fields make sense.
func (h Header) check() error {
	if want := h.SignatureType.SignatureLen(); hashOf(h.SignatureType) == 0 || h.SignatureLen != want {
		if hashOf(h.SignatureType) == 0 {
			return fmt.Errorf("su3: signature of type %v, which no su3 file has", h.SignatureType)
		}
		return fmt.Errorf("su3: signature of %d bytes, expected %d of %v", h.SignatureLen, want, h.SignatureType)
	}
	if h.ContentLen <= 0 {
		return fmt.Errorf("su3: content of %d bytes, expected some", h.ContentLen)
	}
	if len(h.Version) > maxName || !printable(h.Version) {
		return fmt.Errorf("su3: version %.60q, expected at most %d bytes of printable UTF-8", h.Version, maxName)
	}
	if len(h.Signer) == 0 || len(h.Signer) > maxName || !printable(h.Signer) {
		return fmt.Errorf("su3: signer %.60q, expected 1 to %d bytes of printable UTF-8", h.Signer, maxName)
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// AppendTo appends the header. A short version is padded.
func (h Header) AppendTo(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(h.SignatureType))
	b = binary.BigEndian.AppendUint16(b, uint16(h.SignatureLen))
	padding := max(0, minVersion-len(h.Version))
	b = append(b, 0, byte(len(h.Version)+padding), 0, byte(len(h.Signer)))
	b = binary.BigEndian.AppendUint64(b, uint64(h.ContentLen))
	b = append(b, 0, byte(h.FileType), 0, byte(h.ContentType))
	b = append(b, make([]byte, 12)...)
	b = append(b, h.Version...)
	b = append(b, make([]byte, padding)...)
	return append(b, h.Signer...)
}

// IsZip tells a zip, be it an empty one, by its first four bytes or more.
func IsZip(beginning []byte) bool {
	return bytes.HasPrefix(beginning, []byte("PK\x03\x04")) || bytes.HasPrefix(beginning, []byte("PK\x05\x06"))
}
