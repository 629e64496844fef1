package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/draw"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"strings"

	"github.com/dchest/siphash"
)

// Limits of a set of bundles.
const (
	MaxBundle  = 4 << 20   // bytes of one; 75 RouterInfos take some 75 kB
	MaxBundles = 10_000    // in a set
	MaxTotal   = 512 << 20 // bytes of a set
)

const (
	bundleSuffix = ".su3"
	magic        = "I2Psu3" // of a su3 file, see the specification of updates
	maxSalt      = 1024
)

// Directory is the Source that reads the *.su3 files of a directory, in the order of
// their names. A file that is no su3 fails the whole set, so that a set that is being
// written when it is read does not replace a good one.
func Directory(path string) Source {
	return func(ctx context.Context) ([][]byte, error) {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("serve: %w", err)
		}
		var set [][]byte
		total := 0
		for _, e := range entries {
			if e.IsDir() || !strings.HasSuffix(e.Name(), bundleSuffix) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			b, err := readFile(filepath.Join(path, e.Name()), MaxBundle)
			if err != nil {
				return nil, err
			}
			if !bytes.HasPrefix(b, []byte(magic)) {
				return nil, fmt.Errorf("serve: %s: a su3 file is expected, it does not begin with %s", e.Name(), magic)
			}
			if total += len(b); total > MaxTotal || len(set) == MaxBundles {
				return nil, tooMany(len(set)+1, total)
			}
			set = append(set, b)
		}
		return set, nil
	}
}

func readFile(name string, limit int) ([]byte, error) {
	info, err := os.Stat(name) // before it is opened: a pipe would keep us waiting
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("serve: %s: a regular file is expected, it is %v", name, info.Mode())
	}
	if info.Size() > int64(limit) {
		return nil, fmt.Errorf("serve: %s: at most %d bytes are expected, it has %d", name, limit, info.Size())
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	defer f.Close()
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("serve: %s: %w", name, err)
	}
	return b, nil
}

func tooMany(n, total int) error {
	return fmt.Errorf("serve: at most %d bundles of %d bytes together are expected, there are %d or more of %d", MaxBundles, MaxTotal, n, total)
}

// checkSet refuses what would be worse than the set that is served now.
func checkSet(set [][]byte) (total int, err error) {
	if len(set) == 0 {
		return 0, errors.New("serve: at least one bundle is expected, there is none")
	}
	for i, b := range set {
		if len(b) == 0 || len(b) > MaxBundle {
			return 0, fmt.Errorf("serve: bundle %d: 1 to %d bytes are expected, it has %d", i, MaxBundle, len(b))
		}
		total += len(b)
	}
	if len(set) > MaxBundles || total > MaxTotal {
		return 0, tooMany(len(set), total)
	}
	return total, nil
}

// chooser gives each network its bundle by a keyed hash: nobody who does not know the
// salt can tell which other networks get the same one, or find networks that together
// get all of them without asking from each.
type chooser struct{ k0, k1 uint64 }

func newChooser(salt []byte) chooser {
	k := sha256.Sum256(salt)
	return chooser{binary.LittleEndian.Uint64(k[:]), binary.LittleEndian.Uint64(k[8:])}
}

// choose is the network's index in a set of n. With the same salt and the same n it is
// the same forever.
func (c chooser) choose(network key, n int) int {
	hi, _ := bits.Mul64(siphash.Hash(c.k0, c.k1, network[:]), uint64(n))
	return int(hi)
}

// LoadSalt reads the salt that a file keeps, and writes a new random one where there is
// none. It belongs to nobody but the server: who knows it can collect the bundles with
// less trouble.
func LoadSalt(path string) ([]byte, error) {
	b, err := readFile(path, maxSalt)
	if errors.Is(err, fs.ErrNotExist) {
		return newSalt(path)
	}
	if err != nil {
		return nil, err
	}
	if len(b) < minSalt {
		return nil, fmt.Errorf("serve: %s: a salt of at least %d bytes is expected, it has %d", path, minSalt, len(b))
	}
	return b, nil
}

func newSalt(path string) ([]byte, error) {
	salt := make([]byte, 32)
	draw.Fill(nil, salt)
	if err := atomicfile.WriteBytes(path, salt); err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	return salt, nil
}
