package netdbdir

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"i2ptoolkit/pkg/routerinfo"
)

// MaxZip is the size of the largest zip that is read: all of the live network has a tenth of it.
const MaxZip = 256 << 20

// IsZip tells a zip, be it an empty one, by its first four bytes or more.
func IsZip(beginning []byte) bool {
	return bytes.HasPrefix(beginning, []byte("PK\x03\x04")) || bytes.HasPrefix(beginning, []byte("PK\x05\x06"))
}

// LeadsOut tells whether the name of a file in a zip is one of a place outside of the folder that
// the zip is unpacked in.
func LeadsOut(name string) bool {
	return !filepath.IsLocal(name) || strings.ContainsAny(name, "\\\x00")
}

// LoadZip is Load of a zip that is open. The RouterInfos are read wherever in it they lie. Names
// serve only to recognise them; nothing is written, and sizes are not believed.
func LoadZip(ctx context.Context, r io.ReaderAt, size int64, cfg LoadConfig, each func(*routerinfo.RouterInfo)) (Loaded, error) {
	counts, err := loadZip(ctx, r, size, cfg, each)
	if err != nil {
		err = fmt.Errorf("netdbdir: %w", err)
	}
	return counts, err
}

func loadZip(ctx context.Context, r io.ReaderAt, size int64, cfg LoadConfig, each func(*routerinfo.RouterInfo)) (Loaded, error) {
	if size > MaxZip {
		return Loaded{}, fmt.Errorf("zip of %d bytes, at most %d are read", size, MaxZip)
	}
	// archive/zip spends memory on each entry: count them before it does.
	if n, err := count(io.NewSectionReader(r, 0, size), directoryEntry); err != nil {
		return Loaded{}, err
	} else if n > maxEntries {
		return Loaded{}, fmt.Errorf("zip of %d files, at most %d are read", n, maxEntries)
	}
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return Loaded{}, err
	}
	for _, f := range z.File { // nothing is written by these names; yet who makes them means no good
		if LeadsOut(f.Name) {
			return Loaded{}, fmt.Errorf("zip with the file %.80q, which leads out of it", f.Name)
		}
	}
	var total Loaded
	files := slices.DeleteFunc(z.File, func(f *zip.File) bool {
		return strings.HasSuffix(f.Name, "/") || cfg.foreign(&total, f.Name, path.Base(f.Name))
	})
	order(cfg, files)
	counts, err := parallel(ctx, len(files), cfg, func(i int) (string, []byte, error) {
		f, err := files[i].Open()
		if err != nil {
			return files[i].Name, nil, err
		}
		defer f.Close()
		b, err := readLimited(f)
		return files[i].Name, b, err
	}, each)
	total.add(counts)
	return total, err
}

// directoryEntry begins each file's entry in a zip's directory.
var directoryEntry = []byte("PK\x01\x02")

// count says how often a pattern is in what is read.
func count(r io.Reader, pattern []byte) (n int, err error) {
	buf := make([]byte, 64<<10)
	kept := 0 // bytes that the pattern may begin with
	for {
		got, err := r.Read(buf[kept:])
		text := buf[:kept+got]
		n += bytes.Count(text, pattern)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		kept = copy(buf, text[max(0, len(text)-len(pattern)+1):])
	}
}

func readLimited(r io.Reader) ([]byte, error) {
	var buf [maxFile + 1]byte
	n, err := io.ReadFull(r, buf[:])
	if err == nil {
		return nil, errTooLong
	}
	if err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return slices.Clone(buf[:n]), nil
}
