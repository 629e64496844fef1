package tunnel

import (
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20"

	"i2ptoolkit/pkg/aescbc"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/noise"
)

// buildProtocol is the Noise pattern of build records.
const buildProtocol = "Noise_N_25519_ChaChaPoly_SHA256"

// GarlicKey is the one-time key and tag with which an outbound endpoint
// wraps its reply for the creator.
type GarlicKey struct {
	Key [32]byte
	Tag [8]byte
}

// recordKeys are what creator and hop both have after a hop's record was
// encrypted, or decrypted.
type recordKeys struct {
	short   bool
	hash    [32]byte // associated data of the hop's reply
	chain   [32]byte // long: key of the hop's reply
	reply   [32]byte // key for the other records; short: and of the hop's reply
	replyIV [16]byte // long
	layer   LayerKeys
	garlic  GarlicKey // short, endpoint
}

// deriveShort derives a hop's keys from the chaining key (Short Record
// Specification, KDF). An endpoint derives its IV key one step later, and
// the garlic key after it.
func deriveShort(s *noise.State, endpoint bool) recordKeys {
	k := recordKeys{short: true, hash: s.H}
	ck := s.CK
	ck, k.reply = noise.HKDF2(ck[:], nil, "SMTunnelReplyKey")
	ck, k.layer.Layer = noise.HKDF2(ck[:], nil, "SMTunnelLayerKey")
	if !endpoint {
		k.layer.IV = ck
		return k
	}
	ck, k.layer.IV = noise.HKDF2(ck[:], nil, "TunnelLayerIVKey")
	ck, k.garlic.Key = noise.HKDF2(ck[:], nil, "RGarlicKeyAndTag")
	copy(k.garlic.Tag[:], ck[:])
	return k
}

// longKeys takes a hop's keys out of its record.
func longKeys(s *noise.State, r *requestRecord) recordKeys {
	return recordKeys{hash: s.H, chain: s.CK, reply: r.replyKey, replyIV: r.replyIV, layer: r.layer}
}

// sealRequest encrypts a request record in clear text to a hop's static key:
// the ephemeral key, the ciphertext and its MAC go to dst.
func sealRequest(dst, plaintext []byte, static [32]byte, rand io.Reader) (noise.State, error) {
	e := noise.GenerateKey(rand)
	s := noise.New(buildProtocol)
	s.MixHash(nil)
	s.MixHash(static[:])
	s.MixHash(e.Public[:])
	secret, err := e.DH(static)
	if err != nil {
		return noise.State{}, fmt.Errorf("tunnel: build record: %w", err)
	}
	s.MixKey(secret[:])
	copy(dst, e.Public[:])
	s.EncryptAndHash(dst[:ephemeralLen], plaintext)
	return s, nil
}

// openRequest is sealRequest's inverse, with the hop's static key.
func openRequest(record []byte, static *noise.KeyPair) (noise.State, []byte, error) {
	e := [32]byte(record[toPeerLen:])
	s := noise.New(buildProtocol)
	s.MixHash(nil)
	s.MixHash(static.Public[:])
	s.MixHash(e[:])
	secret, err := static.DH(e)
	if err != nil {
		return noise.State{}, nil, err
	}
	s.MixKey(secret[:])
	plaintext, err := s.DecryptAndHash(nil, record[recordHead:])
	return s, plaintext, err
}

// sealReply encrypts a hop's reply, whose clear text fills all but the last
// 16 bytes of record i, in place.
func (k *recordKeys) sealReply(record []byte, i int) {
	key, nonce := k.replyKey(i)
	noise.Seal(record[:0], key, nonce, k.hash[:], record[:len(record)-noise.MACLen])
}

// openReply decrypts a hop's reply, which is record i.
func (k *recordKeys) openReply(record []byte, i int) ([]byte, error) {
	key, nonce := k.replyKey(i)
	return noise.Open(nil, key, nonce, k.hash[:], record)
}

// replyKey is the key and nonce of a hop's own reply: in the long form the
// chaining key and 0, in the short one the reply key and the record number.
func (k *recordKeys) replyKey(i int) (*[32]byte, uint64) {
	if k.short {
		return &k.reply, uint64(i)
	}
	return &k.chain, 0
}

// encryptOther is what a hop does to a record that is not its own: ChaCha20
// with the record number as nonce and a counter from 1, or AES-CBC.
func (k *recordKeys) encryptOther(record []byte, i int) {
	if k.short {
		k.xor(record, i)
		return
	}
	aescbc.Encrypt([]aescbc.Message{{Key: aescbc.NewEncrypter(&k.reply), IV: k.replyIV, Dst: record, Src: record}})
}

// decryptOther undoes encryptOther; the creator does it before the hops.
func (k *recordKeys) decryptOther(record []byte, i int) {
	if k.short {
		k.xor(record, i)
		return
	}
	aescbc.NewDecrypter(&k.reply).Decrypt(&k.replyIV, record, record)
}

func (k *recordKeys) xor(record []byte, i int) {
	var nonce [chacha20.NonceSize]byte
	nonce[4] = byte(i)
	c, err := chacha20.NewUnauthenticatedCipher(k.reply[:], nonce[:])
	if err != nil {
		panic("tunnel: " + err.Error()) // the sizes are right
	}
	c.SetCounter(1)
	c.XORKeyStream(record, record)
}

// recordAt is record i of a build message.
func recordAt(records []byte, short bool, i int) []byte {
	n := i2np.LongRecordLen
	if short {
		n = i2np.ShortRecordLen
	}
	return records[i*n : (i+1)*n : (i+1)*n]
}
