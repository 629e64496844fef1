package transport

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Changes calls tell whenever the system has another address, until ctx ends. What has
// changed is not looked at: there is Addrs (rtnetlink(7), RTMGRP_IPV4_IFADDR).
func (Internet) Changes(ctx context.Context, tell func()) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("transport: netlink: %w", err)
	}
	f := os.NewFile(uintptr(fd), "netlink")
	defer f.Close()
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR}); err != nil {
		return fmt.Errorf("transport: netlink: %w", err)
	}
	defer context.AfterFunc(ctx, func() { f.Close() })()
	for b := make([]byte, 4096); ; tell() {
		// That some were lost for want of room (ENOBUFS) is a change as well.
		if _, err := f.Read(b); err != nil && !errors.Is(err, unix.ENOBUFS) {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("transport: netlink: %w", err)
		}
	}
}
