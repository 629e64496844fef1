package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/words"
)

// Machine is what a router has of its machine.
type Machine struct {
	Dir      string // of the data; empty is none
	Sessions int    // that it may have
	Datagram bool   // it speaks SSU2
	Now      time.Time
}

// What a router needs, about.
const (
	diskNeeded    = 64 << 20
	filesBeside   = 128     // beside the sessions
	bufferNeeded  = 1 << 20 // of a socket for datagrams
	firstRelease  = 2026    // no clock is right that says less
	dirPermission = 0o700
)

// Look looks at the machine, as this process has it.
func (m Machine) Look() []control.Finding {
	var fs findings
	m.year(&fs)
	m.dir(&fs)
	m.files(&fs)
	m.buffers(&fs)
	return fs
}

func (m Machine) year(fs *findings) {
	if y := m.Now.UTC().Year(); y < firstRelease {
		fs.problem("clock", fmt.Sprintf("the clock says that it is %d", y), ClockAdvice)
	}
}

func (m Machine) dir(all *findings) {
	if m.Dir == "" {
		all.ok("data directory", "none: nothing is written")
		return
	}
	info, err := os.Stat(m.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if parent, err := tryParent(m.Dir); err != nil {
			all.problem("data directory", m.Dir+" does not exist, and cannot be made: "+err.Error(), "let the router's user write in "+parent+", or name another with --dir")
			return
		}
		all.note("data directory", m.Dir+" does not exist: the router makes it at its first start", "")
		return
	case err != nil:
		all.problem("data directory", err.Error(), "let the router's user read and enter it")
		return
	case !info.IsDir():
		all.problem("data directory", m.Dir+" is no directory", "name another with --dir")
		return
	case info.Mode().Perm()&^dirPermission != 0 && hasModes:
		all.problem("data directory", fmt.Sprintf("%s can be read by others (mode %o): the router's keys are in it", m.Dir, info.Mode().Perm()), "chmod 700 "+m.Dir)
		return
	}
	f, err := os.CreateTemp(m.Dir, ".doctor-")
	if err == nil {
		_, err = f.Write(make([]byte, 4096))
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	free, known := freeBytes(m.Dir)
	switch {
	case err != nil && known && free < 4096:
		all.problem("data directory", "the disk of "+m.Dir+" is full", "make room: keys, netDb and address books are kept there")
	case err != nil:
		all.problem("data directory", "nothing can be written: "+err.Error(), "let the router's user write in "+m.Dir)
	case known && free < diskNeeded:
		all.problem("data directory", fmt.Sprintf("the disk of %s has only %s left", m.Dir, words.Bytes(free)), "make room: keys, netDb and address books are kept there")
	default:
		all.ok("data directory", "%s", m.Dir)
	}
}

// tryParent tries to make a directory where one that does not exist would be made.
func tryParent(dir string) (parent string, err error) {
	for parent = filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		if _, err := os.Stat(parent); !errors.Is(err, fs.ErrNotExist) || parent == filepath.Dir(parent) {
			break
		}
	}
	made, err := os.MkdirTemp(parent, ".doctor-")
	if err != nil {
		return parent, err
	}
	return parent, os.Remove(made)
}

func (m Machine) files(all *findings) {
	limit, open, known := fileLimit()
	need := uint64(m.Sessions + filesBeside)
	switch {
	case !known:
	case open+filesBeside/4 > limit:
		all.problem("open files", fmt.Sprintf("%d of at most %d files and connections are open", open, limit), "raise the limit: ulimit -n, or LimitNOFILE= of the service")
	case limit < need:
		all.problem("open files", fmt.Sprintf("at most %d files and connections may be open, and ntcp2.max_sessions is %d", limit, m.Sessions),
			fmt.Sprintf("raise the limit to %d (ulimit -n, LimitNOFILE= of the service), or lower ntcp2.max_sessions", need))
	default:
		all.ok("open files", "at most %d", limit)
	}
}

func (m Machine) buffers(all *findings) {
	if !m.Datagram {
		return
	}
	most, known := socketBuffer()
	switch {
	case !known:
	case most < bufferNeeded:
		all.note("kernel buffers", "a socket may buffer only "+words.Bytes(most)+": datagrams of SSU2 are lost when many come at once",
			fmt.Sprintf("sysctl -w net.core.rmem_max=%d net.core.wmem_max=%[1]d", 4*bufferNeeded))
	default:
		all.ok("kernel buffers", "%s for a socket", words.Bytes(most))
	}
}
