package node

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
)

// booksDir is where the address books are, in the data directory.
const booksDir = "addressbook"

// The books that are encrypted with the rest of the state: they tell what the owner knows.
var (
	privateBookFile = filepath.Join(booksDir, naming.FileName(naming.Private))
	localBookFile   = filepath.Join(booksDir, naming.FileName(naming.Local))
)

// fetcher gets a feed.
type fetcher func(context.Context, naming.Request) (naming.Response, error)

// newNames makes the address books of a data directory.
func newNames(dir dataDir, env env.Env, fetch fetcher, settings func() config.Names) *naming.Names {
	cfg := naming.Config{
		Log: env.Log, Now: env.Now, Rand: env.Rand, Fetch: fetch,
		Jumps: func() []naming.Jump { return settings().JumpServices() }, Subscriptions: func() []string { return settings().Subscriptions },
	}
	if dir.root != "" {
		cfg.Dir = dir.path(booksDir)
	}
	if dir.box != nil {
		cfg.Seal = &naming.Seal{
			Read: func(name string) ([]byte, error) { return dir.read(filepath.Join(booksDir, name)) },
			Keep: func(name string, b []byte) error { return dir.keep(filepath.Join(booksDir, name), b) },
		}
	}
	return naming.New(cfg)
}

// fetchFeed gets a feed with a destination that is new each time: no server knows who asks it again,
// or that one who asks it asks another.
func (n *Node) fetchFeed(ctx context.Context, req naming.Request) (naming.Response, error) {
	asked := n.Hall.Defaults()
	asked.Unpublished = true // nobody has to find it
	local, err := n.Hall.Destinations.Open(ctx, destinations.Request{Options: asked})
	if err != nil {
		return naming.Response{}, err
	}
	fetch := naming.Fetcher(func(ctx context.Context, host string, port uint16) (net.Conn, error) {
		to, err := n.Resolve(ctx, local, host)
		if err != nil {
			return nil, err
		}
		c, err := local.Dial(ctx, to, port)
		if err != nil {
			return nil, err // and no nil *Conn, which would be a net.Conn
		}
		return c, nil
	})
	response, err := fetch(ctx, req)
	if response.Body == nil {
		local.Close()
		return response, err
	}
	response.Body = feedBody{response.Body, local}
	return response, err
}

// feedBody keeps the destination of a feed open until it has been read.
type feedBody struct {
	io.ReadCloser
	local *destinations.Local
}

func (b feedBody) Close() error { return errors.Join(b.ReadCloser.Close(), b.local.Close()) }

// Resolve finds the destination that a host stands for, in any of the spellings of i2p.ParseName:
// what has no answer here is asked of the network by a local destination. Everything that is given
// an address by somebody finds its destination so.
func (n *Node) Resolve(ctx context.Context, by *destinations.Local, host string) (i2p.Destination, error) {
	name, err := i2p.ParseName(host)
	if err != nil {
		return i2p.Destination{}, err
	}
	return n.names.Resolve(ctx, by, name)
}
