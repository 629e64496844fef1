package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"testing"

	"i2ptoolkit/pkg/control"
)

func TestText(t *testing.T) {
	var number int
	var object struct {
		Unit int `json:"unit"`
	}
	_, parseErr := strconv.Atoi("x")
	_, rangeErr := strconv.Atoi("99999999999999999999")
	_, missing := os.Open("missing")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	_, pipeErr := r.Read(make([]byte, 1))
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("no"), "no"},
		{missing, "missing: no such file or directory"},
		{&fs.PathError{Op: "read", Path: "d", Err: syscall.EISDIR}, "d: is a directory"},
		{&fs.PathError{Op: "read", Path: "/dev/stdin", Err: syscall.EISDIR}, "standard input: is a directory"},
		{Dataf("k is no key file: %w", fmt.Errorf("i2p: private keys: %w", io.ErrUnexpectedEOF)), "k is no key file: private keys: it ends too early"},
		{fmt.Errorf("i2p: no such file"), "no such file"},
		{Dataf("su3.key: %w", errors.New("su3: too short")), "su3.key: too short"},
		{Dataf("cut.su3: %w", fmt.Errorf("%w: 3 bytes", errors.New("su3: truncated"))), "cut.su3: truncated: 3 bytes"},
		{Dataf("cut.su3: %w", fmt.Errorf("su3: %w", fmt.Errorf("%w: 3 bytes", errors.New("truncated")))), "cut.su3: truncated: 3 bytes"},
		{fmt.Errorf("i2p: %w, %w", errors.New("i2p: a"), errors.New("i2p: a")), "a, a"},
		{fmt.Errorf("a.i2p: %w", Dataf("%w", errors.New("i2p: too short"))), "a.i2p: too short"},
		{fmt.Errorf("f: %w", json.Unmarshal([]byte("what"), &number)), "f: no JSON at byte 1"},
		{json.Unmarshal([]byte(`{"unit":"x"}`), &object), "unit: a string is not expected there"},
		{fmt.Errorf("--x: %w", parseErr), `--x: "x" is no number`},
		{rangeErr, "99999999999999999999 is out of range"},
		{errors.Join(errors.New("one"), fmt.Errorf("two: %w", io.EOF)), "one; two: it ends too early"},
		{Againf("both: %w", errors.Join(errors.New("one"), errors.New("i2p: two"))), "both: one; two"},
		{control.Errorf(control.Reset, "to the peer: streaming: reset"), "to the peer: reset"},
		{pipeErr, "the pipe: closed already"},
		{&fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}, "standard output: no space left on device"},
		{fmt.Errorf("%s: %w", "a\x1b[2J\nb", errors.New("\u202eno")), `a\x1b[2J\nb: \u202eno`},
	} {
		if got := Text(tt.err); got != tt.want {
			t.Errorf("%q becomes %q, expected %q", tt.err, got, tt.want)
		}
	}
}
