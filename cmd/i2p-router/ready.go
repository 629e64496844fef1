package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"

	"i2ptoolkit/pkg/cli"
)

// notifier tells who waits for it that the router is ready: whoever holds the other end of a
// file descriptor, and systemd (sd_notify(3)).
type notifier struct {
	file   *os.File // nil: nobody
	socket string   // empty: nobody
}

// newNotifier refuses a descriptor that was not given to this process before it starts to work.
func newNotifier(fd int) (*notifier, error) {
	n := &notifier{socket: os.Getenv("NOTIFY_SOCKET")}
	if fd == 0 {
		return n, nil
	}
	if !inherited(fd) {
		return nil, cli.Usagef("--notify-fd %d is no file descriptor that is open here", fd)
	}
	n.file = os.NewFile(uintptr(fd), "notify-fd "+strconv.Itoa(fd))
	return n, nil
}

func (n *notifier) ready() error {
	if n.file != nil {
		if _, err := n.file.Write([]byte("\n")); err != nil {
			return fmt.Errorf("--notify-fd: %w", err)
		}
		n.file.Close()
	}
	if n.socket == "" {
		return nil
	}
	conn, err := new(net.Dialer).DialContext(context.Background(), "unixgram", n.socket)
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("READY=1\n")); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return nil
}
