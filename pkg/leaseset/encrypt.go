package leaseset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/chacha20"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/sign"
)

// Reasons for which Open finds no lease set in an encrypted one.
var (
	// ErrOtherKey means that the record is not that of the address on its day: the secret is
	// another, or the record is not the address's.
	ErrOtherKey = errors.New("leaseset: encrypted: the blinded key is not that of the address and the secret")
	// ErrSecretNeeded means that the address is one that says so, and the client has none.
	ErrSecretNeeded = errors.New("leaseset: encrypted: its address says that a secret is needed")
	// ErrKeyNeeded means that the owner lets chosen clients in only, each by a key of its own.
	ErrKeyNeeded = errors.New("leaseset: encrypted: its owner lets in only clients with a key")
	// ErrNotAdmitted means that the client's key is not among those that are let in.
	ErrNotAdmitted = errors.New("leaseset: encrypted: the key is not one of those that its owner lets in")
)

// Admission is how clients prove that they may read an encrypted lease set.
type Admission byte

// The schemes of per-client authorization.
const (
	Everybody Admission = iota // who knows the address
	ByDH                       // X25519: the owner knows the clients' public keys
	ByPSK                      // owner and client share a key
)

func (a Admission) String() string {
	switch a {
	case Everybody:
		return "everybody"
	case ByDH:
		return "DH"
	case ByPSK:
		return "PSK"
	}
	return fmt.Sprintf("Admission(%d)", byte(a))
}

// MaxClients are as many as a record has room for beside a lease set of 16 leases.
const MaxClients = 300

// maxApart is how far the dates of the two layers of a record may be apart.
const maxApart = 10 * time.Second

const (
	saltLen   = 32
	cookieLen = 32
	idLen     = 8
	entryLen  = idLen + cookieLen

	flagPerClient = 1 << 0
	schemeShift   = 1
	schemeMask    = 7 << schemeShift
	schemeDH      = 0 << schemeShift
	schemePSK     = 1 << schemeShift
)

// EncryptConfig is what an EncryptedLeaseSet is made of.
type EncryptConfig struct {
	// Keys are the destination's, with its own signing key: of an offline one no blinded key can be
	// made (Encrypted LS with Offline Keys).
	Keys   *i2p.PrivateKeys
	Inner  Record // a LeaseSet2 or MetaLeaseSet of the destination's
	Secret string
	// Clients are the public keys, or the shared ones, of those who are let in.
	Admission Admission
	Clients   [][32]byte
	Rand      io.Reader // nil is crypto/rand
}

// Encrypt makes and signs the encrypted lease set of the day on which the inner one was published,
// with its dates.
//
//	outer ciphertext: salt 32 | ChaCha20 of layer 1
//	layer 1: flags 1 | authorization, if flagged | salt 32 | ChaCha20 of layer 2
//	authorization: ephemeral key or salt 32 | number 2 | { client id 8 | cookie 32 } …
//	layer 2: store type 1 | lease set
func Encrypt(cfg EncryptConfig) (*EncryptedLeaseSet, error) {
	if cfg.Keys.Offline != nil {
		return nil, fmt.Errorf("leaseset: encrypted: the destination's own signing key is needed, and it is kept offline: %w", errors.ErrUnsupported)
	}
	if (cfg.Admission == Everybody) != (len(cfg.Clients) == 0) || len(cfg.Clients) > MaxClients {
		return nil, fmt.Errorf("leaseset: encrypted: %d client keys for %v, at most %d", len(cfg.Clients), cfg.Admission, MaxClients)
	}
	address := cfg.Keys.Identity.Blinded()
	day := cfg.Inner.Published().Time()
	alpha, err := address.Alpha(day, cfg.Secret)
	if err != nil {
		return nil, err
	}
	key, err := sign.BlindPrivate(cfg.Keys.Signing, alpha)
	if err != nil {
		return nil, err
	}
	rand := draw.From(cfg.Rand)
	h := header{published: uint32(cfg.Inner.Published() / 1000)}
	h.expires = uint16(min((cfg.Inner.Expires()-cfg.Inner.Published())/1000, 0xffff))
	m := mixer{sub: subcredential(address, key.Public()), published: h.published}

	layer1, cookie := m.admit(rand, cfg.Admission, cfg.Clients)
	layer1 = m.seal(layer1, rand, cookie, "ELS2_L2K", append([]byte{cfg.Inner.StoreType()}, cfg.Inner.Bytes()...))

	b := []byte{TypeEncryptedLeaseSet} // it is signed, but not part of the record
	b = binary.BigEndian.AppendUint16(b, uint16(key.Type()))
	b = append(b, key.Public().Bytes()...)
	b = h.appendTo(b)
	b = binary.BigEndian.AppendUint16(b, uint16(saltLen+len(layer1)))
	b = m.seal(b, rand, nil, "ELS2_L1K", layer1)
	sig, err := key.Sign(b)
	if err != nil {
		return nil, fmt.Errorf("leaseset: encrypted: %w", err)
	}
	if b = append(b[1:], sig...); len(b) > MaxLen {
		return nil, fmt.Errorf("leaseset: encrypted: %d bytes, at most %d", len(b), MaxLen)
	}
	made, _, err := parseEncrypted(b)
	return made, err
}

