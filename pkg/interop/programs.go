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
	"strings"
)

// binDir is where scripts/interop has built our programs: I2P_BIN, or the top of the tree.
func binDir() string {
	if d := os.Getenv("I2P_BIN"); d != "" {
		return d
	}
	d, err := filepath.Abs("../..")
	if err != nil {
		return "."
	}
	return d
}

// Binary finds one of our programs.
func Binary(name string) (string, error) {
	path, err := exec.LookPath(filepath.Join(binDir(), name))
	if err != nil {
		return "", fmt.Errorf("interop: %w (run scripts/interop, which builds it)", err)
	}
	return path, nil
}

// programs are those that run in a network besides its routers. They end with it.
type programs struct {
	ns      *Namespace
	dir     string // for what they write
	started []*Process
}

// environment keeps our programs away from the user's files.
func (ps *programs) environment() []string {
	return []string{"HOME=" + ps.dir, "XDG_CONFIG_HOME=" + ps.dir, "XDG_STATE_HOME=" + ps.dir, "XDG_RUNTIME_DIR=" + ps.dir, "I2P_SOCKET=", "I2P_DIR="}
}

// start starts one of our programs. Its name for messages is made of what it does.
func (ps *programs) start(binary, what string, pipes bool, args ...string) (*Process, *Stdio, error) {
	path, err := Binary(binary)
	if err != nil {
		return nil, nil, err
	}
	name := fmt.Sprintf("%s-%d", what, len(ps.started))
	p, s, err := ps.ns.Start(Command{
		Name: name, Path: path, Args: args, Log: filepath.Join(ps.dir, name+".log"), Env: ps.environment(), Pipes: pipes,
	})
	if err == nil {
		ps.started = append(ps.started, p)
	}
	return p, s, err
}

// output runs one of our programs to its end, for what it prints.
func (ps *programs) output(ctx context.Context, binary string, args ...string) ([]byte, error) {
	path, err := Binary(binary)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), ps.environment()...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err = ps.ns.Namespace.Start(cmd); err == nil { // so that it ends with the network
		err = cmd.Wait()
	}
	var e *exec.ExitError
	if errors.As(err, &e) {
		err = fmt.Errorf("interop: %s %s: %w: %s", binary, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), err
}
