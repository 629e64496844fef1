package reseed

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"i2ptoolkit/pkg/reseed/reseedtest"
	"i2ptoolkit/pkg/su3"
)

const goodName = "routerInfo-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=.dat"

// zipOf makes a zip; change may lie about each file.
func zipOf(t testing.TB, names []string, content func(w io.Writer), change func(h *zip.FileHeader)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		content(w)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if change == nil {
		return b.Bytes()
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		t.Fatal(err)
	}
	var lying bytes.Buffer
	z = zip.NewWriter(&lying)
	for _, f := range r.File {
		h := f.FileHeader
		change(&h)
		w, err := z.CreateRaw(&h)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := f.OpenRaw()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return lying.Bytes()
}

func zeros(n int64) func(io.Writer) {
	return func(w io.Writer) { io.CopyN(w, zeroReader{}, n) }
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// opened opens a bundle and tells how many bytes that took.
func opened(b []byte, cfg OpenConfig) (Bundle, uint64, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	bundle, err := OpenBundle(b, cfg)
	runtime.ReadMemStats(&after)
	return bundle, after.TotalAlloc - before.TotalAlloc, err
}

// TestHostile: nobody makes these by mistake, so nothing of them is used.
func TestHostile(t *testing.T) {
	many := make([]string, MaxInfos+1)
	for i := range many {
		many[i] = fmt.Sprintf("%d", i)
	}
	empty := func(io.Writer) {}
	for name, b := range map[string][]byte{
		"parent directory":   zipOf(t, []string{"../" + goodName}, zeros(10), nil),
		"absolute path":      zipOf(t, []string{"/etc/passwd"}, zeros(10), nil),
		"backslash":          zipOf(t, []string{`..\` + goodName}, zeros(10), nil),
		"directory":          zipOf(t, []string{"r0/"}, empty, nil),
		"two dots":           zipOf(t, []string{".."}, zeros(10), nil),
		"4 GiB announced":    zipOf(t, []string{goodName}, zeros(10), func(h *zip.FileHeader) { h.UncompressedSize64 = 4 << 30 }),
		"bomb":               zipOf(t, []string{goodName}, zeros(4*maxTotal), nil),
		"bomb in disguise":   zipOf(t, []string{goodName}, zeros(1<<20), func(h *zip.FileHeader) { h.UncompressedSize64 = 100 }),
		"too many files":     zipOf(t, many, empty, nil),
		"more than a file":   make([]byte, MaxBundle+1),
		"a hundred thousand": hundredThousand(),
		"8 MiB in all":       zipOf(t, slices.Repeat([]string{goodName}, maxTotal/MaxInfo+1), zeros(MaxInfo), nil),
		"overlapping files":  overlapping(t),
	} {
		_, bytes, err := opened(b, OpenConfig{Now: now, NetID: 2, SkipSignature: true})
		if !errors.Is(err, ErrHostile) {
			t.Errorf("%s: %v", name, err)
		}
		if limit := uint64(64 << 20); bytes > limit || strings.HasPrefix(name, "a hundred") && bytes > 1<<20 {
			t.Errorf("%s: took %d bytes", name, bytes)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than a line: %v", name, err)
		}
	}
}

// entry is the least that a file costs in a zip's directory.
func entry() []byte {
	b := make([]byte, 46)
	copy(b, "PK\x01\x02")
	return b
}

// overlapping is a zip whose directory names one file as often as it may.
func overlapping(t testing.TB) []byte {
	one := zipOf(t, []string{goodName}, zeros(MaxInfo), nil)
	at := bytes.Index(one, directoryEntry)
	end := bytes.Index(one, []byte("PK\x05\x06"))
	directory := bytes.Repeat(one[at:end], MaxInfos)
	b := append(bytes.Clone(one[:at]), directory...)
	tail := bytes.Clone(one[end:])
	binary.LittleEndian.PutUint16(tail[8:], MaxInfos)
	binary.LittleEndian.PutUint16(tail[10:], MaxInfos)
	binary.LittleEndian.PutUint32(tail[12:], uint32(len(directory)))
	return append(b, tail...)
}

// hundredThousand is a zip with nothing but a directory, as long as a bundle
// may be.
func hundredThousand() []byte {
	n := (MaxBundle - 22 - 4) / len(entry())
	b := append([]byte("PK\x03\x04"), bytes.Repeat(entry(), n)...)
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], uint16(n))
	binary.LittleEndian.PutUint16(end[10:], uint16(n))
	binary.LittleEndian.PutUint32(end[12:], uint32(len(b)-4))
	binary.LittleEndian.PutUint32(end[16:], 4)
	return append(b, end...)
}

// TestMany: a bundle of very many RouterInfos costs no more than its limits.
func TestMany(t *testing.T) {
	infos := routers(t, reseedtest.Config{Count: 300})
	bundles, _ := build(t, BuildConfig{Bundles: 1, PerBundle: 300, Unsigned: true, Private: true, Now: now}, infos)
	bundle, bytes, err := opened(bundles[0], OpenConfig{Now: now, NetID: 2, SkipSignature: true})
	if err != nil || len(bundle.Infos) != 300 {
		t.Fatalf("%d RouterInfos, %v", len(bundle.Infos), err)
	}
	if each := bytes / 300; each*MaxInfos > 64<<20*4 { // of what is allocated, most is garbage at once
		t.Errorf("%d bytes a RouterInfo", each)
	}
}

// TestRejected: one bad file does not spoil a bundle.
func TestRejected(t *testing.T) {
	infos := routers(t, reseedtest.Config{Count: 4})
	raw := func(i int) func(io.Writer) { return func(w io.Writer) { w.Write(infos[i].Bytes()) } }
	name := func(i int) string { return "routerInfo-" + infos[i].Hash().String() + ".dat" }
	forged := func(w io.Writer) {
		b := bytes.Clone(infos[3].Bytes())
		b[len(b)-1] ^= 1
		w.Write(b)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range []struct {
		name    string
		content func(io.Writer)
	}{
		{name(0), raw(0)}, {name(1), raw(2)}, {name(0), raw(0)}, {"README\x1b[2J", zeros(5)},
		{goodName, zeros(100)}, {name(3), forged}, {name(2), zeros(MaxInfo + 1)},
	} {
		w, err := z.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		f.content(w)
	}
	z.Close()
	bundle, err := OpenBundle(b.Bytes(), OpenConfig{Now: now, NetID: 2, SkipSignature: true})
	if err != nil || len(bundle.Infos) != 1 {
		t.Fatalf("%d RouterInfos, %v", len(bundle.Infos), err)
	}
	for i, want := range []string{"another router", "twice", "name", "no RouterInfo", "bad signature", "more than 4096 bytes"} {
		if r := bundle.Rejected[i]; !strings.Contains(r.Reason, want) {
			t.Errorf("%s: %q, expected %q", r.Name, r.Reason, want)
		}
	}
	if got := bundle.Rejected[2].Name; got != `"README\x1b[2J"` {
		t.Errorf("a name that clears the screen is reported as %s", got)
	}
	other, err := OpenBundle(b.Bytes(), OpenConfig{Now: now, NetID: 7, SkipSignature: true})
	if err != nil || len(other.Infos) != 0 || !strings.Contains(other.Rejected[0].Reason, "network 2, expected 7") {
		t.Errorf("another network's: %+v, %v", other.Rejected, err)
	}
}

// TestDamaged: an entry whose data ends early, or differs from its checksum, is
// left out.
func TestDamaged(t *testing.T) {
	infos := routers(t, reseedtest.Config{Count: 1})
	raw := infos[0].Bytes()
	name := "routerInfo-" + infos[0].Hash().String() + ".dat"
	content := func(w io.Writer) { w.Write(raw) }
	for what, change := range map[string]func(*zip.FileHeader){
		"checksum": func(h *zip.FileHeader) { h.CRC32++ },
		"length":   func(h *zip.FileHeader) { h.UncompressedSize64++ },
		"method":   func(h *zip.FileHeader) { h.Method = 12 },
		"secret":   func(h *zip.FileHeader) { h.Flags |= 1 },
	} {
		b, err := OpenBundle(zipOf(t, []string{name}, content, change), OpenConfig{Now: now, NetID: 2, SkipSignature: true})
		if err != nil || len(b.Infos) != 0 || len(b.Rejected) != 1 {
			t.Errorf("%s: %d RouterInfos, %v", what, len(b.Infos), err)
		}
	}
}

func TestWrongKind(t *testing.T) {
	signer, certificate := newSigner(t, "you@mail.i2p", now)
	var trust Trust
	trust.Add(certificate)
	news, err := su3.Sign(signer, su3.Header{Version: "1", ContentType: su3.News}, []byte("news"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBundle(news, OpenConfig{Trust: &trust, Now: now}); err == nil || !strings.Contains(err.Error(), "expected reseed data") {
		t.Errorf("news: %v", err)
	}
	plain := zipOf(t, []string{goodName}, zeros(1), nil)
	if _, err := OpenBundle(plain, OpenConfig{Trust: &trust, Now: now}); !errors.Is(err, su3.ErrSignature) {
		t.Errorf("a zip in place of a signed file: %v", err)
	}
	if _, err := OpenBundle([]byte("<html>"), OpenConfig{Trust: &trust, Now: now}); !errors.Is(err, su3.ErrNotSU3) {
		t.Errorf("a page: %v", err)
	}
}

// TestTruncated: a bundle cut anywhere is refused as a whole.
func TestTruncated(t *testing.T) {
	signer, certificate := newSigner(t, "you@mail.i2p", now)
	var trust Trust
	trust.Add(certificate)
	bundles, _ := build(t, BuildConfig{Bundles: 1, PerBundle: 3, Signer: signer, Now: now}, routers(t, reseedtest.Config{Count: 12}))
	for n := 0; n < len(bundles[0]); n += 7 {
		if b, err := OpenBundle(bundles[0][:n], OpenConfig{Trust: &trust, Now: now, NetID: 2}); err == nil || len(b.Infos) > 0 {
			t.Fatalf("%d of %d bytes: %d RouterInfos, %v", n, len(bundles[0]), len(b.Infos), err)
		}
	}
}

func FuzzOpenBundle(f *testing.F) {
	infos := routers(f, reseedtest.Config{Count: 3})
	bundles, _ := build(f, BuildConfig{Bundles: 1, PerBundle: 3, Unsigned: true, Private: true, Now: now}, infos)
	f.Add(bundles[0])
	f.Add(hundredThousand()[:2000])
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	signed, err := su3.Sign(su3.Signer{ID: "you@mail.i2p", Key: key}, su3.Header{Version: "1", ContentType: su3.Reseed}, bundles[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Fuzz(func(t *testing.T, b []byte) {
		bundle, err := OpenBundle(b, OpenConfig{Now: now, NetID: 2, SkipSignature: true})
		if err != nil {
			return
		}
		for _, ri := range bundle.Infos {
			if ri.Verify() != nil {
				t.Error("an unverified RouterInfo came out")
			}
		}
	})
}
