package clitest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// completes is a testscript command that types into a shell on a terminal, as a user does:
//
//	completes SHELL SETUP CASES
//
// SETUP is a file with what the shell is told first. Each line of the file CASES is what is
// typed before TAB, " => " and the line that this completes to; or " ?> " and a word that
// the shell shows where it cannot choose. A shell that is not installed is skipped.
func completes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: completes SHELL SETUP CASES")
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		ts.Logf("!! SKIPPED: there is no %s here", args[0])
		return
	}
	t, err := startShell(ts, path, shellArguments()[args[0]])
	if errors.Is(err, errors.ErrUnsupported) {
		ts.Logf("!! SKIPPED: no terminals can be opened on this system")
		return
	}
	ts.Check(err)
	defer t.end()
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		t.run(strings.TrimSpace(line))
	}
	for line := range strings.Lines(ts.ReadFile(args[2])) {
		line = strings.TrimSuffix(line, "\n")
		if typed, shown, ok := strings.Cut(line, " ?> "); ok {
			t.shows(typed, shown)
		} else if typed, want, ok := strings.Cut(line, " => "); ok {
			t.becomes(typed, want)
		}
	}
}

// shellArguments keep the user's own configuration out.
func shellArguments() map[string][]string {
	return map[string][]string{"bash": {"--norc", "--noprofile", "-i"}, "zsh": {"-f", "-i"}, "fish": {"-i"}}
}

const (
	patience = time.Minute // of whoever waits for a shell on a busy machine
	ctrlA    = "\x01"
	tab      = "\t"
)

// terminal is a shell on one.
type terminal struct {
	ts   *testscript.TestScript
	cmd  *exec.Cmd
	keys *os.File
	read chan struct{} // closed when the shell is gone

	mu     sync.Mutex
	screen bytes.Buffer // everything that the shell wrote
}

func startShell(ts *testscript.TestScript, path string, args []string) (*terminal, error) {
	ours, theirs, err := openPTY()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	t := &terminal{ts: ts, keys: ours, read: make(chan struct{})}
	t.cmd = exec.Command(path, args...)
	t.cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "WORK", "TMPDIR"} {
		t.cmd.Env = append(t.cmd.Env, name+"="+ts.Getenv(name))
	}
	t.cmd.Env = append(t.cmd.Env, "TERM=xterm", "LANG=C.UTF-8", "GORACE="+ts.Getenv("GORACE"))
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = theirs, theirs, theirs
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := t.cmd.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	go func() {
		defer close(t.read)
		io.Copy(t, ours) // ends with an error when the shell does
	}()
	return t, nil
}

// Write takes what the shell writes.
func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.Write(b)
}

func (t *terminal) end() {
	t.cmd.Process.Kill()
	t.cmd.Wait()
	t.keys.Close()
	<-t.read
}

func (t *terminal) press(keys string) {
	if _, err := t.keys.WriteString(keys); err != nil {
		t.ts.Fatalf("%v", err)
	}
}

// since is what the shell wrote after a mark.
func (t *terminal) since(mark int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.screen.Bytes()[mark:])
}

func (t *terminal) mark() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.Len()
}

// await waits until something is so.
func (t *terminal) await(what string, done func() bool) {
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.ts.Fatalf("%s: not seen; the terminal shows\n%q", what, t.since(max(0, t.mark()-2000)))
		}
	}
}

// answer waits for the file that a command line leaves, and takes it away.
func (t *terminal) answer(what string) string {
	path := filepath.Join(t.ts.Getenv("WORK"), "answer")
	var b []byte
	t.await(what, func() bool {
		b, _ = os.ReadFile(path)
		return bytes.HasSuffix(b, []byte("\n"))
	})
	t.ts.Check(os.Remove(path))
	return strings.TrimSuffix(string(b), "\n")
}

// run runs a command line and waits for its end.
func (t *terminal) run(command string) {
	t.press(command + "; echo done >answer\r")
	t.answer(command)
}

// becomes types something and TAB, and compares the line that is there then.
func (t *terminal) becomes(typed, want string) {
	t.press(typed + tab)
	if got := t.line(typed); got != want {
		t.ts.Fatalf("%s: %s becomes %q, expected %q", t.cmd.Path, typed, got, want)
	}
}

// line is the present line: it is given to echo in place of being run.
func (t *terminal) line(typed string) string {
	t.press(ctrlA + "echo >answer \r")
	return t.answer(typed)
}

// shows types something and TAB, again and again, for bash only lists what there is once it
// has nothing to add to the line.
func (t *terminal) shows(typed, want string) {
	mark := t.mark()
	t.press(typed + tab + tab + tab)
	t.await(typed+" shows "+want, func() bool { return strings.Contains(t.since(mark), want) })
	t.line(typed)
}
