package i2cp

import (
	"encoding/binary"
	"fmt"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// RequestVariableLeaseSet asks for a lease set with these leases. The first one tells that the session's
// tunnels stand.
//
//	session 2 | number 1 | { gateway 32 | tunnel id 4 | end Date 8 } …
type RequestVariableLeaseSet struct {
	Session SessionID
	Leases  []leaseset.Lease
}

func parseRequestVariableLeaseSet(r *reader) Message {
	m := RequestVariableLeaseSet{Session: r.session()}
	n := int(r.byte())
	if n > leaseset.MaxLeases {
		r.fail(fmt.Errorf("%d leases, at most %d", n, leaseset.MaxLeases))
	}
	for i := 0; i < n && r.err == nil; i++ {
		m.Leases = append(m.Leases, leaseset.Lease{Gateway: r.hash(), TunnelID: r.uint32(), Expires: r.date()})
	}
	return m
}

// Type is TypeRequestVariableLeaseSet.
func (RequestVariableLeaseSet) Type() Type { return TypeRequestVariableLeaseSet }

// AppendTo appends the body.
func (m RequestVariableLeaseSet) AppendTo(b []byte) []byte {
	b = append(m.Session.appendTo(b), byte(len(m.Leases)))
	for _, l := range m.Leases {
		b = append(b, l.Gateway[:]...)
		b = binary.BigEndian.AppendUint32(b, l.TunnelID)
		b = binary.BigEndian.AppendUint64(b, uint64(l.Expires))
	}
	return b
}

// PrivateKey is what opens that which is sealed to a key of a lease set.
type PrivateKey struct {
	Encryption i2p.EncryptionType
	Key        []byte
}

// ElGamalKeyLen is the length of a private key of type 0.
const ElGamalKeyLen = 256

// maxPrivateKeys is more than a lease set has public ones.
const maxPrivateKeys = 8

// signingKeyLen is the length of a field that was to revoke lease sets, and is ignored.
const signingKeyLen = 20

// CreateLeaseSet brings a lease set of the first kind.
//
//	session 2 | ignored 20 | ElGamal private key 256 | LeaseSet
type CreateLeaseSet struct {
	Session SessionID
	Ignored [signingKeyLen]byte
	Key     []byte
	Set     leaseset.Record
}

func parseCreateLeaseSet(r *reader) Message {
	m := CreateLeaseSet{Session: r.session()}
	copy(m.Ignored[:], r.bytes(signingKeyLen))
	m.Key = r.bytes(ElGamalKeyLen)
	m.Set = r.set(leaseset.TypeLeaseSet)
	return m
}

// set is a lease set of a type.
func (r *reader) set(storeType byte) leaseset.Record {
	if r.err != nil {
		return nil
	}
	set, rest, err := leaseset.ParseFirst(storeType, r.b)
	if err != nil {
		r.fail(err)
		return nil
	}
	r.b = rest
	return set
}

// Type is TypeCreateLeaseSet.
func (CreateLeaseSet) Type() Type { return TypeCreateLeaseSet }

// AppendTo appends the body.
func (m CreateLeaseSet) AppendTo(b []byte) []byte {
	b = append(append(m.Session.appendTo(b), m.Ignored[:]...), m.Key...)
	return append(b, m.Set.Bytes()...)
}

// CreateLeaseSet2 brings a lease set of any kind, and a private key for each public one in it: of a
// MetaLeaseSet there are none.
//
//	session 2 | store type 1 | lease set | number 1 | { encryption type 2 | length 2 | private key } …
type CreateLeaseSet2 struct {
	Session SessionID
	Set     leaseset.Record
	Keys    []PrivateKey
}

func parseCreateLeaseSet2(r *reader) Message {
	m := CreateLeaseSet2{Session: r.session()}
	m.Set = r.set(r.byte())
	if m.Set != nil && m.Set.StoreType() == leaseset.TypeMetaLeaseSet && len(r.b) == 0 {
		return m
	}
	n := int(r.byte())
	if n > maxPrivateKeys {
		r.fail(fmt.Errorf("%d private keys, at most %d", n, maxPrivateKeys))
	}
	for i := 0; i < n && r.err == nil; i++ {
		t := i2p.EncryptionType(r.number(2))
		m.Keys = append(m.Keys, PrivateKey{t, r.bytes(int(r.number(2)))})
	}
	return m
}

// Type is TypeCreateLeaseSet2.
func (CreateLeaseSet2) Type() Type { return TypeCreateLeaseSet2 }

// AppendTo appends the body.
func (m CreateLeaseSet2) AppendTo(b []byte) []byte {
	b = append(append(m.Session.appendTo(b), m.Set.StoreType()), m.Set.Bytes()...)
	if m.Set.StoreType() == leaseset.TypeMetaLeaseSet && len(m.Keys) == 0 {
		return b
	}
	b = append(b, byte(len(m.Keys)))
	for _, k := range m.Keys {
		b = binary.BigEndian.AppendUint16(b, uint16(k.Encryption))
		b = binary.BigEndian.AppendUint16(b, uint16(len(k.Key)))
		b = append(b, k.Key...)
	}
	return b
}
