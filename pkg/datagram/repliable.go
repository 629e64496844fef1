package datagram

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// ErrSignature means that a repliable datagram is not from whom it says.
var ErrSignature = errors.New("datagram: bad signature")

// ErrOffline means that a destination with offline keys cannot send Datagram1,
// which has no place for the signature that allows its transient key.
var ErrOffline = errors.New("datagram: with offline keys there are no datagrams of type 1")

// AppendRepliable appends a repliable datagram (Datagrams specification,
// Datagram1).
//
//	from 387+ | signature 40+ | payload
//	signature :: of the payload, with the key of from; of its SHA-256 where that is of type DSA_SHA1
func AppendRepliable(b []byte, from *i2p.PrivateKeys, payload []byte) ([]byte, error) {
	if from.Offline != nil {
		return b, ErrOffline
	}
	sig, err := from.Sign(signed(from.SigningType(), payload))
	if err != nil {
		return b, fmt.Errorf("datagram: signing: %w", err)
	}
	b = from.Destination().AppendTo(b)
	b = append(b, sig...)
	return append(b, payload...), nil
}

// ParseRepliable reads a repliable datagram that takes all of b, and verifies
// it. The payload refers to b.
func ParseRepliable(b []byte) (from i2p.Destination, payload []byte, err error) {
	from, rest, err := i2p.ParseDestination(b)
	if err != nil {
		return i2p.Destination{}, nil, fmt.Errorf("datagram: from: %w", err)
	}
	n := from.SigType().SignatureLen()
	if n == 0 || len(rest) < n {
		return i2p.Destination{}, nil, fmt.Errorf("datagram: %d bytes for a signature of type %v", len(rest), from.SigType())
	}
	sig, payload := rest[:n], rest[n:]
	if !from.Verify(signed(from.SigType(), payload), sig) {
		return i2p.Destination{}, nil, ErrSignature
	}
	return from, payload, nil
}

// signed is what the signature of a payload covers.
func signed(t sign.Type, payload []byte) []byte {
	if t != sign.DSA_SHA1 {
		return payload
	}
	h := sha256.Sum256(payload)
	return h[:]
}
