package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/filelock"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/sealed"
	"i2ptoolkit/pkg/transport/ntcp2link"
	"i2ptoolkit/pkg/transport/ssu2link"
	"i2ptoolkit/pkg/words"
)

// The files of a data directory that say who the router is. The keys are secret
// and are written once, before anything is published that depends on them; those
// of transports beside them.
const (
	routerKeysFile    = "router.keys"
	ntcp2KeysFile     = "ntcp2.keys"
	ssu2KeysFile      = "ssu2.keys"
	ssu2TokensFile    = "ssu2.tokens"
	ssu2FarewellsFile = "ssu2.farewells"
	routerInfoFile    = "router.info"
	portFile          = "port"
)

// stateFiles are all, what was learnt about peers, the address books that the owner writes, and what
// forwards have.
func (d dataDir) stateFiles() []string {
	return append(d.keyNames(), routerKeysFile, ntcp2KeysFile, ssu2KeysFile, ssu2TokensFile, ssu2FarewellsFile, routerInfoFile, portFile, profilesFile, privateBookFile, localBookFile, forwardsFile)
}

// lockFile is locked by the router whose directory it is.
const lockFile = "router.lock"

// dataDir is a router's data directory. Where it has no root nothing is kept.
type dataDir struct {
	root string
	box  *sealed.Box // nil: its files are in clear
}

// dataDirOf is the directory that settings name.
func dataDirOf(s config.Config) dataDir {
	if s.Ephemeral {
		return dataDir{}
	}
	return dataDir{root: s.DataDir}
}

func (d dataDir) path(name string) string { return filepath.Join(d.root, name) }

// create makes the directory.
func (d dataDir) create() error {
	if d.root == "" {
		return nil
	}
	return os.MkdirAll(d.root, 0o700)
}

