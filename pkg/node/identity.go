package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/i2p"
)

// The files of a data directory that say who the router is. The keys are secret
// and are written once, before anything is published that depends on them; those
// of transports beside them.
const (
	routerKeysFile = "router.keys"
	routerInfoFile = "router.info"
)

// errElGamal refuses keys of a kind that routers had long ago: no floodfill would keep the
// RouterInfo, and no router would build a tunnel through us.
var errElGamal = errors.New("the keys of an ElGamal router, which no router accepts any more: " +
	"move the file elsewhere, and a new identity is made at the next start")

// loadIdentity reads the identity out of dir, or draws a new one and keeps it
// there. An empty dir keeps nothing. A damaged file is an error and is never
// replaced: a lost identity should be the owner's decision.
func loadIdentity(dir string, random io.Reader) (*i2p.PrivateKeys, error) {
	raw, err := loadOrCreate(dir, routerKeysFile, func() ([]byte, error) {
		k, err := i2p.GenerateRouter(random)
		if err != nil {
			return nil, err
		}
		return k.AppendTo(nil), nil
	})
	if err != nil {
		return nil, err
	}
	keys, rest, err := i2p.ParsePrivateKeys(raw)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes after the keys", len(rest))
	}
	if err == nil && keys.Identity.CryptoType() == i2p.CryptoElGamal {
		err = errElGamal
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, routerKeysFile), err)
	}
	return keys, nil
}

func loadOrCreate(dir, name string, create func() ([]byte, error)) ([]byte, error) {
	if dir != "" {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	b, err := create()
	if err != nil || dir == "" {
		return b, err
	}
	return b, atomicfile.WriteBytes(filepath.Join(dir, name), b)
}

// clearLeftovers removes what was half-written when a router was killed.
func (n *Node) clearLeftovers() {
	dir := n.settings().DataDir
	if dir == "" {
		return
	}
	if err := atomicfile.Clear(dir, routerKeysFile, ntcp2KeysFile, routerInfoFile, portFile, profilesFile); err != nil {
		n.log.Warn("half-written files not removed", "error", err)
	}
}