// Reader is who opens encrypted lease sets of an address.
type Reader struct {
	Address i2p.BlindedAddress
	Secret  string
	// Key is the client's private X25519 key, or the shared one; nil: it has none.
	Key *[32]byte
}

// Same tells whether two read the same lease sets.
func (r Reader) Same(x Reader) bool {
	return r.Address.Key.Type() == x.Address.Key.Type() && bytes.Equal(r.Address.Key.Bytes(), x.Address.Key.Bytes()) &&
		r.Secret == x.Secret && (r.Key == nil) == (x.Key == nil) && (r.Key == nil || *r.Key == *x.Key)
}

// Open gives the lease set in an encrypted one, a LeaseSet2 or a MetaLeaseSet, verified: it is of the
// address, and its dates are those of the outer layer. Whether the outer layer is signed is for Verify.
func (s *EncryptedLeaseSet) Open(r Reader, now time.Time) (Record, error) {
	want, err := r.Address.BlindedKey(s.Published().Time(), r.Secret)
	if err != nil {
		return nil, err
	}
	if want.Type() != s.blinded.Type() || !bytes.Equal(want.Bytes(), s.blinded.Bytes()) {
		return nil, ErrOtherKey
	}
	m := mixer{sub: subcredential(r.Address, s.blinded), published: s.published}
	layer1, err := m.open(s.data, nil, "ELS2_L1K")
	if err != nil {
		return nil, err
	}
	cookie, sealed, err := m.admitted(layer1, r.Key)
	if err != nil {
		return nil, err
	}
	layer2, err := m.open(sealed, cookie, "ELS2_L2K")
	if err != nil {
		return nil, err
	}
	return s.inner(r, layer2, now)
}

// inner parses and checks layer 2.
func (s *EncryptedLeaseSet) inner(r Reader, layer2 []byte, now time.Time) (Record, error) {
	if len(layer2) < 1 || (layer2[0] != TypeLeaseSet2 && layer2[0] != TypeMetaLeaseSet) {
		return nil, errors.New("leaseset: encrypted: neither a LeaseSet2 nor a MetaLeaseSet is in it")
	}
	set, err := Parse(layer2[0], layer2[1:])
	if err != nil {
		return nil, fmt.Errorf("leaseset: encrypted: %w", err)
	}
	owner := set.(interface{ Destination() i2p.Destination }).Destination().SigningKey()
	if owner.Type() != r.Address.Key.Type() || !bytes.Equal(owner.Bytes(), r.Address.Key.Bytes()) {
		return nil, errors.New("leaseset: encrypted: another destination's lease set is in it")
	}
	// i2pd dates the layers one after the other, and cuts the outer expiration at the end of the day.
	if apart := set.Published().Time().Sub(s.Published().Time()).Abs(); apart > maxApart || s.Expires().Time().Sub(set.Expires().Time()) > maxApart {
		return nil, fmt.Errorf("leaseset: encrypted: from %v to %v, and inside from %v to %v",
			s.Published().Time(), s.Expires().Time(), set.Published().Time(), set.Expires().Time())
	}
	if err := set.Verify(now); err != nil {
		return nil, err
	}
	return set, nil
}

