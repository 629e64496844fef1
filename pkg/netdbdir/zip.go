package netdbdir

import (
	"archive/zip"
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
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
	dir, err := findDirectory(r, size)
	if err != nil {
		return Loaded{}, err
	}
	var total Loaded
	var files []entry
	if err := dir.each(func(name string, at entry) error {
		switch {
		case LeadsOut(name): // nothing is written by these names; yet who makes them means no good
			return fmt.Errorf("zip with the file %.80q, which leads out of it", name)
		case !strings.HasSuffix(name, "/") && !cfg.foreign(&total, name, path.Base(name)):
			files = append(files, at)
		}
		return nil
	}); err != nil {
		return Loaded{}, err
	}
	order(cfg, files)
	counts, err := parallel(ctx, len(files), cfg, func(i int) (string, []byte, error) { return dir.read(files[i]) }, each)
	total.add(counts)
	return total, err
}

// directory is that of a zip (APPNOTE, 4.3.12 to 4.3.16). archive/zip makes some 500 bytes of each
// entry, all at once: so this one is read as a stream that leaves of each where it is, and
// archive/zip is given one entry at a time.
type directory struct {
	zip  *io.SectionReader // from the first byte that offsets count from
	at   int64
	size int64
	said uint16 // files, the lower bits
}

// entry is where in the zip a file's entry of the directory is.
type entry struct{ at, size uint32 }

// What the records of a zip begin with, and their sizes without what is of variable length.
const (
	entryMagic, entrySize     = "PK\x01\x02", 46
	endMagic, endSize         = "PK\x05\x06", 22
	end64Magic, end64Size     = "PK\x06\x06", 56
	locatorMagic, locatorSize = "PK\x06\x07", 20
	maxComment                = 1<<16 - 1
)

// findDirectory reads the end of a zip, which says where its directory is.
func findDirectory(r io.ReaderAt, size int64) (*directory, error) {
	tail := make([]byte, min(size, endSize+maxComment))
	if err := readAt(r, tail, size-int64(len(tail))); err != nil {
		return nil, err
	}
	at := lastEnd(tail)
	if at < 0 {
		return nil, zip.ErrFormat
	}
	end := tail[at:]
	endAt := size - int64(len(end))
	d := &directory{
		said: binary.LittleEndian.Uint16(end[10:]),
		size: int64(binary.LittleEndian.Uint32(end[12:])),
		at:   int64(binary.LittleEndian.Uint32(end[16:])),
	}
	if d.said == 1<<16-1 || d.size == 1<<32-1 || d.at == 1<<32-1 {
		at, err := d.readLong(r, endAt)
		if err != nil {
			return nil, err
		}
		endAt = at
	}
	if d.at < 0 || d.size < 0 || d.at > size || d.size > size || endAt-d.size-d.at < 0 {
		return nil, zip.ErrFormat
	}
	base := endAt - d.size - d.at // of what stands before the zip, such as a program that unpacks it
	var magic [4]byte
	if base > 0 && readAt(r, magic[:], d.at) == nil && string(magic[:]) == entryMagic {
		base = 0
	}
	d.zip = io.NewSectionReader(r, base, size-base)
	return d, nil
}

// lastEnd is where the end of the directory begins, behind which there is a comment.
func lastEnd(tail []byte) int {
	for i := len(tail) - endSize; i >= 0; i-- {
		if string(tail[i:i+4]) == endMagic && i+endSize+int(binary.LittleEndian.Uint16(tail[i+20:])) <= len(tail) {
			return i
		}
	}
	return -1
}

// readLong reads the longer form of the end, if there is one, and returns where it is.
func (d *directory) readLong(r io.ReaderAt, endAt int64) (int64, error) {
	var locator [locatorSize]byte
	if endAt < locatorSize || readAt(r, locator[:], endAt-locatorSize) != nil || string(locator[:4]) != locatorMagic {
		return endAt, nil
	}
	at := int64(binary.LittleEndian.Uint64(locator[8:]))
	var end [end64Size]byte
	if at < 0 || at > endAt || readAt(r, end[:], at) != nil || string(end[:4]) != end64Magic {
		return 0, zip.ErrFormat
	}
	d.said = uint16(binary.LittleEndian.Uint64(end[32:]))
	d.size = int64(binary.LittleEndian.Uint64(end[40:]))
	d.at = int64(binary.LittleEndian.Uint64(end[48:]))
	return at, nil
}

// each tells of all entries, until one is refused.
func (d *directory) each(f func(name string, e entry) error) error {
	in := bufio.NewReader(io.NewSectionReader(d.zip, d.at, d.size))
	var name []byte
	at, n := d.at, 0
	for ; ; n++ {
		head, err := in.Peek(entrySize)
		if err == io.EOF && len(head) == 0 || err == nil && string(head[:4]) != entryMagic {
			break
		}
		if err != nil {
			return zip.ErrFormat
		}
		if n == maxEntries {
			return fmt.Errorf("zip of more than %d files, no more are read", n)
		}
		named := int(binary.LittleEndian.Uint16(head[28:]))
		more := int(binary.LittleEndian.Uint16(head[30:])) + int(binary.LittleEndian.Uint16(head[32:]))
		in.Discard(entrySize)
		name = append(name[:0], make([]byte, named)...)
		if _, err := io.ReadFull(in, name); err != nil {
			return zip.ErrFormat
		}
		if _, err := in.Discard(more); err != nil {
			return zip.ErrFormat
		}
		size := entrySize + named + more
		if err := f(string(name), entry{uint32(at), uint32(size)}); err != nil {
			return err
		}
		at += int64(size)
	}
	if uint16(n) != d.said {
		return zip.ErrFormat
	}
	return nil
}

// read unpacks the file of an entry: archive/zip gets the zip up to its directory, and a directory
// of this entry only.
func (d *directory) read(e entry) (name string, b []byte, err error) {
	short := make([]byte, e.size+endSize)
	end := short[e.size:]
	if err := readAt(d.zip, short[:e.size], int64(e.at)); err != nil {
		return "", nil, err
	}
	copy(end, endMagic)
	end[8], end[10] = 1, 1
	binary.LittleEndian.PutUint32(end[12:], e.size)
	binary.LittleEndian.PutUint32(end[16:], uint32(d.at))
	z, err := zip.NewReader(lengthened{d.zip, d.at, short}, d.at+int64(len(short)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return "", nil, err
	}
	f, err := z.File[0].Open()
	if err != nil {
		return z.File[0].Name, nil, err
	}
	defer f.Close()
	b, err = readLimited(f)
	return z.File[0].Name, b, err
}

// lengthened is the beginning of a file with something else behind it.
type lengthened struct {
	r    io.ReaderAt
	size int64
	more []byte
}

func (l lengthened) ReadAt(b []byte, at int64) (n int, err error) {
	if at < l.size {
		n = int(min(int64(len(b)), l.size-at))
		if n, err = l.r.ReadAt(b[:n], at); err != nil && err != io.EOF || at+int64(n) < l.size {
			return n, err
		}
	}
	behind := min(at+int64(n)-l.size, int64(len(l.more)))
	if n += copy(b[n:], l.more[behind:]); n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// readAt fills b.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		return cmp.Or(err, io.ErrUnexpectedEOF)
	}
	return nil
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