// lock makes the directory this router's alone. Two with one identity would be one router to all
// others, and write the same files.
func (d dataDir) lock() (release func(), err error) {
	if d.root == "" {
		return func() {}, nil
	}
	l, err := filelock.Take(d.path(lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%s is in use by another router", d.root)
	}
	if err != nil {
		return nil, err
	}
	return func() { l.Release() }, nil
}

// clear removes what was half-written when a router was killed.
func (d dataDir) clear() error {
	if d.root == "" {
		return nil
	}
	names := append(d.stateFiles(), filepath.Base(sealed.KeyFile(d.root)))
	for _, name := range d.stateFiles() {
		names = append(names, name+sealedSuffix)
	}
	err := atomicfile.Clear(d.path(keysDir), d.halfKeys()...)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(atomicfile.Clear(d.root, names...), err)
}

// keep writes a file that may be made anew at any time.
func (d dataDir) keep(name string, b []byte) error {
	switch {
	case d.root == "":
		return nil
	case len(b) > maxStateFile:
		return fmt.Errorf("%s would have %s, and %s is the most", d.path(name), words.Bytes(len(b)), words.Bytes(maxStateFile))
	}
	if err := os.MkdirAll(filepath.Dir(d.path(name)), 0o700); err != nil {
		return err
	}
	if d.box == nil {
		return atomicfile.WriteBytes(d.path(name), b)
	}
	b, err := d.box.Seal(b)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(d.path(name)+sealedSuffix, b)
}

// read reads a file; fs.ErrNotExist: there is none.
func (d dataDir) read(name string) ([]byte, error) {
	switch {
	case d.root == "":
		return nil, fs.ErrNotExist
	case d.box == nil:
		return readLimited(d.path(name), maxStateFile)
	}
	b, err := readLimited(d.path(name)+sealedSuffix, maxStateFile)
	if err != nil {
		return nil, err
	}
	if b, err = d.box.Unseal(b); err != nil {
		return nil, fmt.Errorf("%s: %w", d.path(name)+sealedSuffix, err)
	}
	return b, nil
}

const (
	sealedSuffix = ".age"
	maxStateFile = 16 << 20 // more than the profiles of a full table take
)

// loadOrCreate reads what is made once.
func (d dataDir) loadOrCreate(name string, create func() ([]byte, error)) ([]byte, error) {
	b, err := d.read(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if b, err = create(); err != nil {
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
	keys, err := i2p.ParseKeyFile(raw)
	clear(raw)
	if err == nil {
		err = checkIdentity(keys)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.path(routerKeysFile), err)
	}
	return keys, nil
}

// checkIdentity tells whether a router can live with keys that are whole by their form.
func checkIdentity(keys *i2p.PrivateKeys) error {
	if keys.Identity.CryptoType() == i2p.CryptoElGamal {
		return errElGamal
	}
	if pair := noise.NewKeyPair([32]byte(keys.Crypto)); !bytes.Equal(pair.Public[:], keys.Identity.CryptoKey()) {
		return errors.New("the encryption private key is not that of the identity")
	}
	return nil
}

// ntcp2Keys reads NTCP2's keys, which our RouterInfo names, or draws them.
func (d dataDir) ntcp2Keys(random io.Reader) (ntcp2link.Keys, error) {
	return transportKeys(d, ntcp2KeysFile, func() []byte { return ntcp2link.NewKeys(random) }, ntcp2link.ParseKeys)
}

// ssu2Keys are SSU2's.
func (d dataDir) ssu2Keys(random io.Reader) (ssu2link.Keys, error) {
	return transportKeys(d, ssu2KeysFile, func() []byte { return ssu2link.NewKeys(random) }, ssu2link.ParseKeys)
}

// takeOnce reads what the run before has kept for this one, and leaves what is empty: should this run end before
// it has kept its own, it would not be known what was used of it.
func (d dataDir) takeOnce(name string, empty []byte) ([]byte, error) {
	b, err := d.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = d.keep(name, empty)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func transportKeys[K any](d dataDir, name string, make func() []byte, parse func([]byte) (K, error)) (keys K, err error) {
	raw, err := d.loadOrCreate(name, func() ([]byte, error) { return make(), nil })
	if err != nil {
		return keys, err
	}
	keys, err = parse(raw)
	clear(raw)
	if err != nil {
		return keys, fmt.Errorf("%s: %w: put a copy of it there, or move the file elsewhere: "+
			"then new keys are made at the next start, and peers learn of them within the hour", d.path(name), err)
	}
	return keys, nil
}

// port is that of the first run in which it was drawn, or 0: peers know us by it. An error does
// not keep a router from its work: another port is drawn, and peers are told of it.
func (d dataDir) port() (int, error) {
	b, err := d.read(portFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 16)
	if err == nil && port == 0 {
		err = errors.New("port 0")
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", d.path(portFile), err)
	}
	return int(port), nil
}

// tighten takes from others what they may do with the secrets, and warns: what they could read
// they may have. Systems without such modes have nothing to take.
func (d dataDir) tighten(log *slog.Logger) {
	if d.root == "" || runtime.GOOS == "windows" {
		return
	}
	if info, err := os.Stat(d.root); err == nil && info.Mode().Perm()&0o022 != 0 {
		log.Warn("others may write to the data directory", "path", d.root, "mode", info.Mode().Perm().String())
	}
	for _, name := range append(d.keyNames(), routerKeysFile, ntcp2KeysFile, ssu2KeysFile, ssu2TokensFile, ssu2FarewellsFile, forwardsFile) {
		info, err := os.Stat(d.path(name))
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		log.Warn("others could read a secret: its mode is 0600 from now on, and whoever has read it has it still",
			"path", d.path(name), "mode", info.Mode().Perm().String())
		if err := os.Chmod(d.path(name), 0o600); err != nil {
			log.Warn("others can still read a secret", "error", err)
		}
	}
}

// keepPort keeps a port that was drawn, so that it is the same after a restart.
func (d dataDir) keepPort(port uint16) error {
	return d.keep(portFile, []byte(strconv.Itoa(int(port))+"\n"))
}