// Admits is what the owner's record says of its clients.
func (s *EncryptedLeaseSet) Admits(r Reader) (a Admission, clients int, err error) {
	m := mixer{sub: subcredential(r.Address, s.blinded), published: s.published}
	layer1, err := m.open(s.data, nil, "ELS2_L1K")
	if err != nil {
		return 0, 0, err
	}
	a, _, entries, _, err := authorization(layer1)
	return a, len(entries) / entryLen, err
}

// mixer derives the keys of one record.
type mixer struct {
	sub       [sha256.Size]byte
	published uint32
}

// subcredential binds the keys to the knowledge of the destination's signing key.
func subcredential(a i2p.BlindedAddress, blinded sign.PublicKey) [sha256.Size]byte {
	data := append([]byte("credential"), a.Key.Bytes()...)
	data = binary.BigEndian.AppendUint16(data, uint16(a.Key.Type()))
	data = binary.BigEndian.AppendUint16(data, uint16(blinded.Type()))
	credential := sha256.Sum256(data)
	data = append([]byte("subcredential"), credential[:]...)
	return sha256.Sum256(append(data, blinded.Bytes()...))
}

// input is what is mixed with a salt: secrets, the subcredential and the date of the record.
func (m mixer) input(secrets ...[]byte) []byte {
	return binary.BigEndian.AppendUint32(append(bytes.Join(secrets, nil), m.sub[:]...), m.published)
}

// seal appends a salt and the ciphertext of a layer.
func (m mixer) seal(dst []byte, rand *draw.Source, cookie []byte, info string, plain []byte) []byte {
	at := len(dst)
	dst = append(append(dst, make([]byte, saltLen)...), plain...)
	rand.Fill(dst[at : at+saltLen])
	m.crypt(dst[at+saltLen:], dst[at:at+saltLen], cookie, info)
	return dst
}

// open is seal's inverse.
func (m mixer) open(sealed, cookie []byte, info string) ([]byte, error) {
	if len(sealed) <= saltLen {
		return nil, fmt.Errorf("leaseset: encrypted layer: %w", i2p.ErrTruncated)
	}
	plain := bytes.Clone(sealed[saltLen:])
	m.crypt(plain, sealed[:saltLen], cookie, info)
	return plain, nil
}

// crypt is both ENCRYPT and DECRYPT, in place.
func (m mixer) crypt(text, salt, cookie []byte, info string) {
	var keys [44]byte
	noise.HKDF(keys[:], salt, m.input(cookie), info)
	stream(text, keys[:])
}

// stream is ChaCha20 with a counter that begins at 1 (RFC 7539, 2.4).
func stream(text, keys []byte) {
	c, err := chacha20.NewUnauthenticatedCipher(keys[:32], keys[32:44])
	if err != nil {
		panic(err) // the lengths are right
	}
	c.SetCounter(1)
	c.XORKeyStream(text, text)
}

