// Package reseed is what a router's first peers come from: bundles of
// RouterInfos, signed by one of a few trusted volunteers (Software Update
// Specification, SU3 Reseed File Specification). It knows the signers and the
// servers, opens bundles, however hostile, and builds them.
package reseed

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/su3"
	"i2ptoolkit/pkg/words"
)

// Limits of a bundle. Those of the live network have some 75 RouterInfos in
// 60 to 100 kB.
const (
	MaxBundle = 4 << 20 // bytes of the file
	MaxInfos  = 4096    // files in the zip
	MaxInfo   = 4096    // bytes of a RouterInfo; the largest seen have half of it
	maxTotal  = 8 << 20 // bytes of all RouterInfos together
)

// DefaultMaxAge is how old a RouterInfo may be, unless OpenConfig says
// otherwise: its router is likely to be found at the same address.
const DefaultMaxAge = 7 * 24 * time.Hour

// maxFuture is how far the clocks of routers may be ahead.
const maxFuture = 10 * time.Minute

// ErrHostile means that no reseed server makes such a file by mistake. Its text accuses
// nobody: the file may be one that our user made.
var ErrHostile = errors.New("reseed: not as bundles are made")

// Bundle is an opened bundle.
type Bundle struct {
	Signer   string // empty for a plain zip
	Version  string
	Made     time.Time // what the version says; zero where it says nothing
	Verified bool      // the signature is the signer's, and the signer trusted
	Infos    []*routerinfo.RouterInfo
	Rejected []Rejection
}

// Rejection is a file of a bundle that was left out: for a reason that many may have, and what
// of this one alone is to be said.
type Rejection struct {
	Name    string `json:"name"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail,omitempty"`
	Network int    `json:"-"` // that it is of, where that is the reason; 0: it names none
}

// Error is the whole of what is wrong.
func (r *Rejection) Error() string {
	if r.Detail == "" {
		return r.Reason
	}
	return r.Reason + ": " + r.Detail
}

