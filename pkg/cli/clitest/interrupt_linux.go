package clitest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/cli"
)

// Interrupts runs command lines that wait for somebody who never comes, and sends each INT and
// TERM once it waits: it must end with status 130, and leave no file behind. Words of a line,
// behind a prefix as in file:@read too, stand for what is waited for:
//
//   - stdin, which has said a little and goes on saying nothing
//     @open    a pipe that nobody opens to write
//     @read    a pipe that is open, and into which nobody writes
//     @zip     the same after the beginning of a zip
//     @write   a pipe that nobody opens to read
//     @stdin   no word: it reads the standard input unasked
//     @router  the control socket of a router that accepts and is mute
//     @server  the URL of a server that accepts and is mute
//
// Lines run in a directory that prepare, which may be nil, has filled. Each verb of the
// program has a line, or is one of those that wait for nobody.
func Interrupts(t *testing.T, p cli.Program, prepare func(dir string) error, never []string, lines ...string) {
	verbs := make(map[string]bool)
	for _, verb := range never {
		verbs[verb] = true
	}
	all := verbsOf("", p.Commands)
	for _, line := range lines {
		verb := longest(all, line)
		verbs[verb] = true
		for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(fmt.Sprintf("%s/%v", strings.ReplaceAll(line, "/", "_"), sent), func(t *testing.T) {
				t.Parallel()
				interrupt(t, p.Name, prepare, strings.Fields(line), sent)
			})
		}
	}
	for _, verb := range all {
		if !verbs[verb] {
			t.Errorf("%s: there is no line that waits", verb)
		}
	}
}

func verbsOf(prefix string, commands []*cli.Command) (all []string) {
	for _, c := range commands {
		if len(c.Subcommands) > 0 {
			all = append(all, verbsOf(prefix+c.Name+" ", c.Subcommands)...)
		} else {
			all = append(all, prefix+c.Name)
		}
	}
	return all
}

// longest is the verb that a line begins with.
func longest(verbs []string, line string) (found string) {
	for _, v := range verbs {
		if strings.HasPrefix(line+" ", v+" ") && len(v) > len(found) {
			found = v
		}
	}
	return found
}

// waiter is a program that waits, and what it waits for.
type waiter struct {
	t     *testing.T
	dir   string
	cmd   *exec.Cmd
	await []func() // each returns when the program waits for one thing
}

func interrupt(t *testing.T, name string, prepare func(string) error, words []string, sent syscall.Signal) {
	dir, err := os.MkdirTemp("", "i") // one of t has its name in its path, which may be too long for a socket's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &waiter{t: t, dir: dir, cmd: exec.Command(name)}
	if prepare != nil {
		w.check(prepare(w.dir))
	}
	for _, word := range words {
		if word == "@stdin" {
			w.stdin()
			continue
		}
		w.cmd.Args = append(w.cmd.Args, w.word(word))
	}
	before := w.files()
	var said bytes.Buffer
	w.cmd.Dir, w.cmd.Stdout, w.cmd.Stderr = w.dir, &said, &said
	w.cmd.Env = []string{"HOME=" + w.dir, "TMPDIR=" + w.dir, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=10"}
	w.check(w.cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- w.cmd.Wait() }()
	t.Cleanup(func() { w.cmd.Process.Kill() })
	waits := make(chan struct{})
	go func() {
		defer close(waits)
		for _, await := range w.await {
			await()
		}
	}()
	select {
	case <-waits:
	case err := <-ended:
		t.Fatalf("it does not wait: %v: %s", err, said.String())
	}
	w.check(w.cmd.Process.Signal(sent))
	err = <-ended
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != cli.StatusInterrupted || said.Len() > 0 {
		t.Errorf("%v, expected status %d and no word: %s", err, cli.StatusInterrupted, said.String())
	}
	if after := w.files(); !slices.Equal(after, before) {
		t.Errorf("files %q, before %q", after, before)
	}
}

func (w *waiter) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// files are all but directories, which are no harm where they are empty, beneath the
// program's.
func (w *waiter) files() (all []string) {
	w.check(filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && (!e.IsDir() || strings.HasPrefix(e.Name(), ".")) {
			all = append(all, path)
		}
		return err
	}))
	return all
}

// word is what the program sees of a word, and notes what it will wait for.
func (w *waiter) word(word string) string {
	if before, what, ok := strings.Cut(word, "@"); ok && before != "" {
		return before + w.word("@"+what)
	}
	path := filepath.Join(w.dir, strings.TrimPrefix(word, "@"))
	switch word {
	case "-":
		w.stdin()
	case "@open", "@write":
		w.check(unix.Mkfifo(path, 0o600))
		w.await = append(w.await, w.opening)
		return path
	case "@read", "@zip":
		w.check(unix.Mkfifo(path, 0o600))
		w.await = append(w.await, func() {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return
			}
			w.t.Cleanup(func() { f.Close() })
			if word == "@zip" {
				f.WriteString("PK\x03\x04")
				w.drained(f)
			}
		})
		return path
	case "@router":
		w.mute(net.Listen("unix", path)) //nolint:noctx // a test's
		return path
	case "@server":
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's
		w.mute(l, err)
		return "http://" + l.Addr().String() + "/"
	}
	return word
}

// stdin is a pipe; when what is in it was read, more is waited for.
func (w *waiter) stdin() {
	read, write, err := os.Pipe()
	w.check(err)
	w.t.Cleanup(func() { read.Close(); write.Close() })
	_, err = write.WriteString("i")
	w.check(err)
	w.cmd.Stdin = read
	w.await = append(w.await, func() { w.drained(write) })
}

// drained waits until what is in a pipe was read.
func (w *waiter) drained(pipe *os.File) {
	w.poll(func() bool {
		n, err := unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ)
		return err == nil && n == 0
	})
}

// mute accepts what connects, reads a little of it and answers nothing.
func (w *waiter) mute(l net.Listener, err error) {
	w.check(err)
	asked := make(chan struct{})
	w.t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		w.t.Cleanup(func() { conn.Close() })
		if n, _ := conn.Read(make([]byte, 1)); n > 0 {
			close(asked)
		}
	}()
	w.await = append(w.await, func() { <-asked })
}

// opening waits until a thread of the program waits for the other end of a pipe.
func (w *waiter) opening() {
	w.poll(func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", w.cmd.Process.Pid))
		return slices.ContainsFunc(threads, func(path string) bool {
			in, _ := os.ReadFile(path)
			return string(in) == "wait_for_partner"
		})
	})
}

// poll asks until something is so, or the program has ended and the test with it.
func (w *waiter) poll(so func() bool) {
	for !so() && w.t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
}
