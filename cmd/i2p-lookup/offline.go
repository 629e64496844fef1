package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/filelock"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
)

// books are the address books: a router's that runs, or the files of one's directory.
type books interface {
	LookUpName(ctx context.Context, name string) (control.Name, error)
	Reverse(ctx context.Context, hash string) ([]control.Name, error)
	Names(ctx context.Context, book string, each func(control.Name) error) error
	AddName(ctx context.Context, req control.AddName) (control.Name, error)
	RemoveName(ctx context.Context, req control.RemoveName) error
	ImportNames(ctx context.Context, book string, replace bool, from io.Reader) (control.NamesReport, error)
	Feeds(ctx context.Context) ([]control.Feed, error)
	Subscribe(ctx context.Context, url string) error
	Unsubscribe(ctx context.Context, url string) error
}

// openBooks opens those that the flags name, to be changed or only read.
func openBooks(c *cli.Context, change bool) (books, func(), error) {
	if !c.Bool("offline") {
		router, err := cli.Router(c)
		return router, func() {}, err
	}
	dir, err := cli.DataDir(c.String("dir"))
	if err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "state.age")); err == nil {
		return nil, nil, cli.WithHint(errors.New("the owner's address books in "+dir+" are encrypted"), "the running router reads them: leave --offline out")
	}
	done := func() {}
	if change {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, nil, err
		}
		lock, err := filelock.Take(filepath.Join(dir, "router.lock"))
		if errors.Is(err, filelock.ErrHeld) {
			return nil, nil, cli.WithHint(errors.New("a router uses "+dir), "it changes its address books itself: leave --offline out")
		}
		if err != nil {
			return nil, nil, err
		}
		done = func() { lock.Release() }
	}
	return offline{naming.New(naming.Config{Dir: filepath.Join(dir, "addressbook")})}, done, nil
}

// offline are the files themselves.
type offline struct{ names *naming.Names }

// codes are those that a router would give.
var codes = control.Codes{
	{naming.ErrUnknown, control.NotFound},
	{naming.ErrConflict, control.InUse},
	{naming.ErrNoBook, control.BadRequest},
	{naming.ErrFeedURL, control.BadRequest},
	{os.ErrNotExist, control.NotFound},
	{i2p.ErrHost, control.BadData},
}

func (o offline) LookUpName(_ context.Context, name string) (control.Name, error) {
	e, err := o.names.Find(name)
	if err != nil {
		return control.Name{}, codes.Explain(err)
	}
	return e.Control(), nil
}

func (o offline) Reverse(_ context.Context, hash string) ([]control.Name, error) {
	h, err := i2p.ParseHash(hash)
	if err != nil {
		return nil, err
	}
	found, err := o.names.Reverse(h)
	var names []control.Name
	for _, e := range found {
		names = append(names, e.Control())
	}
	return names, err
}

func (o offline) Names(ctx context.Context, book string, each func(control.Name) error) error {
	all := naming.Books()
	if book != "" {
		all = []string{book}
	}
	for _, book := range all {
		var failed error
		err := o.names.All(book, func(e naming.Entry) bool {
			failed = each(e.Control())
			return failed == nil && ctx.Err() == nil
		})
		if err = errors.Join(err, failed, ctx.Err()); err != nil {
			return codes.Explain(err)
		}
	}
	return nil
}

func (o offline) AddName(_ context.Context, req control.AddName) (control.Name, error) {
	dest, err := i2p.ParseDestinationBase64(req.Destination)
	if err == nil {
		err = o.names.Add(req.Book, req.Name, dest, req.Replace)
	}
	return control.Name{}, codes.Explain(err)
}

func (o offline) RemoveName(_ context.Context, req control.RemoveName) error {
	return codes.Explain(o.names.Remove(req.Book, req.Name))
}

func (o offline) ImportNames(ctx context.Context, book string, replace bool, from io.Reader) (control.NamesReport, error) {
	r, err := o.names.Import(ctx, book, from, replace)
	return r.Control(), codes.Explain(err)
}

func (o offline) Feeds(context.Context) ([]control.Feed, error) {
	feeds, err := o.names.Feeds()
	var out []control.Feed
	for _, f := range feeds {
		out = append(out, f.Control())
	}
	return out, err
}

func (o offline) Subscribe(_ context.Context, url string) error {
	return codes.Explain(o.names.Subscribe(url))
}

func (o offline) Unsubscribe(_ context.Context, url string) error {
	return codes.Explain(o.names.Unsubscribe(url))
}
