//go:build linux

package attack

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/interop"
)

// controlPassword is of I2PControl.
const controlPassword = "the victim's"

// DoorSettings writes the settings of a router that has all doors open.
func DoorSettings(dir string) (string, error) {
	hash, err := door.Hash(controlPassword)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, d := range Doors {
		fmt.Fprintf(&b, "[%s]\nenabled = true\n", d)
	}
	fmt.Fprintf(&b, "password = %q\n", hash)
	file := filepath.Join(dir, "doors.toml")
	return file, os.WriteFile(file, []byte(b.String()), 0o600)
}

// Guest is a program on the victim's machine that uses all doors.
type Guest struct {
	host  *Host
	own   *talk           // its session of SAM
	peer  *client.Session // a destination at another router
	calls http.Client
}

// NewGuest opens its session, and waits until it has a stream to the peer.
func NewGuest(ctx context.Context, s *Scene) (g *Guest, err error) {
	g = &Guest{host: s.Victim.host}
	g.calls = http.Client{Timeout: doorPatience, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return g.dial(ctx, I2PControl) },
	}}
	if g.peer, err = s.Honest[0].Open(ctx, control.Open{Listen: []uint16{0}}); err != nil {
		return g, err
	}
	go serve(g.peer)
	if g.own, err = g.open(ctx, SAM); err != nil {
		return g, err
	}
	if _, err = g.own.ask("SESSION CREATE STYLE=STREAM ID=guest DESTINATION=TRANSIENT"); err != nil {
		return g, err
	}
	return g, interop.Await(ctx, time.Minute, "a stream by SAM", g.stream)
}

// Close ends it.
func (g *Guest) Close() {
	if g.own != nil {
		g.own.Close()
	}
	if g.peer != nil {
		g.peer.Close()
	}
}

// dial connects on the victim's machine.
func (g *Guest) dial(ctx context.Context, d Door) (c net.Conn, err error) {
	err = g.host.within(ctx, func() (err error) {
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp", d.at())
		return err
	})
	return c, err
}

func (g *Guest) open(ctx context.Context, d Door) (*talk, error) {
	c, err := g.dial(ctx, d)
	if err != nil {
		return nil, err
	}
	t, err := d.greet(c)
	if err != nil {
		c.Close()
		return nil, err
	}
	return t, nil
}

// asks are what it does, by kind.
func (g *Guest) asks() map[Kind]func(context.Context) error {
	with := func(d Door, f func(t *talk) error) func(context.Context) error {
		return func(ctx context.Context) error {
			t, err := g.open(ctx, d)
			if err != nil {
				return err
			}
			defer t.Close()
			t.SetDeadline(time.Now().Add(doorPatience))
			return f(t)
		}
	}
	return map[Kind]func(context.Context) error{
		AskSAM: with(SAM, func(t *talk) error {
			_, err := t.ask("DEST GENERATE SIGNATURE_TYPE=7")
			return err
		}),
		SAMStreams: g.stream,
		AskI2CP: with(I2CP, func(t *talk) error {
			_, err := hear[i2cp.BandwidthLimits](t, 0, i2cp.GetBandwidthLimits{})
			return err
		}),
		AskBOB: with(BOB, func(t *talk) error {
			if _, err := io.WriteString(t, "list\n"); err != nil {
				return err
			}
			got, err := t.line()
			if err == nil && got != "OK Listing done" {
				err = fmt.Errorf("%w: %.100s", errDoor, got)
			}
			return err
		}),
		AskControl: g.control,
	}
}

// stream opens one to the peer, and waits for a byte to come back.
func (g *Guest) stream(ctx context.Context) error {
	t, err := g.open(ctx, SAM)
	if err != nil {
		return err
	}
	defer t.Close()
	defer context.AfterFunc(ctx, func() { t.SetDeadline(time.Unix(1, 0)) })()
	if _, err := t.ask("STREAM CONNECT ID=guest DESTINATION=" + g.peer.Destination); err != nil {
		return err
	}
	if _, err := t.Write([]byte{firstServe}); err != nil {
		return err
	}
	_, err = interop.Ping(ctx, t)
	return err
}

// control logs in, and has something echoed.
func (g *Guest) control(ctx context.Context) error {
	var token string
	for _, call := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"Authenticate","params":{"API":1,"Password":"` + controlPassword + `"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"Echo","params":{"Echo":"hello","Token":"TOKEN"}}`,
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+I2PControl.at()+"/", strings.NewReader(strings.Replace(call, "TOKEN", token, 1)))
		if err != nil {
			return err
		}
		resp, err := g.calls.Do(req)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		var a struct {
			Result struct{ Token, Result string }
		}
		if json.Unmarshal(b, &a) != nil || a.Result.Token == "" && a.Result.Result != "hello" {
			return fmt.Errorf("%w: %.100s", errDoor, bytes.TrimSpace(b))
		}
		token = a.Result.Token
	}
	return nil
}
