//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program that runs inside a namespace; what it says goes to a file.
type Process struct {
	Name    string
	LogFile string
	Started time.Time

	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of Wait, after exited
}

// Command describes a program to start.
type Command struct {
	Name  string   // for messages
	Path  string   // of the program
	Args  []string // without the program
	Log   string   // file for standard error, and for standard output unless Pipes
	Env   []string // added to ours
	Pipes bool     // standard input and output are pipes
}

// Start starts a program in the namespace. With Pipes the stream is its
// standard input and output, without it is nil.
func (ns *Namespace) Start(c Command) (*Process, *Stdio, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("interop: %s: %w", c.Name, err)
	}
	defer log.Close()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stderr = log
	var pipes *Stdio
	if c.Pipes {
		pipes = new(Stdio)
		if pipes.in, err = cmd.StdinPipe(); err == nil {
			// Not StdoutPipe: that one is closed as soon as Wait returns, and
			// what the program wrote last would be lost.
			var w *os.File
			if pipes.out, w, err = os.Pipe(); err == nil {
				defer w.Close()
				cmd.Stdout = w
			}
		}
		if err != nil {
			return nil, nil, fmt.Errorf("interop: %s: %w", c.Name, err)
		}
	} else {
		cmd.Stdout = log
	}
	p := &Process{Name: c.Name, LogFile: c.Log, Started: time.Now(), cmd: cmd, exited: make(chan struct{})}
	if err := ns.Namespace.Start(cmd); err != nil {
		return nil, nil, fmt.Errorf("interop: %s: %w", c.Name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, pipes, nil
}

// Pid is the program's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// ExitCode waits for the end of the program and gives its status; -1 is a signal.
func (p *Process) ExitCode(ctx context.Context) (int, error) {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("interop: %s still runs: %w", p.Name, ctx.Err())
	}
}

// Kill ends the program at once.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// Stop asks the program to end, and kills it when it has not within grace.
// It says whether the program ended by itself.
func (p *Process) Stop(grace time.Duration) bool {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		return true
	case <-time.After(grace):
		p.Kill()
		return false
	}
}

func (p *Process) process() *Process { return p }

// Running says whether the program still runs; one that was not started does not.
func (p *Process) Running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// clockTick is the unit of the times in /proc/PID/stat, USER_HZ on every Linux.
const clockTick = 10 * time.Millisecond

// CPU is the processor time that the program has used, and 0 when it has ended.
func (p *Process) CPU() time.Duration {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Pid()), "stat"))
	if err != nil {
		return 0
	}
	// After the name in parentheses: state is field 3, utime 14, stime 15.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * clockTick
}

// RSS is the program's resident memory in bytes.
func (p *Process) RSS() int64 {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Pid()), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// LogTail gives the last lines of what the program said.
func (p *Process) LogTail(lines int) string {
	b, err := os.ReadFile(p.LogFile)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Stdio is a program's standard input and output as a stream.
type Stdio struct {
	in  io.WriteCloser
	out *os.File
}

func (s *Stdio) Read(b []byte) (int, error)  { return s.out.Read(b) }
func (s *Stdio) Write(b []byte) (int, error) { return s.in.Write(b) }

// CloseWrite ends the program's input.
func (s *Stdio) CloseWrite() error { return s.in.Close() }

// SetDeadline bounds reads and writes.
func (s *Stdio) SetDeadline(t time.Time) error {
	in, ok := s.in.(interface{ SetDeadline(time.Time) error })
	if !ok {
		return errors.New("interop: a pipe without deadlines")
	}
	return errors.Join(in.SetDeadline(t), s.out.SetDeadline(t))
}

// Close closes both.
func (s *Stdio) Close() error {
	s.in.Close()
	return s.out.Close()
}
