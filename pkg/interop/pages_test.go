//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// motd is what the services of the pages answer.
const motd = "what is served on the pages\n"

// TestPages follows the pages of commands, in a private network of one process: whoever serves is at one router,
// and whoever connects at another. What a page says fails has to, with the words that it has.
func TestPages(t *testing.T) {
	ctx := gate(t, 5*time.Minute)
	dir := t.TempDir()
	f := &follower{ctx: ctx, dir: dir, services: map[string]*service{}}
	defer f.stop()
	for _, i := range []string{"4", "5"} { // that are no floodfills
		f.sockets = append(f.sockets, filepath.Join(dir, "net", i, "router.sock"))
	}
	f.start(t, "i2p-router devnet -n 6 --dir net", "")
	for _, socket := range f.sockets {
		if err := Await(ctx, time.Minute, "tunnels", func(context.Context) error {
			return f.run("i2p-router wait --for tunnels --timeout 20s", socket, time.Minute).err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "motd"), []byte(motd), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		page  string
		least int
	}{{"encrypted-leaseset.md", 25}, {"lease-sets.md", 20}} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", p.page))
		if err != nil {
			t.Fatal(err)
		}
		if n := f.follow(t, p.page, string(text)); n < p.least {
			t.Errorf("%s: %d commands, at least %d were there", p.page, n, p.least)
		}
	}
}

// follower does what a page says.
type follower struct {
	ctx      context.Context
	dir      string
	sockets  []string // of who serves, and of who connects
	services map[string]*service
	last     ended
}

// service is a command that goes on.
type service struct {
	cmd     *exec.Cmd
	listens bool
	log     string // file of what it says
	done    chan struct{}
}

// ended is what became of a command.
type ended struct {
	stdout, stderr string
	err            error
}

var fence = regexp.MustCompile("(?ms)^```([a-z]+)( fails)?\n(.*?)^```\n")

// follow runs the blocks of a page, and counts their commands. What listens ends with its section.
func (f *follower) follow(t *testing.T, page, text string) (commands int) {
	for _, section := range strings.Split(text, "\n## ") {
		commands += f.section(t, page, section)
		for name, s := range f.services {
			if s.listens {
				f.end(name)
			}
		}
	}
	return commands
}

func (f *follower) section(t *testing.T, page, text string) (commands int) {
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		lines := strings.Split(strings.TrimSpace(block[3]), "\n")
		switch block[1] {
		case "sh":
			for i, line := range lines {
				commands++
				f.do(t, page, line, block[2] != "" && i == len(lines)-1)
			}
		case "text":
			said := strings.Join(strings.Fields(f.last.stdout+f.last.stderr), " ")
			for _, want := range lines {
				if !strings.Contains(said, strings.Join(strings.Fields(want), " ")) {
					t.Errorf("%s: %q is not said, but %q", page, want, said)
				}
			}
		}
	}
	return commands
}

var keyFile = regexp.MustCompile(`listen .*-k (\S+)`)

// do runs a command. One that listens goes on, in place of one with the same key.
func (f *follower) do(t *testing.T, page, line string, fails bool) {
	t.Logf("%s: %s", page, line)
	socket := f.sockets[0]
	connects := strings.HasPrefix(line, "i2p-tunnel connect")
	if connects || strings.HasPrefix(line, "i2p-lookup") {
		socket = f.sockets[1]
	}
	if key := keyFile.FindStringSubmatch(line); key != nil && !fails {
		f.end(key[1])
		f.services[key[1]] = f.start(t, line, socket)
		return
	}
	// A key that is published anew this often is passed on among floodfills every 20 seconds only.
	for late := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		f.last = f.run(line, socket, 90*time.Second)
		err := f.last.err
		if err == nil && connects && f.last.stdout != motd {
			err = fmt.Errorf("%q", f.last.stdout)
		}
		if fails == (err != nil) {
			return
		}
		if fails || !connects || time.Now().After(late) {
			t.Errorf("%s: %s: %v: %s", page, line, err, f.last.stderr)
			return
		}
	}
}

// command is a line of a page as a shell has it, in a group of its own.
func (f *follower) command(ctx context.Context, line, socket string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-ec", line)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "PATH="+binDir()+":"+os.Getenv("PATH"), "I2P_SOCKET="+socket)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (f *follower) run(line, socket string, limit time.Duration) (e ended) {
	ctx, cancel := context.WithTimeout(f.ctx, limit)
	defer cancel()
	cmd := f.command(ctx, line, socket)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	e.err = cmd.Run()
	e.stdout, e.stderr = stdout.String(), stderr.String()
	return e
}

// start runs what goes on, and waits until it is ready where it listens.
func (f *follower) start(t *testing.T, line, socket string) *service {
	t.Helper()
	s := &service{listens: socket != "", log: filepath.Join(f.dir, fmt.Sprintf("%d.log", len(f.services))), done: make(chan struct{})}
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = f.command(context.WithoutCancel(f.ctx), line, socket)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.cmd.Wait()
		close(s.done)
	}()
	if !strings.Contains(line, "listen") {
		f.services[line] = s
		return s
	}
	if err := Await(f.ctx, time.Minute, line, func(context.Context) error {
		b, err := os.ReadFile(s.log)
		if err == nil && !strings.Contains(string(b), "\ni2p-tunnel: ready") {
			err = errors.New(string(b))
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	return s
}

// end interrupts a service, with all that it has started.
func (f *follower) end(name string) {
	s := f.services[name]
	if s == nil {
		return
	}
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT)
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
	}
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	delete(f.services, name)
}

func (f *follower) stop() {
	for name := range f.services {
		f.end(name)
	}
}
