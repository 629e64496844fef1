package netdbdir

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// crowd is a zip whose directory has so many entries of one name, and nothing else.
func crowd(n int, name string) []byte {
	entry := append([]byte(entryMagic), make([]byte, entrySize-4)...)
	binary.LittleEndian.PutUint16(entry[28:], uint16(len(name)))
	entry = append(entry, name...)
	b := append(bytes.Repeat(entry, n), endMagic...)
	b = append(b, make([]byte, endSize-4)...)
	binary.LittleEndian.PutUint16(b[len(b)-14:], uint16(n))
	binary.LittleEndian.PutUint16(b[len(b)-12:], uint16(n))
	binary.LittleEndian.PutUint32(b[len(b)-10:], uint32(n*len(entry)))
	return b
}

// TestManyInZip: a zip is not read where its files are too many.
func TestManyInZip(t *testing.T) {
	for _, n := range []int{maxEntries, maxEntries + 1} {
		b := crowd(n, "x")
		counts, err := LoadZip(t.Context(), bytes.NewReader(b), int64(len(b)), LoadConfig{}, func(*routerinfo.RouterInfo) {})
		if n <= maxEntries && (err != nil || counts.Foreign != n) {
			t.Errorf("%d files: %+v, %v", n, counts, err)
		}
		if n > maxEntries && (err == nil || !strings.Contains(err.Error(), "are read")) {
			t.Errorf("%d files: %+v, %v", n, counts, err)
		}
	}
}

// TestZipMemory: the files of a zip take next to no memory before they are read: archive/zip would
// have taken 20 MB for these.
func TestZipMemory(t *testing.T) {
	const most = 8 << 20
	b := crowd(40_000, filePrefix+i2p.HashOf(nil).String()+fileSuffix)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, least, n := m.HeapAlloc, uint64(math.MaxUint64), 0
	_, err := LoadZip(t.Context(), bytes.NewReader(b), int64(len(b)), LoadConfig{Passed: func(string, error) {
		if n++; n%5000 == 1 {
			runtime.GC() // of what is garbage, only that counts which is made meanwhile
			runtime.ReadMemStats(&m)
			least = min(least, m.HeapAlloc)
		}
	}}, func(*routerinfo.RouterInfo) {})
	if err != nil || n != 40_000 {
		t.Fatalf("%d files, %v", n, err)
	}
	if least > before+most {
		t.Errorf("%.1f MB more than before, at most %d are fine", float64(least-before)/1e6, most>>20)
	}
}

// packed is a zip of files.
func packed(tb testing.TB, names []string, content [][]byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, name := range names {
		h := zip.FileHeader{Name: name, Method: zip.Deflate}
		if len(content[i]) == 0 {
			h.Method = zip.Store
		}
		w, err := z.CreateHeader(&h)
		if err == nil {
			_, err = w.Write(content[i])
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(z.SetComment("of no use"), z.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestZipForms: what archive/zip reads is read: a zip behind a program, one with more files than its
// short end can say, and an empty one.
func TestZipForms(t *testing.T) {
	var names []string
	var content [][]byte
	var want []i2p.Hash
	for _, ri := range routers(t, 3) {
		names, content = append(names, "netDb/"+filePrefix+ri.Hash().String()+fileSuffix), append(content, ri.Bytes())
		want = append(want, ri.Hash())
	}
	few := packed(t, names, content)
	for i := range 1 << 16 {
		names, content = append(names, fmt.Sprint(i)), append(content, nil)
	}
	for form, b := range map[string][]byte{
		"plain": few, "behind a program": append([]byte("#!/bin/sh\nexit\n"), few...), "many": packed(t, names, content),
	} {
		var got []i2p.Hash
		_, err := LoadZip(t.Context(), bytes.NewReader(b), int64(len(b)), LoadConfig{}, func(ri *routerinfo.RouterInfo) { got = append(got, ri.Hash()) })
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v, expected %v", form, got, err, want)
		}
	}
	empty := packed(t, nil, nil)
	if counts, err := LoadZip(t.Context(), bytes.NewReader(empty), int64(len(empty)), LoadConfig{}, nil); err != nil || counts != (Loaded{}) {
		t.Errorf("an empty zip: %+v, %v", counts, err)
	}
}

// FuzzZip: a zip of a stranger is read as archive/zip reads it, or refused.
// TestBombInZip: a file of a zip that unpacks to much more than a RouterInfo has is given up early.
func TestBombInZip(t *testing.T) {
	b := packed(t, []string{filePrefix + i2p.HashOf(nil).String() + fileSuffix}, [][]byte{make([]byte, 32<<20)})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var why error
	_, err := LoadZip(t.Context(), bytes.NewReader(b), int64(len(b)), LoadConfig{Passed: func(_ string, err error) { why = err }}, func(*routerinfo.RouterInfo) {})
	runtime.ReadMemStats(&after)
	if err != nil || !errors.Is(why, errTooLong) || after.TotalAlloc-before.TotalAlloc > 1<<20 {
		t.Errorf("%v, %v, %d bytes allocated", err, why, after.TotalAlloc-before.TotalAlloc)
	}
}

func FuzzZip(f *testing.F) {
	ri := routers(f, 1)[0]
	name := filePrefix + ri.Hash().String() + fileSuffix
	whole := packed(f, []string{name, "other"}, [][]byte{ri.Bytes(), nil})
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(append([]byte("before"), whole...))
	f.Add(crowd(3, name))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got, want []string
		_, err := LoadZip(t.Context(), bytes.NewReader(b), int64(len(b)), LoadConfig{}, func(ri *routerinfo.RouterInfo) { got = append(got, ri.Hash().String()) })
		if err != nil {
			return
		}
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return // it is stricter
		}
		for _, file := range z.File {
			r, err := file.Open()
			if err != nil {
				continue
			}
			if text, err := readLimited(r); err == nil {
				if ri, err := routerinfo.Parse(text); err == nil {
					want = append(want, ri.Hash().String())
				}
			}
		}
		for _, h := range got {
			if !slices.Contains(want, h) {
				t.Errorf("the router %s is not in the zip", h)
			}
		}
	})
}
