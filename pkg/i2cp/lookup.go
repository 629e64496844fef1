package i2cp

import (
	"encoding/binary"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// LookupKind is what a HostLookup has, and what it asks for.
type LookupKind byte

// The kinds of lookups. The last three ask for the options of the lease set as well (proposal 167).
const (
	LookupHash LookupKind = iota
	LookupHost
	LookupHashOptions
	LookupHostOptions
	LookupDestinationOptions
)

// WantsOptions tells whether the options of the lease set are asked for.
func (k LookupKind) WantsOptions() bool { return k >= LookupHashOptions }

// HostLookup asks for a destination.
//
//	session 2 | request id 4 | timeout 4 (ms) | kind 1 | Hash, host name String or Destination
type HostLookup struct {
	Session     SessionID
	Request     uint32
	Timeout     time.Duration
	Kind        LookupKind
	Hash        i2p.Hash
	Host        string
	Destination i2p.Destination
	Unknown     []byte // what a lookup of an unknown kind has
}

func parseHostLookup(r *reader) Message {
	m := HostLookup{Session: r.session(), Request: r.uint32()}
	m.Timeout = time.Duration(r.uint32()) * time.Millisecond
	switch m.Kind = LookupKind(r.byte()); m.Kind {
	case LookupHash, LookupHashOptions:
		m.Hash = r.hash()
	case LookupHost, LookupHostOptions:
		m.Host = r.text()
	case LookupDestinationOptions:
		m.Destination = r.destination()
	default:
		m.Unknown = r.bytes(len(r.b))
	}
	return m
}

// Type is TypeHostLookup.
func (HostLookup) Type() Type { return TypeHostLookup }

// AppendTo appends the body.
func (m HostLookup) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(m.Session.appendTo(b), m.Request)
	b = binary.BigEndian.AppendUint32(b, uint32(m.Timeout.Milliseconds()))
	b = append(b, byte(m.Kind))
	switch m.Kind {
	case LookupHash, LookupHashOptions:
		return append(b, m.Hash[:]...)
	case LookupHost, LookupHostOptions:
		return appendText(b, m.Host)
	case LookupDestinationOptions:
		return m.Destination.AppendTo(b)
	}
	return append(b, m.Unknown...)
}

// LookupResult is what a HostReply says.
type LookupResult byte

// The results of lookups.
const (
	LookupFound LookupResult = iota
	LookupFailed
	LookupPasswordNeeded
	LookupKeyNeeded
	LookupBothNeeded
	LookupNotDecrypted
	LookupNoLeaseSet
	LookupUnsupported
)

// HostReply answers a HostLookup.
//
//	session 2 | request id 4 | result 1 | Destination, where it is known | options Mapping, where asked for
type HostReply struct {
	Session     SessionID
	Request     uint32
	Result      LookupResult
	Destination i2p.Destination // zero: it is not there
	Options     i2p.Mapping     // nil: it is not there
}

func parseHostReply(r *reader) Message {
	m := HostReply{Session: r.session(), Request: r.uint32(), Result: LookupResult(r.byte())}
	if len(r.b) > 0 || m.Result == LookupFound {
		m.Destination = r.destination()
	}
	if len(r.b) > 0 {
		if m.Options = r.mapping(); m.Options == nil {
			m.Options = i2p.Mapping{}
		}
	}
	return m
}

// Type is TypeHostReply.
func (HostReply) Type() Type { return TypeHostReply }

// AppendTo appends the body.
func (m HostReply) AppendTo(b []byte) []byte {
	b = append(binary.BigEndian.AppendUint32(m.Session.appendTo(b), m.Request), byte(m.Result))
	if !m.Destination.IsZero() {
		b = m.Destination.AppendTo(b)
		if m.Options != nil {
			b = m.Options.AppendTo(b)
		}
	}
	return b
}

// DestLookup asks for the destination of a hash.
//
//	Hash 32
type DestLookup struct{ Hash i2p.Hash }

// Type is TypeDestLookup.
func (DestLookup) Type() Type { return TypeDestLookup }

// AppendTo appends the body.
func (m DestLookup) AppendTo(b []byte) []byte { return append(b, m.Hash[:]...) }

// DestReply answers a DestLookup.
//
//	Destination, or Hash where there is none
type DestReply struct {
	Destination i2p.Destination // zero: not found
	Hash        i2p.Hash        // what was asked for
}

