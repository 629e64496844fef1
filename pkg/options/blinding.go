package options

import (
	"encoding/base64"
	"fmt"
	"strings"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// Blinding is what is asked for of encrypted lease sets: the destination's own, and those of others
// that it reads.
type Blinding struct {
	Own    bool   // its lease set is published in encrypted form only
	Secret string // beside addresses: its own, and those of others that say that they need one
	// Admission and Clients are who may read its own.
	Admission leaseset.Admission
	Clients   string // keys of 32 bytes, one behind the other, so that options can be compared
	// Key is what it has to read others' with: an X25519 private key, or a shared one; empty: none.
	Key string
}

// ClientKeys are those who may read the destination's own lease set.
func (b Blinding) ClientKeys() (keys [][32]byte) {
	for text := b.Clients; len(text) >= 32; text = text[32:] {
		keys = append(keys, [32]byte([]byte(text[:32])))
	}
	return keys
}

// Reader is what opens the encrypted lease set of an address.
func (b Blinding) Reader(a i2p.BlindedAddress) leaseset.Reader {
	r := leaseset.Reader{Address: a}
	if a.Secret {
		r.Secret = b.Secret
	}
	if b.Key != "" {
		r.Key = (*[32]byte)([]byte(b.Key))
	}
	return r
}

// GoString and String keep the secrets out of logs.
func (b Blinding) String() string   { return fmt.Sprintf("{Own:%t Admission:%v}", b.Own, b.Admission) }
func (b Blinding) GoString() string { return b.String() }

// blindingOptions are those of encrypted lease sets.
func blindingOptions() []Option {
	const key = "32 bytes in base64"
	return []Option{
		{Name: "i2cp.leaseSetAuthType", Values: "0, 1, 2", Absent: "0", Doc: "Who reads the encrypted lease set: everybody who has its address (0), or clients with a key of their own, which may be a pair (DH, 1) or a shared one (PSK, 2).", read: func(r *reading, _, value string) *Problem {
			i := strings.Index("012", value)
			if i < 0 || len(value) != 1 {
				return invalid("%q is none of 0, 1 and 2", value)
			}
			r.Blinding.Admission = leaseset.Admission(i)
			return nil
		}},
		client("dh", "The public key of a client that may read the encrypted lease set", func(r *reading) *string { return &r.dh }),
		client("psk", "The key shared with a client that may read the encrypted lease set", func(r *reading) *string { return &r.psk }),
		{Name: "i2cp.leaseSetSecret", Values: "text in base64", Doc: "A secret that readers need beside the b33 address: of the destination's own encrypted lease set, and of those of others whose address says so.", read: func(r *reading, _, value string) *Problem {
			secret, err := i2p.DecodeBase64(value)
			if err != nil {
				return &Problem{Kind: Invalid, Text: "it is no base64"} // the value is not repeated
			}
			r.Blinding.Secret = string(secret)
			return nil
		}},
		{Name: "i2cp.leaseSetPrivKey", Values: key, Doc: "The client's key for encrypted lease sets of others: its private key (DH) or the shared one (PSK).", read: func(r *reading, _, value string) *Problem {
			k, p := readKey(value)
			if p == nil {
				r.Blinding.Key = k
			}
			return p
		}},
		{Name: "i2cp.leaseSetBlindedType", Values: "RedDSA_SHA512_Ed25519", Absent: "RedDSA_SHA512_Ed25519", Doc: "The signature type of blinded keys; there is no other.", read: func(r *reading, _, value string) *Problem {
			if value != "11" && !strings.EqualFold(value, "RedDSA_SHA512_Ed25519") {
				return &Problem{Kind: Unsupported, Text: fmt.Sprintf("%q is not supported: RedDSA_SHA512_Ed25519 is", value)}
			}
			return nil
		}},
	}
}

// client is the option that lets clients in.
func client(kind, doc string, to func(*reading) *string) Option {
	return Option{Name: "i2cp.leaseSetClient." + kind + ".N", Values: "NAME:KEY, both in base64", Doc: doc + "; the name is for its owner. N begins with 0.", read: func(r *reading, _, value string) *Problem {
		_, text, found := strings.Cut(value, ":")
		if !found {
			return &Problem{Kind: Invalid, Text: "it is no NAME:KEY"}
		}
		k, p := readKey(text)
		if p == nil {
			*to(r) += k
		}
		return p
	}}
}

// readKey reads 32 bytes, in I2P's base64 or the common one. The value is not repeated: it is secret.
func readKey(text string) (string, *Problem) {
	b, err := i2p.DecodeBase64(text)
	if err != nil {
		b, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(b) != 32 {
		return "", &Problem{Kind: Invalid, Text: "its key is no base64 of 32 bytes"}
	}
	return string(b), nil
}

// settleBlinding finds whether what is said of encrypted lease sets goes together. Clients with keys
// are let in by them though nothing is said of how.
func (r *reading) settleBlinding() (problems Problems) {
	b := &r.Blinding
	note := func(kind Kind, name, text string) {
		problems = append(problems, Problem{Kind: kind, Name: name, Text: text})
	}
	kinds := []struct {
		by         leaseset.Admission
		name, keys string
	}{{leaseset.ByDH, "i2cp.leaseSetClient.dh.N", r.dh}, {leaseset.ByPSK, "i2cp.leaseSetClient.psk.N", r.psk}}
	for _, k := range kinds {
		switch {
		case k.keys == "":
			continue
		case b.Admission == leaseset.Everybody:
			b.Admission = k.by
		case b.Admission != k.by && b.Own:
			note(Invalid, k.name, fmt.Sprintf("i2cp.leaseSetAuthType says %d, and these are for %d", b.Admission, k.by))
		}
		if b.Admission == k.by {
			b.Clients = k.keys
		}
	}
	n := len(b.Clients) / 32
	switch {
	case b.Admission == leaseset.Everybody:
		b.Clients = ""
	case !b.Own:
		note(Moot, "i2cp.leaseSetAuthType", "has no effect: the lease set is not encrypted, i2cp.leaseSetType=5 is")
		b.Admission, b.Clients = leaseset.Everybody, ""
	case n == 0:
		note(Invalid, "i2cp.leaseSetAuthType", "there is no client with a key of that kind")
	case n > leaseset.MaxClients:
		note(Invalid, "i2cp.leaseSetAuthType", fmt.Sprintf("%d clients, at most %d", n, leaseset.MaxClients))
	}
	return problems
}
