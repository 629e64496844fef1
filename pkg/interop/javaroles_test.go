//go:build linux

package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
)

// halfClose has each side end its direction before the other answers.
func (j *javaTest) halfClose(t *testing.T, ctx context.Context) {
	question := bytes.Repeat([]byte("half "), 40_000)
	answer := fmt.Appendf(nil, "%x\n", sha256.Sum256(question))
	asks := func(s Stream, closeWrite func() error) error {
		defer bound(ctx, s)()
		if _, err := s.Write(question); err != nil {
			return err
		}
		if err := closeWrite(); err != nil {
			return err
		}
		got, err := io.ReadAll(s)
		if err == nil && !bytes.Equal(got, answer) {
			err = fmt.Errorf("the answer after the end of the question is %q", got)
		}
		return err
	}
	answers := func(s Stream, closeWrite func() error) error {
		defer bound(ctx, s)()
		got, err := io.ReadAll(s)
		if err == nil {
			_, err = fmt.Fprintf(s, "%x\n", sha256.Sum256(got))
		}
		return errors.Join(err, closeWrite())
	}
	t.Run("ours first", func(t *testing.T) {
		answered := make(chan error, 1)
		go func() {
			c, err := j.server.Accept(ctx)
			if err == nil {
				err = answers(c, c.CloseWrite)
				c.Close()
			}
			answered <- err
		}()
		c, err := j.a.Connect(j.server.B32, "--hops", "1", "--timeout", "60s")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(asks(c, c.CloseWrite), <-answered); err != nil {
			t.Fatalf("%v: %s", err, c.LogTail(5))
		}
		if code, err := c.ExitCode(ctx); err != nil || code != 0 {
			t.Errorf("connect ends with status %d, %v: %s", code, err, c.LogTail(3))
		}
	})
	t.Run("Java first", func(t *testing.T) {
		listen, b32, err := j.b.Listen(ctx, "--hops", "1")
		if err != nil {
			t.Fatal(err)
		}
		defer listen.Close()
		answered := make(chan error, 1)
		go func() { answered <- answers(listen, listen.CloseWrite) }()
		c := j.connect(t, ctx, j.server, b32, 0)
		if err := errors.Join(asks(c, c.CloseWrite), <-answered); err != nil {
			t.Fatalf("%v: %s", err, listen.LogTail(5))
		}
		if code, err := listen.ExitCode(ctx); err != nil || code != 0 {
			t.Errorf("listen ends with status %d, %v: %s", code, err, listen.LogTail(3))
		}
	})
}

// ports connects to ports at both sides.
func (j *javaTest) ports(t *testing.T, ctx context.Context) {
	t.Run("of Java", func(t *testing.T) {
		accepted := make(chan error, 1)
		go func() {
			c, err := j.server.Accept(ctx)
			if err == nil {
				if c.LocalPort != 8081 {
					err = fmt.Errorf("Java sees a stream to port %d, want 8081", c.LocalPort)
				}
				err = errors.Join(err, Serve(c))
				c.Close()
			}
			accepted <- err
		}()
		c, err := j.a.Connect(j.server.B32+":8081", "--hops", "1", "--timeout", "60s")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Ping(ctx, c); err != nil {
			t.Fatalf("%v: %s", err, c.LogTail(5))
		}
		finish(t, ctx, c)
		if err := <-accepted; err != nil {
			t.Error(err)
		}
	})
	t.Run("of ours", func(t *testing.T) {
		listen, b32, err := j.b.Listen(ctx, "--hops", "1", "--port", "8082")
		if err != nil {
			t.Fatal(err)
		}
		defer listen.Close()
		served := serveTunnel(listen)
		c := j.connect(t, ctx, j.server, b32, 8082)
		if _, err := Ping(ctx, c); err != nil {
			t.Fatal(err)
		}
		c.CloseWrite()
		finish(t, ctx, listen)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// offlineKeys connects to destinations that sign with transient keys, ours and
// Java's.
func (j *javaTest) offlineKeys(t *testing.T, ctx context.Context) {
	keys := func(name string) string {
		keygen(t, j.Dir, "dest", "-q", "-o", name+".dat")
		keygen(t, j.Dir, "offline", name+".dat", "-q", "-o", name+"-transient.dat")
		return filepath.Join(j.Dir, name+"-transient.dat")
	}
	t.Run("of ours", func(t *testing.T) {
		listen, b32, err := j.b.Listen(ctx, "--hops", "1", "-k", keys("ours"))
		if err != nil {
			t.Fatal(err)
		}
		defer listen.Close()
		served := serveTunnel(listen)
		c := j.connect(t, ctx, j.server, b32, 0)
		if err := Upload(ctx, c, 100e3); err != nil {
			t.Fatal(err)
		}
		c.CloseWrite()
		finish(t, ctx, listen)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Run("of Java", func(t *testing.T) {
		server := j.open(t, ctx, 2, keys("java"))
		defer server.Kill()
		defer serveJava(t, ctx, server, 1)()
		c, err := j.a.Connect(server.B32, "--hops", "1", "--timeout", "60s")
		if err != nil {
			t.Fatal(err)
		}
		if err := Upload(ctx, c, 100e3); err != nil {
			t.Fatalf("%v: %s", err, c.LogTail(5))
		}
		finish(t, ctx, c)
	})
}
