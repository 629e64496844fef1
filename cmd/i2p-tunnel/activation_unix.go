//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"i2ptoolkit/pkg/cli"
)

// firstActivated is the file descriptor of the first of them.
const firstActivated = 3

// activated takes the sockets that systemd's socket activation, or a program that speaks as it
// does, has left for this process (sd_listen_fds(3)).
func activated() (a activation, err error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return a, nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n < 0 {
		return a, cli.Usagef("LISTEN_FDS=%s is no number of sockets", os.Getenv("LISTEN_FDS"))
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name) // they are not for our children
	}
	for fd := firstActivated; fd < firstActivated+n; fd++ {
		syscall.CloseOnExec(fd)
		if err := a.take(fd); err != nil {
			a.close()
			return activation{}, fmt.Errorf("socket activation: file descriptor %d: %w", fd, err)
		}
	}
	return a, nil
}

func (a *activation) take(fd int) error {
	listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	if listens != 0 {
		l, err := net.FileListener(file)
		if err != nil {
			return err
		}
		a.listeners = append(a.listeners, l)
		return nil
	}
	conn, err := net.FileConn(file)
	if err != nil {
		return err
	}
	a.conns = append(a.conns, conn)
	return nil
}
