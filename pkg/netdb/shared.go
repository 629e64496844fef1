package netdb

import (
	"crypto/sha256"
	"sync"

	"i2ptoolkit/pkg/routerinfo"
)

// Shared is what the DBs of a simulation have in common, where thousands of
// routers in one process know the same RouterInfos: each is parsed, verified and
// kept once. What a DB takes, and why, does not depend on it. A nil Shared shares
// nothing.
type Shared struct {
	mu sync.Mutex // a leaf
	of map[[sha256.Size]byte]*sharedInfo
}

type sharedInfo struct {
	ri       *routerinfo.RouterInfo
	packed   []byte
	verified bool // whether err is known
	err      error
}

// NewShared makes an empty Shared.
func NewShared() *Shared { return &Shared{of: make(map[[sha256.Size]byte]*sharedInfo)} }

// parse is routerinfo.Parse.
func (s *Shared) parse(raw []byte) (*routerinfo.RouterInfo, error) {
	if s == nil {
		return routerinfo.Parse(raw)
	}
	key := sha256.Sum256(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.of[key]; i != nil {
		return i.ri, nil
	}
	ri, err := routerinfo.Parse(raw)
	if err != nil {
		return nil, err
	}
	s.of[key] = &sharedInfo{ri: ri}
	return ri, nil
}

// entry finds or makes what is kept of a RouterInfo.
func (s *Shared) entry(ri *routerinfo.RouterInfo) *sharedInfo {
	key := sha256.Sum256(ri.Bytes())
	i := s.of[key]
	if i == nil {
		i = &sharedInfo{ri: ri}
		s.of[key] = i
	}
	return i
}

// verify checks a RouterInfo's signature.
func (s *Shared) verify(ri *routerinfo.RouterInfo) error {
	if s == nil {
		return ri.Verify()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.entry(ri)
	if !i.verified {
		i.verified, i.err = true, ri.Verify()
	}
	return i.err
}

// pack makes the kept form of a RouterInfo.
func (s *Shared) pack(ri *routerinfo.RouterInfo) []byte {
	if s == nil {
		return pack(ri.Bytes())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.entry(ri)
	if i.packed == nil {
		i.packed = pack(ri.Bytes())
	}
	return i.packed
}
