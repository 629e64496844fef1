//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace; it begins with a loopback interface alone.
type Namespace struct {
	file *os.File // the namespace itself, for setns
	jobs chan func()
	quit chan struct{}
	done chan struct{}
}

// New makes a namespace and brings its loopback interface up.
func New() (*Namespace, error) {
	ns := &Namespace{jobs: make(chan func()), quit: make(chan struct{}), done: make(chan struct{})}
	ready := make(chan error, 1)
	go offMain(func() { ns.live(ready) })
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("netns: a network namespace (are you root?): %w", err)
	}
	return ns, nil
}

// offMain runs f on a thread of its own, which is not the process's first: that one the runtime never ends.
func offMain(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		f()
		return
	}
	begun := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(begun)
		f()
	}()
	<-begun // while this thread is taken, it is another one
	runtime.UnlockOSThread()
}

// live is the thread that starts programs. It must outlast them: their
// parent-death signal is tied to it. The thread is never unlocked, so that
// the runtime ends it together with the goroutine.
func (ns *Namespace) live(ready chan<- error) {
	defer close(ns.done)
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err == nil {
		err = interfaceUp("lo", netip.Prefix{})
	}
	if err == nil {
		ns.file, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	}
	ready <- err
	if err != nil {
		return
	}
	for {
		select {
		case job := <-ns.jobs:
			job()
		case <-ns.quit:
			return
		}
	}
}

// Close ends the namespace's thread, and with it every program that still runs.
func (ns *Namespace) Close() error {
	close(ns.quit)
	<-ns.done
	return ns.file.Close()
}

// Path names the namespace for other programs, as long as it is open.
func (ns *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.file.Fd()) }

// Start starts a command inside, to be killed when the namespace's thread ends.
func (ns *Namespace) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	result := make(chan error, 1)
	select {
	case ns.jobs <- func() { result <- cmd.Start() }:
		return <-result
	case <-ns.done:
		return errors.New("netns: the namespace is closed")
	}
}

// Run runs a program to its end; what it says is its error.
func (ns *Namespace) Run(stdin, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	var said strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &said, &said
	err := ns.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("netns: %s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(said.String()))
	}
	return nil
}

// Do runs f on a thread of its own that has entered the namespace; the thread ends with f.
func (ns *Namespace) Do(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(ns.file.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("netns: setns: %w", err)
			return
		}
		result <- f()
	}()
	return <-result
}

// DialContext connects inside the namespace; addr must be numeric. A socket
// stays in the namespace in which it was made, whichever thread uses it.
func (ns *Namespace) DialContext(ctx context.Context, network, addr string) (c net.Conn, err error) {
	err = ns.Do(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, addr)
		return err
	})
	return c, err
}

// Listen listens inside the namespace; addr must be numeric.
func (ns *Namespace) Listen(network, addr string) (l net.Listener, err error) {
	err = ns.Do(func() (err error) {
		l, err = net.Listen(network, addr)
		return err
	})
	return l, err
}

// ListenPacket is Listen for datagrams.
func (ns *Namespace) ListenPacket(network, addr string) (c net.PacketConn, err error) {
	err = ns.Do(func() (err error) {
		c, err = net.ListenPacket(network, addr)
		return err
	})
	return c, err
}
