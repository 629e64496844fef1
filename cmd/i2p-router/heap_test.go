package main

import (
	"runtime/debug"
	"testing"
)

func TestKeepSmall(t *testing.T) {
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	t.Setenv("GOMEMLIMIT", "")
	before := limit()
	restore := keepSmall()
	if limit() != softLimit {
		t.Errorf("the limit is %d", limit())
	}
	restore()
	if limit() != before {
		t.Errorf("the limit stays %d", limit())
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	keepSmall()
	if limit() != before {
		t.Errorf("the environment's limit became %d", limit())
	}
}