func rejectf(reason, format string, args ...any) error {
	return &Rejection{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// OpenConfig says what is expected of a bundle.
type OpenConfig struct {
	Trust         *Trust // nil: nobody
	Now           time.Time
	NetID         int           // of the network
	MaxAge        time.Duration // of a RouterInfo; 0: DefaultMaxAge
	SkipSignature bool          // of the bundle, as its user vouches for it; a zip has none
	// Own says that a zip is its user's own: the files may lie in folders, and beside others.
	Own bool
}

// OpenBundle reads a su3 file, or a zip of RouterInfos where the signature
// does not matter. What is wrong with one RouterInfo leaves out that one; an
// error means that nothing of the file can be used.
func OpenBundle(b []byte, cfg OpenConfig) (Bundle, error) {
	if cfg.MaxAge == 0 {
		cfg.MaxAge = DefaultMaxAge
	}
	if len(b) > MaxBundle {
		return Bundle{}, fmt.Errorf("%w: %d bytes, at most %d are expected", ErrHostile, len(b), MaxBundle)
	}
	var out Bundle
	content := b
	if cfg.Own = cfg.Own && bytes.HasPrefix(b, []byte("PK")); cfg.Own {
		cfg.SkipSignature = true
	}
	if !bytes.HasPrefix(b, []byte("PK")) {
		f, err := su3.Parse(b)
		if err != nil {
			return Bundle{}, err
		}
		if f.ContentType != su3.Reseed || f.FileType != su3.ZIP {
			return Bundle{}, fmt.Errorf("reseed: su3 file with %v of type %v, expected reseed data of type zip", f.ContentType, f.FileType)
		}
		if !cfg.SkipSignature {
			if err := cfg.verify(f); err != nil {
				return Bundle{}, err
			}
		}
		out = Bundle{Signer: f.Signer, Version: f.Version, Made: MadeAt(f.Version), Verified: !cfg.SkipSignature}
		content = f.Content
	} else if !cfg.SkipSignature {
		return Bundle{}, fmt.Errorf("%w: a zip has none, expected a su3 file", su3.ErrSignature)
	}
	return out, out.unzip(content, cfg)
}

func (cfg OpenConfig) verify(f su3.File) error {
	trust := cfg.Trust
	if trust == nil {
		trust = new(Trust)
	}
	keys, err := trust.Keys(f.Signer, cfg.Now)
	if err != nil {
		return err
	}
	return f.Verify(keys...)
}

// MadeAt is the time that a bundle's version says: seconds since 1970. It is
// zero where it says something else.
func MadeAt(version string) time.Time {
	s, err := strconv.ParseInt(version, 10, 64)
	if err != nil || s <= 0 || s > 1<<40 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// infoName is what the files are called, after the hash in I2P's base64.
var infoName = regexp.MustCompile(`^routerInfo-([A-Za-z0-9~-]{43}=)\.dat$`)

// directoryEntry begins each file's entry in a zip's directory.
var directoryEntry = []byte("PK\x01\x02")

func (b *Bundle) unzip(content []byte, cfg OpenConfig) error {
	// archive/zip spends memory on each entry: count them before it does.
	if n := bytes.Count(content, directoryEntry); n > MaxInfos {
		return fmt.Errorf("%w: %d files, at most %d are expected", ErrHostile, n, MaxInfos)
	}
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return fmt.Errorf("reseed: %w", err)
	}
	for _, f := range z.File { // before anything is unpacked
		if err := cfg.checkEntry(f); err != nil {
			return err
		}
	}
	total := 0
	var buffer bytes.Buffer
	seen := make(map[i2p.Hash]bool, len(z.File))
	for _, f := range z.File {
		if cfg.Own && strings.HasSuffix(f.Name, "/") {
			continue
		}
		raw, err := cfg.unpack(f, &buffer)
		if errors.Is(err, ErrHostile) {
			return err
		}
		if total += len(raw); total > maxTotal {
			return fmt.Errorf("%w: more than %d bytes of RouterInfos", ErrHostile, maxTotal)
		}
		var ri *routerinfo.RouterInfo
		if err == nil {
			ri, err = accept(path.Base(f.Name), raw, cfg)
		}
		if err == nil && seen[ri.Hash()] {
			err = rejectf("twice in the bundle", "")
		}
		if err != nil {
			b.Rejected = append(b.Rejected, rejection(f.Name, err))
			continue
		}
		seen[ri.Hash()] = true
		b.Infos = append(b.Infos, ri)
	}
	return nil
}

// rejection says why the file of that name is left out.
func rejection(name string, err error) Rejection {
	why := Rejection{Reason: err.Error()}
	var known *Rejection
	if errors.As(err, &known) {
		why = *known
	}
	why.Name = shown(name)
	return why
}

// shown is a file's name as it may be printed.
func shown(name string) string {
	if len(name) > 80 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return fmt.Sprintf("%.80q", name)
	}
	return name
}

// checkEntry refuses what somebody must have meant. In a zip of our user's own, folders are
// nothing special, but names that lead out of it are.
func (cfg OpenConfig) checkEntry(f *zip.File) error {
	if cfg.Own && netdbdir.LeadsOut(f.Name) {
		return fmt.Errorf("%w: file %.80q, which leads out of the archive", ErrHostile, f.Name)
	}
	if !cfg.Own && (strings.ContainsAny(f.Name, "/\\\x00") || f.Name == ".." || f.Name == ".") {
		return fmt.Errorf("%w: file %.80q, expected files at the top level alone", ErrHostile, f.Name)
	}
	if f.UncompressedSize64 > maxTotal || f.CompressedSize64 > MaxBundle {
		return fmt.Errorf("%w: file %.80q of %d bytes", ErrHostile, f.Name, max(f.UncompressedSize64, f.CompressedSize64))
	}
	return nil
}

// unpack reads a file, whose announced size is not believed, into the buffer.
func (cfg OpenConfig) unpack(f *zip.File, buffer *bytes.Buffer) ([]byte, error) {
	name := f.Name
	if cfg.Own {
		name = path.Base(name)
	}
	if !infoName.MatchString(name) {
		return nil, rejectf("name, expected routerInfo-HASH.dat", "")
	}
	if f.Flags&1 != 0 || (f.Method != zip.Store && f.Method != zip.Deflate) {
		return nil, rejectf("compression, expected plain or deflated", "method %d, flags %#x", f.Method, f.Flags)
	}
	if f.UncompressedSize64 > MaxInfo {
		return nil, rejectf(fmt.Sprintf("more than %d bytes", MaxInfo), "%d bytes", f.UncompressedSize64)
	}
	r, err := f.Open()
	if err != nil {
		return nil, rejectf("unreadable", "%v", err)
	}
	defer r.Close()
	buffer.Reset()
	_, err = buffer.ReadFrom(io.LimitReader(r, MaxInfo+1))
	if buffer.Len() > MaxInfo || errors.Is(err, zip.ErrFormat) { // what archive/zip calls a file beyond its size
		return nil, fmt.Errorf("%w: file %.80q is longer than it says", ErrHostile, f.Name)
	}
	if err != nil {
		return nil, rejectf("unreadable", "%v", err)
	}
	return buffer.Bytes(), nil
}

// accept checks a RouterInfo; the signature, which costs most, comes last.
func accept(name string, raw []byte, cfg OpenConfig) (*routerinfo.RouterInfo, error) {
	ri, err := routerinfo.Parse(raw)
	if err != nil {
		return nil, rejectf("no RouterInfo", "%s", strings.TrimPrefix(strings.TrimPrefix(err.Error(), "routerinfo: "), "i2p: "))
	}
	hash := infoName.FindStringSubmatch(name)[1]
	age := cfg.Now.Sub(ri.Published().Time())
	switch {
	case ri.Hash().String() != hash:
		return nil, errors.New("RouterInfo of another router than its name says")
	case ri.NetID() != cfg.NetID:
		return nil, &Rejection{Reason: fmt.Sprintf("network %d, expected %d", ri.NetID(), cfg.NetID), Network: ri.NetID()}
	case age > cfg.MaxAge:
		return nil, fmt.Errorf("older than %s", days(cfg.MaxAge))
	case age < -maxFuture:
		return nil, errors.New("from the future")
	}
	if ri.Verify() != nil {
		return nil, errors.New("bad signature")
	}
	return ri, nil
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return words.Count(int64(d/(24*time.Hour)), "day")
	}
	return d.String()
}
