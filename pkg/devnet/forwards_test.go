package devnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/forward/plan"
)

// echoServer answers connections with what they send.
func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// forwards asks a router for its forwards.
type forwards struct {
	t *testing.T
	*client.Client
}

func forwardsOf(t *testing.T, dir string, router int) forwards {
	c := client.New(filepath.Join(dir, fmt.Sprint(router), "router.sock"))
	t.Cleanup(c.Close)
	return forwards{t, c}
}

func (f forwards) apply(asked control.ApplyForwards) control.AppliedForwards {
	f.t.Helper()
	done, err := f.ApplyForwards(f.t.Context(), asked)
	if err != nil || len(done.Failed) > 0 {
		f.t.Fatalf("%v, %+v", err, done)
	}
	return done
}

// await waits until a forward is in a state, and returns it.
func (f forwards) await(name string, state control.ForwardState) (found control.Forward) {
	f.t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		all, err := f.Forwards(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, x := range all {
			if x.Name == name {
				if found = x; x.State == state {
					return x
				}
			}
		}
		if time.Now().After(limit) {
			f.t.Fatalf("%s is not %s: %+v", name, state, found)
		}
	}
}

// talk sends words over a connection, and wants them back.
func talk(c net.Conn, words string) error {
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, words); err != nil {
		return err
	}
	b := make([]byte, len(words))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != words {
		return fmt.Errorf("%q, %w", b, err)
	}
	return nil
}

// TestForwards: fifty forwards are added, changed, removed and read again from their file while a stream
// runs through one that is not touched, and one is changed in place under its stream. A restart brings
// all back, each with its address.
func TestForwards(t *testing.T) {
	dir, target := t.TempDir(), echoServer(t)
	_, stop := runLogged(t, dir, 3, slog.New(slog.DiscardHandler))
	server, user := forwardsOf(t, dir, 0), forwardsOf(t, dir, 1)
	server.apply(control.ApplyForwards{Plans: []plan.Plan{{Name: "echo", Type: plan.Server, Targets: []string{target}}}})
	address := server.await("echo", control.ForwardReady).Address

	socket := filepath.Join(dir, "s")
	kept := plan.Plan{Name: "kept", Type: plan.Client, Listen: "unix:" + socket, Destinations: []string{address}}
	fifty := []plan.Plan{kept}
	for i := range 50 {
		fifty = append(fifty, plan.Plan{Name: fmt.Sprintf("n%02d", i), Type: plan.Client, Listen: "127.0.0.1:0", Destinations: []string{address}, Share: "all", DelayOpen: i%2 == 0})
	}
	if done := user.apply(control.ApplyForwards{Plans: fifty}); len(done.Added) != 51 {
		t.Fatalf("%+v", done)
	}
	user.await("kept", control.ForwardReady)
	stream, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	speak := func(when string) {
		t.Helper()
		if err := talk(stream, strings.Repeat(when, 1000)); err != nil {
			t.Fatalf("after %s: %v", when, err)
		}
	}
	speak("the beginning")

	for i := range fifty[1:26] {
		fifty[1+i].Listen = "127.0.0.1:0"
		fifty[1+i].Limits.Streams = 7
	}
	done := user.apply(control.ApplyForwards{Plans: fifty[:40]})
	if len(done.Changed) != 25 || len(done.Removed) != 11 || len(done.Kept) != 15 || len(done.Added) != 0 {
		t.Fatalf("%+v", done)
	}
	speak("changes")
	if again := user.apply(control.ApplyForwards{Plans: fifty[:40]}); len(again.Kept) != 40 {
		t.Fatalf("%+v", again)
	}
	fifty[0].Limits.Streams, fifty[0].Options = 9, map[string]string{"outbound.quantity": "2"}
	if done := user.apply(control.ApplyForwards{Plans: fifty[:1], Add: true}); len(done.Changed) != 1 {
		t.Fatalf("%+v", done)
	}
	speak("a change of itself")
	file := filepath.Join(dir, "1", "tunnels.toml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("[n05"), []byte("[other"))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := user.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	user.await("other", control.ForwardReady)
	if err := user.RemoveForward(t.Context(), "n05"); !errors.Is(err, &control.Error{Code: control.NotFound}) {
		t.Errorf("removed twice: %v", err)
	}
	if err := user.RemoveForward(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	speak("a reload")

	stop()
	if _, err := stream.Read(make([]byte, 1)); err == nil {
		t.Errorf("the stream outlives the router")
	}
	_, stop = runLogged(t, dir, 3, slog.New(slog.DiscardHandler))
	defer stop()
	if again := forwardsOf(t, dir, 0).await("echo", control.ForwardReady); again.Address != address {
		t.Errorf("%s became %s", address, again.Address)
	}
	user = forwardsOf(t, dir, 1)
	user.await("kept", control.ForwardReady)
	if all, err := user.Forwards(t.Context()); err != nil || len(all) != 39 {
		t.Errorf("%d forwards, %v", len(all), err)
	}
	stream, err = net.Dial("unix", socket)
	if err == nil {
		defer stream.Close()
		err = talk(stream, "the restart")
	}
	if err != nil {
		t.Error(err)
	}
}

// TestForwardsBreakOff: what cannot be reached is a reset for who connects, and a limit too; a forward of
// the foreground ends with who asked for it.
func TestForwardsBreakOff(t *testing.T) {
	dir := t.TempDir()
	_, stop := runLogged(t, dir, 3, slog.New(slog.DiscardHandler))
	defer stop()
	server, user := forwardsOf(t, dir, 0), forwardsOf(t, dir, 1)
	server.apply(control.ApplyForwards{Plans: []plan.Plan{
		{Name: "dead", Type: plan.Server, Targets: []string{"127.0.0.1:1"}, Port: 1},
		{Name: "closed", Type: plan.Server, Targets: []string{echoServer(t)}, Port: 2, Access: plan.Access{Allow: []string{strings.Repeat("a", 52) + ".b32.i2p"}}},
		{Name: "narrow", Type: plan.Server, Targets: []string{echoServer(t)}, Port: 3, Limits: plan.Limits{PeerStreams: 1}},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i, name := range []string{"dead", "closed", "narrow"} {
		p := plan.Plan{Name: name, Type: plan.Client, Listen: "127.0.0.1:0", Destinations: []string{fmt.Sprintf("%s:%d", server.await(name, control.ForwardReady).Address, i+1)}}
		ready := make(chan string, 1)
		ended := make(chan error, 1)
		go func() {
			ended <- user.RunForward(ctx, p, func(s control.Forward) error {
				if s.State == control.ForwardReady {
					ready <- s.Listen
				}
				return nil
			})
		}()
		c, err := net.Dial("tcp", <-ready)
		if name != "narrow" && errors.Is(err, syscall.ECONNRESET) {
			continue // before the dial returned
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if name == "narrow" {
			if err := talk(c, "one"); err != nil {
				t.Fatal(err)
			}
			c, err = net.Dial("tcp", c.RemoteAddr().String())
			if errors.Is(err, syscall.ECONNRESET) {
				continue // here too
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		_, err = io.WriteString(c, "x")
		if err == nil { // else the reset came before, and is told once
			_, err = c.Read(make([]byte, 1))
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, counted := range map[string]func(control.Forward) uint64{
		"dead":   func(f control.Forward) uint64 { return f.Failed },
		"closed": func(f control.Forward) uint64 { return f.Refused },
		"narrow": func(f control.Forward) uint64 { return f.Refused },
	} {
		if f := server.await(name, control.ForwardReady); counted(f) != 1 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	cancel()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		all, err := user.Forwards(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("%+v", all)
		}
	}
}
