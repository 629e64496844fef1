package datagram

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// Errors of datagrams of types 2 and 3.
var (
	ErrVersion = errors.New("datagram: the flags say another version")
	ErrExpired = errors.New("datagram: the sender's offline signature has expired")
)

// The flags of Datagram2 and Datagram3. Those that are not here may come to mean something, and
// are no error.
const (
	flagsLen    = 2
	versionMask = 0x0f
	hasOptions  = 1 << 4
	hasOffline  = 1 << 5 // Datagram2 only
)

// AppendDatagram2 appends a datagram of type 2 (Datagrams specification, Datagram2), which is for
// one destination alone: replayed to another it is not valid.
//
//	from 387+ | flags 2 | options 2+ | offline signature | payload | signature 40+
//	flags     :: big-endian; bits 3-0 version 2, bit 4 options follow, bit 5 an offline signature does
//	options   :: a Mapping
//	signature :: of the hash of to and all between from and signature
func AppendDatagram2(b []byte, from *i2p.PrivateKeys, to i2p.Hash, options i2p.Mapping, payload []byte) ([]byte, error) {
	if err := options.Check(); err != nil {
		return b, fmt.Errorf("datagram: options: %w", err)
	}
	flags := uint16(2)
	if from.Offline != nil {
		flags |= hasOffline
	}
	signed := appendFlags(slices.Clone(to[:]), flags, options)
	if from.Offline != nil {
		signed = from.Offline.AppendTo(signed)
	}
	signed = append(signed, payload...)
	sig, err := from.Sign(signed)
	if err != nil {
		return b, fmt.Errorf("datagram: signing: %w", err)
	}
	b = from.Destination().AppendTo(b)
	b = append(b, signed[len(to):]...)
	return append(b, sig...), nil
}

// datagram2 is one whose signature is yet to be verified. It refers to what it was read from.
type datagram2 struct {
	from               i2p.Destination
	options            i2p.Mapping
	payload            []byte
	key                sign.PublicKey // of from, or the one that it signed for
	covered, signature []byte         // what is signed, but for the hash
}

// parseDatagram2 reads a datagram of type 2 that takes all of b, and verifies an offline signature.
func parseDatagram2(b []byte, now time.Time) (d datagram2, err error) {
	from, signed, err := i2p.ParseDestination(b)
	if err != nil {
		return datagram2{}, fmt.Errorf("datagram: from: %w", err)
	}
	flags, options, rest, err := parseFlags(signed, 2)
	if err != nil {
		return datagram2{}, err
	}
	key := from.SigningKey()
	if flags&hasOffline != 0 {
		var o i2p.OfflineSignature
		if o, rest, err = i2p.ParseOfflineSignature(rest, from.SigType()); err != nil {
			return datagram2{}, fmt.Errorf("datagram: offline signature: %w", err)
		}
		if !now.Before(time.Unix(int64(o.Expires), 0)) {
			return datagram2{}, ErrExpired
		}
		if !o.Verify(from.Identity) {
			return datagram2{}, fmt.Errorf("%w: the offline one is not the destination's", ErrSignature)
		}
		key = o.Transient
	}
	n := key.Type().SignatureLen()
	if n == 0 || len(rest) < n {
		return datagram2{}, fmt.Errorf("datagram: %d bytes for a signature of type %v", len(rest), key.Type())
	}
	at := len(signed) - n
	return datagram2{from, options, rest[:len(rest)-n], key, signed[:at], signed[at:]}, nil
}

// verify tells whether the signature is by from, and of a hash. Those of the specification are of
// the receiver's.
func (d datagram2) verify(of i2p.Hash) bool {
	return d.key.Verify(append(slices.Clone(of[:]), d.covered...), d.signature)
}

// AppendDatagram3 appends a datagram of type 3 (Datagrams specification, Datagram3). It says from
// whom it is, and nothing proves it.
//
//	from hash 32 | flags 2 | options 2+ | payload
//	flags :: big-endian; bits 3-0 version 3, bit 4 options follow
func AppendDatagram3(b []byte, from i2p.Hash, options i2p.Mapping, payload []byte) ([]byte, error) {
	if err := options.Check(); err != nil {
		return b, fmt.Errorf("datagram: options: %w", err)
	}
	b = appendFlags(append(b, from[:]...), 3, options)
	return append(b, payload...), nil
}

// ParseDatagram3 reads a datagram of type 3 that takes all of b. The payload refers to b.
func ParseDatagram3(b []byte) (from i2p.Hash, options i2p.Mapping, payload []byte, err error) {
	if len(b) < len(from) {
		return i2p.Hash{}, nil, nil, fmt.Errorf("datagram: from: %w", i2p.ErrTruncated)
	}
	_, options, payload, err = parseFlags(b[len(from):], 3)
	if err != nil {
		return i2p.Hash{}, nil, nil, err
	}
	return i2p.Hash(b[:len(from)]), options, payload, nil
}

// appendFlags appends the flags, and options where there are any.
func appendFlags(b []byte, flags uint16, options i2p.Mapping) []byte {
	if len(options) == 0 {
		return binary.BigEndian.AppendUint16(b, flags)
	}
	return options.AppendTo(binary.BigEndian.AppendUint16(b, flags|hasOptions))
}

// parseFlags reads what appendFlags wrote.
func parseFlags(b []byte, version uint16) (flags uint16, options i2p.Mapping, rest []byte, err error) {
	if len(b) < flagsLen {
		return 0, nil, nil, fmt.Errorf("datagram: flags: %w", i2p.ErrTruncated)
	}
	flags, rest = binary.BigEndian.Uint16(b), b[flagsLen:]
	if flags&versionMask != version {
		return 0, nil, nil, fmt.Errorf("%w: %d, not %d", ErrVersion, flags&versionMask, version)
	}
	if flags&hasOptions != 0 {
		if options, rest, err = i2p.ParseMapping(rest); err != nil {
			return 0, nil, nil, fmt.Errorf("datagram: options: %w", err)
		}
	}
	return flags, options, rest, nil
}
