package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/filelock"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/transport/ntcp2link"
)

// The files of a data directory that say who the router is. The keys are secret
// and are written once, before anything is published that depends on them; those
// of transports beside them.
const (
	routerKeysFile = "router.keys"
	ntcp2KeysFile  = "ntcp2.keys"
	routerInfoFile = "router.info"
	portFile       = "port"
)

// lockFile is locked by the router whose directory it is.
const lockFile = "router.lock"

// dataDir is the path of a router's data directory. Where it is empty nothing is
// kept.
type dataDir string

func (d dataDir) path(name string) string { return filepath.Join(string(d), name) }

// create makes the directory.
func (d dataDir) create() error {
	if d == "" {
		return nil
	}
	return os.MkdirAll(string(d), 0o700)
}

// lock makes the directory this router's alone. Two with one identity would be one router to all
// others, and write the same files.
func (d dataDir) lock() (release func(), err error) {
	if d == "" {
		return func() {}, nil
	}
	l, err := filelock.Take(d.path(lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%s is in use by another router", d)
	}
	if err != nil {
		return nil, err
	}
	return func() { l.Release() }, nil
}

// clear removes what was half-written when a router was killed.
func (d dataDir) clear() error {
	if d == "" {
		return nil
	}
	return atomicfile.Clear(string(d), routerKeysFile, ntcp2KeysFile, routerInfoFile, portFile, profilesFile)
}

// keep writes a file that may be made anew at any time.
func (d dataDir) keep(name string, b []byte) error {
	if d == "" {
		return nil
	}
	return atomicfile.WriteBytes(d.path(name), b)
}

// loadOrCreate reads what is made once.
func (d dataDir) loadOrCreate(name string, create func() ([]byte, error)) ([]byte, error) {
	if d != "" {
		b, err := os.ReadFile(d.path(name))
		if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	b, err := create()
	if err != nil {
		return nil, err
	}
	return b, d.keep(name, b)
}

// errElGamal refuses keys of a kind that routers had long ago: no floodfill would keep the
// RouterInfo, and no router would build a tunnel through us.
var errElGamal = errors.New("the keys of an ElGamal router, which no router accepts any more: " +
	"move the file elsewhere, and a new identity is made at the next start")

// identity reads the router's identity, or draws a new one. A damaged file is an
// error and is never replaced: a lost identity should be the owner's decision.
func (d dataDir) identity(random io.Reader) (*i2p.PrivateKeys, error) {
	raw, err := d.loadOrCreate(routerKeysFile, func() ([]byte, error) {
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
		return nil, fmt.Errorf("%s: %w", d.path(routerKeysFile), err)
	}
	return keys, nil
}

// ntcp2Keys reads NTCP2's keys, which our RouterInfo names, or draws them.
func (d dataDir) ntcp2Keys(random io.Reader) (ntcp2link.Keys, error) {
	raw, err := d.loadOrCreate(ntcp2KeysFile, func() ([]byte, error) { return ntcp2link.NewKeys(random), nil })
	if err != nil {
		return ntcp2link.Keys{}, err
	}
	keys, err := ntcp2link.ParseKeys(raw)
	if err != nil {
		return ntcp2link.Keys{}, fmt.Errorf("%s: %w", d.path(ntcp2KeysFile), err)
	}
	return keys, nil
}

// port is that of the first run in which it was drawn, or 0: peers know us by it.
func (d dataDir) port() (int, error) {
	if d == "" {
		return 0, nil
	}
	b, err := os.ReadFile(d.path(portFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", d.path(portFile), err)
	}
	return int(port), nil
}

// keepPort keeps a port that was drawn, so that it is the same after a restart.
func (d dataDir) keepPort(port uint16) error {
	return d.keep(portFile, []byte(strconv.Itoa(int(port))+"\n"))
}