// admit begins layer 1: its flags, and a cookie for each client, in an order that tells nothing.
func (m mixer) admit(rand *draw.Source, a Admission, clients [][32]byte) (layer1, cookie []byte) {
	if a == Everybody {
		return []byte{0}, nil
	}
	cookie = make([]byte, cookieLen)
	rand.Fill(cookie)
	keys := make([][]byte, len(clients))
	if a == ByDH {
		ephemeral := noise.GenerateKey(rand)
		layer1 = append([]byte{flagPerClient | schemeDH}, ephemeral.Public[:]...)
		for i, c := range clients {
			shared, err := ephemeral.DH(c)
			if err != nil {
				rand.Fill(shared[:]) // nobody can have such a key
			}
			keys[i] = m.clientKeys(ByDH, layer1[1:], shared[:], c[:])
		}
	} else {
		layer1 = append([]byte{flagPerClient | schemePSK}, make([]byte, saltLen)...)
		rand.Fill(layer1[1:])
		for i, c := range clients {
			keys[i] = m.clientKeys(ByPSK, layer1[1:], c[:])
		}
	}
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	layer1 = binary.BigEndian.AppendUint16(layer1, uint16(len(keys)))
	for _, k := range keys {
		layer1 = append(layer1, k[44:]...)
		layer1 = append(layer1, cookie...)
		stream(layer1[len(layer1)-cookieLen:], k)
	}
	return layer1, cookie
}

// clientKeys are a client's: key 32 | iv 12 | id 8.
func (m mixer) clientKeys(a Admission, salt []byte, secrets ...[]byte) []byte {
	okm := make([]byte, 44+idLen)
	info := "ELS2_XCA"
	if a == ByPSK {
		info = "ELS2PSKA"
	}
	noise.HKDF(okm, salt, m.input(secrets...), info)
	return okm
}

// authorization takes layer 1 apart.
func authorization(layer1 []byte) (a Admission, salt, entries, rest []byte, err error) {
	if len(layer1) < 1 {
		return 0, nil, nil, nil, fmt.Errorf("leaseset: encrypted: flags: %w", i2p.ErrTruncated)
	}
	flags, rest := layer1[0], layer1[1:]
	switch {
	case flags&^(flagPerClient|schemeMask) != 0, flags&flagPerClient == 0 && flags != 0, flags&schemeMask > schemePSK:
		return 0, nil, nil, nil, fmt.Errorf("leaseset: encrypted: flags %#02x are not known", flags)
	case flags == 0:
		return Everybody, nil, nil, rest, nil
	case flags&schemeMask == schemeDH:
		a = ByDH
	default:
		a = ByPSK
	}
	if len(rest) < saltLen+2 {
		return 0, nil, nil, nil, fmt.Errorf("leaseset: encrypted: clients: %w", i2p.ErrTruncated)
	}
	salt, n := rest[:saltLen], int(binary.BigEndian.Uint16(rest[saltLen:]))*entryLen
	if rest = rest[saltLen+2:]; len(rest) < n {
		return 0, nil, nil, nil, fmt.Errorf("leaseset: encrypted: clients: %w", i2p.ErrTruncated)
	}
	return a, salt, rest[:n], rest[n:], nil
}

// admitted finds the cookie that a client's key opens, and what it is for.
func (m mixer) admitted(layer1 []byte, key *[32]byte) (cookie, sealed []byte, err error) {
	a, salt, entries, rest, err := authorization(layer1)
	if err != nil || a == Everybody {
		return nil, rest, err
	}
	if key == nil {
		return nil, nil, ErrKeyNeeded
	}
	var keys []byte
	if a == ByDH {
		own := noise.NewKeyPair(*key)
		shared, err := own.DH([32]byte(salt))
		if err != nil {
			return nil, nil, fmt.Errorf("leaseset: encrypted: %w", err)
		}
		keys = m.clientKeys(ByDH, salt, shared[:], own.Public[:])
	} else {
		keys = m.clientKeys(ByPSK, salt, key[:])
	}
	for ; len(entries) > 0; entries = entries[entryLen:] {
		if bytes.Equal(entries[:idLen], keys[44:]) {
			cookie = bytes.Clone(entries[idLen:entryLen])
			stream(cookie, keys)
			return cookie, rest, nil
		}
	}
	return nil, nil, ErrNotAdmitted
}
