package main

import (
	"fmt"
	"os"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
)

// readKey reads a private key file, and warns of a transient key in it that expires soon.
func readKey(c *cli.Context, path string) (*i2p.PrivateKeys, error) {
	key, err := cli.ReadInput(c, path, maxKeyFile)
	if err != nil {
		if os.IsNotExist(err) {
			err = cli.WithHint(err, "i2p-keygen dest -o %s makes it", path)
		}
		return nil, err
	}
	keys, err := i2p.ParseKeyFile(key)
	if err != nil {
		return nil, cli.Dataf("%s is no private key file: %w", cli.InputName(path), err)
	}
	if at := expiryOf(keys); at != nil {
		if text := cli.KeyEnds(at, time.Now()); text != "" {
			cli.Warnf(c, "%s: %s", cli.InputName(path), text)
		}
	}
	return keys, nil
}

// expiryOf is when a transient key expires; nil where the key is the destination's own.
func expiryOf(keys *i2p.PrivateKeys) *time.Time {
	if keys.Offline == nil {
		return nil
	}
	at := time.Unix(int64(keys.Offline.Expires), 0).UTC()
	return &at
}

// followKey has a HUP take what the key file has then: another transient key, in time before the one in use
// expires. Streams go on. That is for services whose key is kept offline: it ends others, as ever.
func (l *listening) followKey() (stop func()) {
	path := l.c.String("key")
	keys, _, err := i2p.ParsePrivateKeys(l.key)
	if err != nil || keys.Offline == nil || path == "" || path == "-" || !l.keeps() {
		return func() {}
	}
	return cli.OnHangup(func() {
		if err := l.rekey(path); err != nil {
			cli.Warnf(l.c, "%v", err)
		}
	})
}

func (l *listening) rekey(path string) error {
	keys, err := readKey(l.c, path)
	if err != nil {
		return err
	}
	l.mu.Lock()
	session := l.session
	l.mu.Unlock()
	if session != nil {
		if err := session.Rekey(l.c.Context, keys.AppendTo(nil)); err != nil {
			return fmt.Errorf("%s: %w", cli.InputName(path), err)
		}
	}
	l.mu.Lock()
	l.key = keys.AppendTo(nil)
	l.mu.Unlock()
	if at := expiryOf(keys); at != nil {
		cli.Notef(l.c, "the transient key is another one now, which expires at %s", at.Format(time.RFC3339))
	}
	return nil
}

// request is what is to be opened, with the key that it is to have now.
func (l *listening) request(req control.Open) control.Open {
	l.mu.Lock()
	defer l.mu.Unlock()
	req.Key = l.key
	return req
}
