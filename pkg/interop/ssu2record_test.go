//go:build linux

package interop

import (
	"bytes"
	"encoding/json"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	xk "i2ptoolkit/pkg/noise" // noise is random bytes here
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/vectors"
)

// renew begins another record, with an endpoint of its own that has a token for a target, and
// speaks hybrids of a kind.
func (r *ssu2Router) renew(hybrid kem.Kind, token ssu2.Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seed := xk.GenerateKey(nil).Private()
	r.cfg.Rand, r.cfg.Hybrids = mathrand.NewChaCha8(seed), ssu2.Hybrids(hybrid, routerinfo.MaxSSU2MTU, r.at.Addr())
	r.Endpoint = ssu2.NewEndpoint(r.cfg)
	v := r.vector
	r.vector = &vectors.SSU2{Seed: seed[:], NetID: NetID, Static: v.Static, Intro: v.Intro, RouterInfo: v.RouterInfo, Token: uint64(token)}
	if hybrid != kem.None {
		r.vector.Hybrid = hybrid.String()
	}
}

// step records what the endpoint was told, and what it said, until there is a
// session.
func (r *ssu2Router) step(s vectors.SSU2Step, out ssu2.Result) {
	if r.vector.Keys.LocalID != 0 {
		return
	}
	for _, d := range out.Send {
		s.Out = append(s.Out, d.Data)
	}
	r.vector.Steps = append(r.vector.Steps, s)
	if e := out.Established; e != nil {
		r.vector.Alice, r.vector.PeerInfo = e.Initiator, e.Peer.Info.Bytes()
		r.vector.Keys = vectors.SSU2Keys{
			LocalID: uint64(e.LocalID), RemoteID: uint64(e.RemoteID),
			Send: bytes.Clone(e.Send.Data[:]), SendHeader: bytes.Clone(e.Send.Header.K2[:]),
			Receive: bytes.Clone(e.Receive.Data[:]), ReceiveHeader: bytes.Clone(e.Receive.Header.K2[:]),
		}
	}
}

// frame records a packet of the first session, if it is one of the first.
func (s *ssu2Session) frame(sent bool, plain, packet []byte) {
	v := s.router.vector
	if uint64(s.LocalID) == v.Keys.LocalID && len(v.Data) < 2*framesKept {
		v.Data = append(v.Data, vectors.SSU2Frame{Sent: sent, Plain: bytes.Clone(plain), Bytes: bytes.Clone(packet)})
	}
}

// save writes the record of a version, where records are kept.
func (r *ssu2Router) save(t *testing.T, version, name string) {
	if os.Getenv("UPDATE_VECTORS") != "1" || version == "" || t.Failed() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vector.About = "Recorded with a running " + version + ", which went on with the session."
	b, err := json.MarshalIndent(r.vector, "", "  ")
	if err == nil {
		err = os.WriteFile("../../docs/vectors/ssu2/"+strings.ReplaceAll(version, " ", "-")+"-"+name+".json", append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// signedBlock is one that has a signature.
type signedBlock struct {
	sent bool
	peer i2p.Hash
	ssu2.Block
}

// note keeps a block if it is signed; tests end before there are many.
func (r *ssu2Router) note(s *ssu2Session, sent bool, block ssu2.Block) {
	switch block.Type {
	case ssu2.BlockRelayRequest, ssu2.BlockRelayResponse, ssu2.BlockRelayIntro, ssu2.BlockPeerTest:
		block.Data = bytes.Clone(block.Data)
		r.signed = append(r.signed, signedBlock{sent, s.Peer.Info.Hash(), block})
	}
}

// signed gives the last block of a kind that a router of ours and i2pd exchanged, as a vector.
// Whoever got it has acted on it, which the caller has seen.
func (c *ssu2Cast) signed(t *testing.T, r *ssu2Router, sent bool, kind ssu2.BlockType, by *ssu2Router, v vectors.Signed) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	hash := c.i2pd.Info.Hash()
	for _, b := range slices.Backward(r.signed) {
		if b.sent != sent || b.Type != kind || b.peer != hash {
			continue
		}
		v.BlockType, v.Block = int(kind), b.Data
		v.Signer, v.Verifier = c.version, "ours"
		public := c.i2pd.Info.Identity().SigningKey()
		if by != nil {
			v.Signer, v.Verifier, v.Private, public = "ours", c.version, by.keys.Signing.Bytes(), by.info.Identity().SigningKey()
		}
		v.Public = public.Bytes()
		if err := v.Compute(); err != nil {
			t.Error(err)
		}
		c.file.Signed = append(c.file.Signed, &v)
		return
	}
	t.Errorf("no block %d was exchanged with i2pd", kind)
}

// keep writes the signatures, where records are kept.
func (c *ssu2Cast) keep() {
	if os.Getenv("UPDATE_VECTORS") != "1" || c.t.Failed() {
		return
	}
	c.file.About = "Recorded with a running " + c.version + ", which acted on what it verified. See README.md."
	b, err := json.MarshalIndent(c.file, "", "  ")
	if err == nil {
		err = os.WriteFile("../../docs/vectors/signatures/"+strings.ReplaceAll(c.version, " ", "-")+".json", append(b, '\n'), 0o644)
	}
	c.must(err)
}

// bytesOf is a router's hash.
func bytesOf(r *routerinfo.RouterInfo) vectors.Hex {
	h := r.Hash()
	return h[:]
}
