//go:build unix

package doctor

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const hasModes = true

// freeBytes is what the disk of a directory has left for the process.
func freeBytes(dir string) (free uint64, known bool) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil || st.Bsize <= 0 {
		return 0, false
	}
	return uint64(max(st.Bavail, 0)) * uint64(st.Bsize), true
}

// fileLimit is how many files the process may have open, and how many it has, where that is known.
func fileLimit() (limit, open uint64, known bool) {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, 0, false
	}
	if f, err := os.ReadDir("/proc/self/fd"); err == nil {
		open = uint64(len(f))
	}
	return uint64(l.Cur), open, true
}

// socketBuffer is the most that a socket may buffer of what comes in.
func socketBuffer() (most uint64, known bool) {
	b, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		return 0, false
	}
	most, err = strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return most, err == nil
}
