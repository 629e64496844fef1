//go:build !unix

package doctor

const hasModes = false

func freeBytes(string) (free uint64, known bool) { return 0, false }

func fileLimit() (limit, open uint64, known bool) { return 0, 0, false }

func socketBuffer() (most uint64, known bool) { return 0, false }
