package ssu2

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/vectors"
)

// TestSignatureVectors: what i2pd has verified and signed in introductions and peer tests is what
// the plain computation says, what the engine verifies, and where the key is ours, what it signs;
// with other routers about it, it is refused.
func TestSignatureVectors(t *testing.T) {
	files, err := filepath.Glob("../../docs/vectors/signatures/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var f vectors.Signatures
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		seen := map[BlockType]int{}
		for _, v := range f.Signed {
			t.Run(filepath.Base(path)+", "+v.Name+" of "+v.Signer, func(t *testing.T) { replaySigned(t, v) })
			seen[BlockType(v.BlockType)]++
		}
		if seen[BlockRelayRequest] == 0 || seen[BlockRelayIntro] == 0 || seen[BlockRelayResponse] < 2 || seen[BlockPeerTest] < 4 {
			t.Errorf("%s: %v", path, seen)
		}
	}
}

func replaySigned(t *testing.T, v *vectors.Signed) {
	if err := v.Compute(); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(v.Block, v.Signature) // what is signed is before it
	for _, i := range []int{at - 1, at, at + len(v.Signature) - 1} {
		changed := *v
		changed.Block, changed.Message, changed.Signature = bytes.Clone(v.Block), nil, nil
		if changed.Block[i] ^= 1; changed.Compute() == nil {
			t.Errorf("byte %d of the block is another, and the computation does not notice", i)
		}
	}
	public, err := sign.NewPublicKey(sign.EdDSA_SHA512_Ed25519, v.Public)
	if err != nil {
		t.Fatal(err)
	}
	hash := func(h vectors.Hex) (out i2p.Hash) { copy(out[:], h); return out }
	bob, alice, charlie := hash(v.Bob), hash(v.Alice), hash(v.Charlie)
	block, verify, resign := engineOf(t, v, public)
	if again := block(); !bytes.Equal(again[BlockHeaderLen:], v.Block) || again[0] != byte(v.BlockType) {
		t.Errorf("the block comes back as %x", again)
	}
	if !verify(bob, alice, charlie) || verify(alice, bob, charlie) {
		t.Error("it is not verified, or for others, too")
	}
	if v.Private == nil {
		return
	}
	private, err := sign.NewPrivateKey(sign.EdDSA_SHA512_Ed25519, v.Private)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := resign(private, bob, alice, charlie)
	if err != nil || !bytes.Equal(signature, v.Signature) {
		t.Errorf("signed again it is %x, %v", signature, err)
	}
}

// engineOf are what the engine does with a block.
func engineOf(t *testing.T, v *vectors.Signed, public sign.PublicKey) (
	block func() []byte, verify func(bob, alice, charlie i2p.Hash) bool,
	resign func(key sign.PrivateKey, bob, alice, charlie i2p.Hash) ([]byte, error),
) {
	introduction := func(in *Introduction) {
		verify = func(bob, _, charlie i2p.Hash) bool { return in.Verify(public, bob, charlie) }
		resign = func(key sign.PrivateKey, bob, _, charlie i2p.Hash) ([]byte, error) {
			err := in.Sign(key, bob, charlie)
			return in.Signature, err
		}
	}
	var err error
	switch BlockType(v.BlockType) {
	case BlockRelayRequest:
		var q RelayRequest
		q, err = ParseRelayRequest(v.Block)
		block = func() []byte { return q.AppendTo(nil) }
		introduction(&q.Introduction)
	case BlockRelayIntro:
		var q RelayIntro
		q, err = ParseRelayIntro(v.Block)
		block = func() []byte { return q.AppendTo(nil) }
		introduction(&q.Introduction)
	case BlockRelayResponse:
		var r RelayResponse
		r, err = ParseRelayResponse(v.Block)
		block = func() []byte { return r.AppendTo(nil) }
		verify = func(bob, _, _ i2p.Hash) bool { return r.Verify(public, bob) }
		resign = func(key sign.PrivateKey, bob, _, _ i2p.Hash) ([]byte, error) {
			err := r.Sign(key, bob)
			return r.Signature, err
		}
	case BlockPeerTest:
		var p PeerTest
		p, err = ParsePeerTest(v.Block)
		block = func() []byte { return p.AppendTo(nil) }
		verify = func(bob, alice, _ i2p.Hash) bool {
			if p.Message < 3 {
				return p.VerifyRequest(public, bob)
			}
			return p.VerifyAnswer(public, bob, alice)
		}
		resign = func(key sign.PrivateKey, bob, alice, _ i2p.Hash) ([]byte, error) {
			err := p.SignRequest(key, bob)
			if p.Message > 2 {
				err = p.SignAnswer(key, bob, alice)
			}
			return p.Signature, err
		}
	default:
		t.Fatalf("a block of type %d", v.BlockType)
	}
	if err != nil {
		t.Fatal(err)
	}
	return block, verify, resign
}
