package vectors

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// Signatures are what routers have signed for introductions and peer tests of SSU2.
type Signatures struct {
	About  string    `json:"about"`
	Signed []*Signed `json:"signed"`
}

// Signed is one block with a signature, by Ed25519, and what follows from it.
type Signed struct {
	Name      string `json:"name"`
	Signer    string `json:"signer"`
	Verifier  string `json:"verifier"`
	Private   Hex    `json:"signing_private,omitempty"` // the signer's, where it is ours
	Public    Hex    `json:"signing_public"`
	Bob       Hex    `json:"bob"`               // his router's hash
	Alice     Hex    `json:"alice,omitempty"`   // where hers is signed, or in the block
	Charlie   Hex    `json:"charlie,omitempty"` // likewise
	BlockType int    `json:"block_type"`
	Block     Hex    `json:"block"` // without type and length
	Message   Hex    `json:"signed_message"`
	Signature Hex    `json:"signature"`
}

// The types of blocks that are signed (SSU2, Payload Format).
const (
	blockRelayRequest  = 7
	blockRelayResponse = 8
	blockRelayIntro    = 9
	blockPeerTest      = 10
)

// Compute takes the block apart, verifies the signature, and makes it again where the key is known.
func (v *Signed) Compute() error {
	message, signature, err := v.parts()
	if err == nil {
		err = errors.Join(same("signed message", message, v.Message), same("signature", signature, v.Signature))
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", v.Name, err)
	case len(v.Public) != ed25519.PublicKeySize || !ed25519.Verify(ed25519.PublicKey(v.Public), message, signature):
		return fmt.Errorf("vectors: %s: the signature does not verify", v.Name)
	}
	if v.Private != nil {
		key := ed25519.NewKeyFromSeed(v.Private)
		if again := ed25519.Sign(key, message); !bytes.Equal(again, signature) || !bytes.Equal(key.Public().(ed25519.PublicKey), v.Public) {
			return fmt.Errorf("vectors: %s: signed again it is %x", v.Name, again)
		}
	}
	v.Message, v.Signature = message, signature
	return nil
}

// parts are what is signed, and the signature. What is signed begins with words for each kind and
// the hash of Bob, so that it is good for nothing else (SSU2, RelayRequest, RelayResponse, PeerTest).
func (v *Signed) parts() (message, signature Hex, err error) {
	skip, size := 0, 9 // where the signed fields begin, and in them the size of the address
	words, hashes := "", v.Bob
	switch v.BlockType {
	case blockRelayRequest, blockRelayIntro:
		words, hashes = "RelayRequestData", append(bytes.Clone(v.Bob), v.Charlie...)
		if skip, size = 1, 13; v.BlockType == blockRelayIntro {
			skip += 32
		}
	case blockRelayResponse:
		words, skip = "RelayAgreementOK", 2
	case blockPeerTest:
		if len(v.Block) == 0 {
			return nil, nil, errors.New("vectors: an empty block")
		}
		words, skip = "PeerTestValidate", 3
		if v.Block[0] == 2 || v.Block[0] == 4 {
			skip += 32
		}
		if v.Block[0] > 2 { // signed by Charlie
			hashes = append(bytes.Clone(v.Bob), v.Alice...)
		}
	default:
		return nil, nil, fmt.Errorf("vectors: blocks of type %d are not signed", v.BlockType)
	}
	if len(v.Block) <= skip+size {
		return nil, nil, fmt.Errorf("vectors: a block of %d bytes", len(v.Block))
	}
	fields := v.Block[skip:]
	n := size + 1 + int(fields[size])
	if len(fields) < n+ed25519.SignatureSize {
		return nil, nil, fmt.Errorf("vectors: a block of %d bytes", len(v.Block))
	}
	return append(append([]byte(words), hashes...), fields[:n]...), fields[n : n+ed25519.SignatureSize], nil
}
