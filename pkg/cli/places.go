package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// DirFlag names the data directory.
func DirFlag() Flag {
	return &StringFlag{Name: "dir", EnvVars: []string{"I2P_DIR"}, Usage: "the router's data is in `DIR` (default $XDG_STATE_HOME/i2p)"}
}

// SocketFlag names the router's control socket.
func SocketFlag() Flag {
	return &StringFlag{Name: "socket", EnvVars: []string{"I2P_SOCKET"}, Usage: "the router's control `SOCKET` (default router.sock in a named directory, else $XDG_RUNTIME_DIR/i2p/router.sock); a --dir on the command line outranks I2P_SOCKET"}
}

// RouterFlags are the flags of every verb that speaks to a router.
func RouterFlags(more ...Flag) []Flag { return append(more, DirFlag(), SocketFlag()) }

// DataDir is where a router keeps its state.
func DataDir(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "i2p"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", WithHint(fmt.Errorf("no data directory: %w", err), "name one with --dir or I2P_DIR")
	}
	return filepath.Join(home, ".local", "state", "i2p"), nil
}

// NamedSocket is the control socket that the command line or the environment names, itself or by
// its directory, so that routers with directories of their own stay apart; empty: none. What the
// command line says outranks the environment, so that --dir does not reach another router than its
// own where I2P_SOCKET is set.
func NamedSocket(c *Context) string {
	socket, dir := c.String("socket"), c.String("dir")
	if dir != "" && (socket == "" || given(c, "dir") && !given(c, "socket")) {
		return filepath.Join(dir, "router.sock")
	}
	return socket
}

// HasRuntimeDir tells whether there is a directory for what a reboot may forget.
func HasRuntimeDir() bool { return filepath.IsAbs(os.Getenv("XDG_RUNTIME_DIR")) }

// SocketPath is where a router's control socket is: where it was named, else in the runtime
// directory, else in the default data directory.
func SocketPath(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if HasRuntimeDir() {
		return filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "i2p", "router.sock"), nil
	}
	dir, err := DataDir("")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "router.sock"), nil
}

// ConfigPath is where a router's configuration is, and whether it was named: one that was
// not need not exist.
func ConfigPath(named string) (path string, mustExist bool) {
	if named != "" {
		return named, true
	}
	if config := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(config) {
		return filepath.Join(config, "i2p", "router.toml"), false
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", false
	}
	return filepath.Join(home, ".config", "i2p", "router.toml"), false
}

// Router returns a client of the router that the flags name.
func Router(c *Context) (*client.Client, error) {
	named := NamedSocket(c)
	path, err := SocketPath(named)
	if err == nil && named != "" { // where it was not, what needs no router goes on without
		err = CheckSocket(path)
	}
	if err != nil {
		return nil, err
	}
	return client.New(path), nil
}

// WithRouter is the action of a verb that speaks to the router that the flags name.
func WithRouter(action func(*Context, *client.Client) error) func(*Context) error {
	return func(c *Context) error {
		router, err := Router(c)
		if err != nil {
			return err
		}
		return action(c, router)
	}
}

// CheckSocket tells whether a path can be a socket's: no system takes a long one.
func CheckSocket(path string) error {
	if len(path) <= control.MaxSocketPath {
		return nil
	}
	return WithHint(Usagef("the socket's path has %d bytes, %d at most are allowed: %s", len(path), control.MaxSocketPath, path),
		"name a shorter one with --socket or I2P_SOCKET, or one that begins where you are")
}
