package ssu2

import (
	"fmt"
	"net/netip"
	"slices"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
)

// A hybrid handshake depends on ML-KEM beside X25519 (SSU2 Hybrid; proposal 169, SSU2). Alice
// sends an encapsulation key in Session Request, Bob a secret that he has made for it in Session
// Created, each in a sealed section of its own behind the ephemeral key:
//
//	                     Session Request     Session Created
//	long header          32, version 3 or 4  32, version 3 or 4
//	ephemeral key        32                  32
//	section, with MAC    816 or 1200         784 or 1104           for ML-KEM-512 and 768
//	blocks, with MAC     24 at least         24 at least
//
// Both are sealed with the key that seals the blocks, one nonce before them; the secret is mixed
// in behind its section. The version in the header says which of them it is. Whoever changes it
// on the way has changed what is hashed and the protocol's name: the handshake ends. And Alice
// asks a router that publishes hybrids for nothing less, however often it stays silent.
//
// ML-KEM-1024 does not fit a datagram, and ML-KEM-768 does not fit the smallest.

// Versions of the protocol in long headers. Version is the one without ML-KEM.
const (
	Version          = 2
	versionMLKEM512  = 3
	versionMLKEM768  = 4
	maxVersion       = versionMLKEM768
	hybridLeastExtra = 10 // DateTime, and an empty Padding or a Relay Tag Request
)

// versionOf is what headers say.
func versionOf(kind kem.Kind) byte {
	switch kind {
	case kem.MLKEM512:
		return versionMLKEM512
	case kem.MLKEM768:
		return versionMLKEM768
	}
	return Version
}

// kindOf undoes versionOf.
func kindOf(version byte) (kind kem.Kind, ok bool) {
	switch version {
	case Version:
		return kem.None, true
	case versionMLKEM512:
		return kem.MLKEM512, true
	case versionMLKEM768:
		return kem.MLKEM768, true
	}
	return kem.None, false
}

// known reports whether a version is one of those that messages outside of a handshake may have.
func known(version byte) bool { return version >= Version && version <= maxVersion }

// protocolName starts the Noise state (SSU2, KDF for Initial ChainKey; SSU2 Hybrid, Noise
// identifiers).
func protocolName(kind kem.Kind) string {
	switch kind {
	case kem.MLKEM512:
		return "Noise_XKhfschaobfse+hs1+hs2+hs3_25519+MLKEM512_ChaChaPoly_SHA256"
	case kem.MLKEM768:
		return "Noise_XKhfschaobfse+hs1+hs2+hs3_25519+MLKEM768_ChaChaPoly_SHA256"
	}
	return "Noise_XKchaobfse+hs1+hs2+hs3_25519_ChaChaPoly_SHA256"
}

// leastMTU is that of the paths on which a handshake of the kind fits: 1280, but 1318 of IPv4 and
// 1338 of IPv6 for ML-KEM-768 (SSU2 Hybrid, MTU).
func leastMTU(kind kem.Kind, ip netip.Addr) int {
	request := minKeyed - MinPayload + hybridLeastExtra + sectionLen(kind.PublicLen())
	return max(routerinfo.MinSSU2MTU, request+routerinfo.MaxSSU2MTU-datagramRoom(routerinfo.MaxSSU2MTU, ip))
}

// sectionLen is the length of a section with such a content.
func sectionLen(content int) int {
	if content == 0 {
		return 0
	}
	return content + MACLen
}

// Hybrids are those that a router offers which prefers one of them, on a network with such an
// MTU, the preferred first: ML-KEM-512 is for peers whose network has no room for 768, and the
// only one where ours has none. ML-KEM-1024 and none offer nothing.
func Hybrids(preferred kem.Kind, mtu int, ip netip.Addr) (kinds []kem.Kind) {
	switch {
	case preferred == kem.MLKEM768 && mtu >= leastMTU(preferred, ip):
		return []kem.Kind{kem.MLKEM768, kem.MLKEM512}
	case preferred == kem.MLKEM768, preferred == kem.MLKEM512:
		return []kem.Kind{kem.MLKEM512}
	}
	return nil
}

// speaks reports whether a peer at the address may ask us for a kind.
func (e *Endpoint) speaks(kind kem.Kind) bool {
	return kind == kem.None || slices.Contains(e.cfg.Hybrids, kind)
}

// choose is the hybrid to ask a router for: the first of its own that the way has room for; none
// where it has none, or we speak none.
func (e *Endpoint) choose(t Target) kem.Kind {
	if len(e.cfg.Hybrids) == 0 || t.Info == nil {
		return kem.None
	}
	for _, kind := range t.Hybrids {
		if (kind == kem.MLKEM512 || kind == kem.MLKEM768) && e.mtu(t.MTU) >= leastMTU(kind, t.At.Addr()) {
			return kind
		}
	}
	return kem.None
}

// begin starts the Noise state up to Bob's static key, and to his hash with a hybrid: whoever
// publishes the keys of another does not get his sessions (SSU2 Hybrid, SessionRequest).
func begin(kind kem.Kind, static [32]byte, hash i2p.Hash) noise.State {
	s := noise.New(protocolName(kind))
	s.MixHash(nil) // empty prologue
	s.MixHash(static[:])
	if kind != kem.None {
		s.MixHash(hash[:])
	}
	return s
}

// section is what a hybrid adds to a message: Alice's encapsulation key, or Bob's ciphertext and
// the secret in it. Without a hybrid it has no content.
type section struct{ content, secret []byte }

func (x section) seal(s *noise.State, packet []byte) []byte {
	if x.content == nil {
		return packet
	}
	packet = s.EncryptAndHash(packet, x.content)
	if x.secret != nil {
		s.MixKey(x.secret)
	}
	return packet
}

// sectionReader reads a section.
type sectionReader struct {
	len  int // with its MAC; 0 is no section
	read func(content []byte) (secret []byte, err error)
}

func (x sectionReader) open(s *noise.State, sealed []byte) (rest []byte, err error) {
	if x.len == 0 {
		return sealed, nil
	}
	if len(sealed) < x.len {
		return nil, ErrAuthentication
	}
	content, err := s.DecryptAndHash(nil, sealed[:x.len])
	if err != nil {
		return nil, ErrAuthentication
	}
	secret, err := x.read(content)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if secret != nil {
		s.MixKey(secret)
	}
	return sealed[x.len:], nil
}

// offered reads Alice's section: what is to be her key is kept in offer. Whether it is one shows
// when it is used.
func offered(kind kem.Kind, offer *[]byte) sectionReader {
	return sectionReader{sectionLen(kind.PublicLen()), func(content []byte) ([]byte, error) {
		*offer = content
		return nil, nil
	}}
}

// answered reads Bob's section, which was made for key.
func answered(kind kem.Kind, key *kem.Key) sectionReader {
	return sectionReader{sectionLen(kind.CiphertextLen()), key.Decapsulate}
}

// offer makes Alice's section, for a key that she keeps.
func (e *Endpoint) offer(kind kem.Kind) (key kem.Key, x section) {
	if kind == kem.None {
		return key, x
	}
	key = kem.GenerateKey(kind, e.random)
	return key, section{content: key.Public()}
}

// answer makes Bob's section for Alice's key.
func answer(kind kem.Kind, offer []byte) (x section, err error) {
	if kind == kem.None {
		return x, nil
	}
	x.secret, x.content, err = kem.Encapsulate(kind, offer)
	return x, err
}
