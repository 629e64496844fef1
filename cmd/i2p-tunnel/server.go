package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// server is where --to connects streams to.
type server struct{ network, address string }

// parseServer reads HOST:PORT or unix:PATH.
func parseServer(text string) (server, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return server{}, fmt.Errorf("%q names no socket", text)
		}
		return server{"unix", path}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return server{}, fmt.Errorf("%q is neither HOST:PORT nor unix:PATH", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return server{}, fmt.Errorf("%q is no port", port)
	}
	return server{"tcp", text}, nil
}

// dialPatience is how long a server may take to answer.
const dialPatience = 10 * time.Second

func dialServer(ctx context.Context, text string) (net.Conn, error) {
	s, err := parseServer(text)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialPatience}
	return d.DialContext(ctx, s.network, s.address)
}