func parseDestReply(r *reader) Message {
	if len(r.b) == i2p.HashLen {
		return DestReply{Hash: r.hash()}
	}
	d := r.destination()
	if r.err != nil {
		return DestReply{}
	}
	return DestReply{d, d.Hash()}
}

// Type is TypeDestReply.
func (DestReply) Type() Type { return TypeDestReply }

// AppendTo appends the body.
func (m DestReply) AppendTo(b []byte) []byte {
	if m.Destination.IsZero() {
		return append(b, m.Hash[:]...)
	}
	return m.Destination.AppendTo(b)
}

// EndpointKind is by what a BlindingInfo names a destination.
type EndpointKind byte

// The kinds of endpoints.
const (
	EndpointHash EndpointKind = iota
	EndpointHost
	EndpointDestination
	EndpointKey
)

// BlindingInfo tells the router that the lease set of a destination is encrypted, and what opens it.
//
//	session 2 | flags 1 | endpoint kind 1 | blinded signature type 2 | expiration 4 (s) |
//	Hash, host name String, Destination, or signature type 2 and signing key |
//	X25519 private key 32, if flagged | secret String, if flagged
//	flags :: bit 0 per client, bits 3-1 scheme 0 DH 1 PSK, bit 4 a secret
type BlindingInfo struct {
	Session     SessionID
	Scheme      byte // 0 DH, 1 PSK
	Kind        EndpointKind
	BlindedType sign.Type
	Expires     uint32 // seconds since 1970
	Hash        i2p.Hash
	Host        string
	Destination i2p.Destination
	Signing     sign.PublicKey
	PerClient   bool
	Key         [32]byte
	HasSecret   bool
	Secret      string
}

const (
	blindPerClient   = 1 << 0
	blindSchemeShift = 1
	blindSecret      = 1 << 4
	blindKnown       = blindPerClient | 7<<blindSchemeShift | blindSecret
)

func parseBlindingInfo(r *reader) Message {
	m := BlindingInfo{Session: r.session()}
	flags := r.byte()
	m.PerClient, m.HasSecret = flags&blindPerClient != 0, flags&blindSecret != 0
	m.Scheme = flags >> blindSchemeShift & 7
	m.Kind = EndpointKind(r.byte())
	m.BlindedType, m.Expires = sign.Type(r.number(2)), r.uint32()
	if flags&^blindKnown != 0 || m.Scheme > 1 || m.Scheme != 0 && !m.PerClient {
		r.fail(fmt.Errorf("flags %#02x are not known", flags))
	}
	switch m.Kind {
	case EndpointHash:
		m.Hash = r.hash()
	case EndpointHost:
		m.Host = r.text()
	case EndpointDestination:
		m.Destination = r.destination()
	case EndpointKey:
		t := sign.Type(r.number(2))
		key := r.bytes(t.PublicKeyLen())
		var err error
		if m.Signing, err = sign.NewPublicKey(t, key); err != nil {
			r.fail(err)
		}
	default:
		r.fail(fmt.Errorf("endpoint of kind %d", m.Kind))
	}
	if m.PerClient {
		copy(m.Key[:], r.bytes(len(m.Key)))
	}
	if m.HasSecret {
		m.Secret = r.text()
	}
	return m
}

// Type is TypeBlindingInfo.
func (BlindingInfo) Type() Type { return TypeBlindingInfo }

// AppendTo appends the body.
func (m BlindingInfo) AppendTo(b []byte) []byte {
	flags := m.Scheme << blindSchemeShift
	if m.PerClient {
		flags |= blindPerClient
	}
	if m.HasSecret {
		flags |= blindSecret
	}
	b = append(m.Session.appendTo(b), flags, byte(m.Kind))
	b = binary.BigEndian.AppendUint16(b, uint16(m.BlindedType))
	b = binary.BigEndian.AppendUint32(b, m.Expires)
	switch m.Kind {
	case EndpointHash:
		b = append(b, m.Hash[:]...)
	case EndpointHost:
		b = appendText(b, m.Host)
	case EndpointDestination:
		b = m.Destination.AppendTo(b)
	case EndpointKey:
		b = binary.BigEndian.AppendUint16(b, uint16(m.Signing.Type()))
		b = append(b, m.Signing.Bytes()...)
	}
	if m.PerClient {
		b = append(b, m.Key[:]...)
	}
	if m.HasSecret {
		b = appendText(b, m.Secret)
	}
	return b
}
