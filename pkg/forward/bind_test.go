package forward

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/forward/plan"
)

// boundAt has a forward listen, and tells what the log says.
func boundAt(t *testing.T, listen string) (*forward, net.Listener, string, error) {
	t.Helper()
	var log bytes.Buffer
	f := newForward(New(Config{Log: slog.New(slog.NewTextHandler(&log, nil))}), plan.Plan{Name: "a", Type: plan.Client, Listen: listen}, false)
	l, err := f.bind()
	if err == nil {
		t.Cleanup(func() { l.Close() })
	}
	return f, l, log.String(), err
}

// TestUnixSocket: it is its owner's alone, takes the place of one that was left, and of nothing else.
func TestUnixSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := boundAt(t, "unix:"+path); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("where another listens: %v", err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	f, l, _, err := boundAt(t, "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if at := f.state().Listen; at != "unix:"+path || l.Addr().String() != path {
		t.Errorf("%s, %v", at, l.Addr())
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	l.Close()
	if err := os.WriteFile(path, []byte("words"), 0o600); err != nil {
		t.Fatalf("the socket stays: %v", err)
	}
	l.Close() // it has nothing to do with the file
	if _, _, _, err := boundAt(t, "unix:"+path); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("where a file is: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "words" {
		t.Errorf("%q, %v", b, err)
	}
	if _, _, _, err := boundAt(t, "unix:"+filepath.Join(dir, "missing", "s")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where no directory is: %v", err)
	}
	if _, _, _, err := boundAt(t, "unix:/"+strings.Repeat("a", 200)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a path that is too long: %v", err)
	}
}

// TestListensToOthers: who opens a forward to other machines is told so.
func TestListensToOthers(t *testing.T) {
	for listen, warns := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		f, l, log, err := boundAt(t, listen)
		if err != nil {
			t.Fatal(err)
		}
		if at := l.Addr().(*net.TCPAddr).IP; at.To4() == nil {
			t.Errorf("%s is %v", listen, at)
		}
		if strings.Contains(log, "other machines") != warns {
			t.Errorf("%s: %q", listen, log)
		}
		if f.state().Listen == "" {
			t.Error("nobody knows where it listens")
		}
		if f.unbind(); f.state().Listen != "" {
			t.Errorf("it is said to listen at %s still", f.state().Listen)
		}
	}
}

// slowListener takes a while to be closed.
type slowListener struct {
	net.Listener
	ending chan struct{}
	first  atomic.Bool
	closed atomic.Bool
}

func (l *slowListener) Accept() (net.Conn, error) {
	<-l.ending
	return nil, net.ErrClosed
}

func (l *slowListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7} }

func (l *slowListener) Close() error {
	if l.first.Swap(true) {
		return net.ErrClosed
	}
	close(l.ending)
	time.Sleep(time.Second)
	l.closed.Store(true)
	return nil
}

// TestAddressIsFree: once a forward has ended, another may listen in its place.
func TestAddressIsFree(t *testing.T) {
	for _, kind := range []plan.Type{plan.Client, plan.HTTP, plan.SOCKS} {
		synctest.Test(t, func(t *testing.T) {
			l := &slowListener{ending: make(chan struct{})}
			m := New(Config{Listen: func(string, string) (net.Listener, error) { return l, nil }})
			f := newForward(m, plan.Plan{Name: "a", Type: kind, Listen: "127.0.0.1:7", DelayOpen: true}, false)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- f.listen(ctx) }()
			synctest.Wait()
			cancel()
			if <-ended; !l.closed.Load() {
				t.Errorf("%s ends before its address is free", kind)
			}
		})
	}
}
