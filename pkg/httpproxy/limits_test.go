package httpproxy

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/netdb"
)

// b33 is the address of an encrypted lease set.
const b33 = "f6drklnn5otdzdvahkfasth364p7kiv5w2h6iwc6le4kilwmdczses3u.b32.i2p"

// TestBlinded: what is wrong with the address of an encrypted lease set is told apart.
func TestBlinded(t *testing.T) {
	titles := make(map[string]bool)
	for _, err := range []error{destinations.ErrNotFound, leaseset.ErrSecretNeeded, leaseset.ErrKeyNeeded, leaseset.ErrNotAdmitted, leaseset.ErrOtherKey} {
		f := unreached(fmt.Errorf("%w: %w", destinations.ErrLocked, err), b33, false)
		if err == destinations.ErrNotFound {
			f = unreached(err, b33, false)
		}
		if titles[f.title] || f.step != stepLeaseSet {
			t.Errorf("%v: %+v", err, f)
		}
		titles[f.title] = true
	}
}

// TestSteps: each error says which step failed, with a status of its own and when to try again,
// in HTML for who shows it and as text for who does not.
func TestSteps(t *testing.T) {
	for _, test := range []struct {
		err    error
		host   string
		status int
		step   string
		retry  bool
	}{
		{destinations.ErrNotFound, "site.i2p", 404, "name", false},
		{fmt.Errorf("site.i2p: %w", naming.ErrUnknown), "site.i2p", 404, "name", false},
		{destinations.ErrNotFound, strings.Repeat("a", 52) + ".b32.i2p", 503, "lease set", true},
		{fmt.Errorf("%w: %w", destinations.ErrTimeout, netdb.ErrNoAnswer), "site.i2p", 504, "lease set", true},
		{destinations.ErrUnreachable, "site.i2p", 503, "lease set", true},
		{destinations.ErrEncryption, "site.i2p", 502, "lease set", false},
		{destinations.ErrLeaseSet, "site.i2p", 502, "lease set", false},
		{destinations.ErrNotFound, b33, 503, "lease set", true},
		{fmt.Errorf("%w: %w", destinations.ErrLocked, leaseset.ErrSecretNeeded), b33, 403, "lease set", false},
		{fmt.Errorf("%w: %w", destinations.ErrLocked, leaseset.ErrKeyNeeded), b33, 403, "lease set", false},
		{fmt.Errorf("%w: %w", destinations.ErrLocked, leaseset.ErrNotAdmitted), b33, 403, "lease set", false},
		{fmt.Errorf("%w: %w", destinations.ErrLocked, leaseset.ErrOtherKey), b33, 502, "lease set", false},
		{fmt.Errorf("%w: few routers are known", destinations.ErrNoTunnels), "site.i2p", 503, "tunnels", true},
		{destinations.ErrStopped, "site.i2p", 503, "tunnels", true},
		{destinations.ErrTimeout, "site.i2p", 504, "connect", true},
		{context.DeadlineExceeded, "site.i2p", 504, "connect", true},
		{destinations.ErrReset, "site.i2p", 502, "connect", false},
		{destinations.ErrRefused, "site.i2p", 502, "connect", false},
		{destinations.ErrBusy, "site.i2p", 503, "connect", true},
		{net.ErrClosed, "site.i2p", 502, "connect", false},
	} {
		w := newWorld(t, Config{
			Dial: func(context.Context, string, uint16) (net.Conn, error) { return nil, test.err },
			Jump: []string{"http://jump.i2p/?q="},
		})
		c := w.client()
		for _, accept := range []string{"*/*", "text/html,*/*"} {
			resp, body := c.get("http://"+test.host+"/", "Accept: "+accept)
			html := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
			says := "The step that failed: " + test.step + "\n"
			if html {
				says = `<li class="failed">` + test.step
			}
			if resp.StatusCode != test.status || (resp.Header.Get("Retry-After") != "") != test.retry || html != (accept != "*/*") || !strings.Contains(body, says) {
				t.Errorf("%v: %v\n%s", test.err, resp, body)
			}
			if jump := strings.Contains(body, "http://jump.i2p/?q=site.i2p"); jump != (test.status == 404) {
				t.Errorf("%v: a jump service is named: %t", test.err, jump)
			}
			checkPage(t, resp, body)
		}
	}
}

// TestAnswers: a site that answers nothing, or something else than HTTP, or too late.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for answer, status := range map[string]int{
			"": 502, "HTTP/1.1 2": 502, "SSH-2.0-x\r\n\r\n": 502, "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 100<<10): 502,
			"HTTP/1.1 407 Yes\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n": 502,
			strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20) + short:                           502,
			"wait": 504,
		} {
			w := newWorld(t, Config{})
			w.raw("site.i2p", func(c net.Conn) {
				defer c.Close()
				http.ReadRequest(bufio.NewReader(c))
				if answer == "wait" {
					c.Read(make([]byte, 1))
					return
				}
				io.WriteString(c, answer)
			})
			resp, body := w.client().get("http://site.i2p/")
			if resp.StatusCode != status || !strings.Contains(body, "The step that failed: answer") || w.Stats().Failed.Answer != 1 {
				t.Errorf("%.20q: %s: %s", answer, resp.Status, body)
			}
		}
	})
}

// TestTimes: nobody waits for a client that does not go on.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		idle, slow := w.client(), w.client()
		begun := time.Now()
		slow.say("GET http://site.i2p/ HTTP/1.1\n")
		if resp, _ := slow.hear("GET"); resp.StatusCode != 408 || time.Since(begun) != 10*time.Second {
			t.Errorf("%s after %v", resp.Status, time.Since(begun))
		}
		idle.ended()
		if d := time.Since(begun); d != 2*time.Minute {
			t.Errorf("an idle connection lasts %v", d)
		}
		if s := w.Stats().Refused; s.Slow != 1 || s.Idle != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestStall: nor for a body that does not go on, of either side.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		begun := time.Now()
		ended := make(chan struct{}, 2)
		w.raw("site.i2p", func(c net.Conn) {
			req, _ := http.ReadRequest(bufio.NewReader(c))
			if req.Method == "GET" {
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
			}
			io.Copy(io.Discard, c)
			ended <- struct{}{}
		})
		up, down := w.client(), w.client()
		up.say("POST http://site.i2p/ HTTP/1.1\nHost: site.i2p\nContent-Length: 9\n\nx")
		down.say("GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n")
		go io.Copy(io.Discard, up)
		go io.Copy(io.Discard, down)
		<-ended
		<-ended
		if d := time.Since(begun); d != 15*time.Minute {
			t.Errorf("it takes %v", d)
		}
	})
}

// TestTooMany: connections beyond the limit are told so.
func TestTooMany(t *testing.T) {
	w := newWorld(t, Config{Limits: Limits{Connections: 2}})
	w.site("site.i2p", hello)
	first, second := w.client(), w.client()
	first.get("http://site.i2p/")
	second.get("http://site.i2p/")
	third := w.client()
	if resp, _ := third.hear("GET"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%+v", resp)
	}
	third.ended()
	first.Close()
	until(t, "there is room", func() bool { return w.Stats().Connections == 1 })
	if resp, _ := w.client().get("http://site.i2p/"); resp.StatusCode != 200 || w.Stats().Refused.Busy != 1 {
		t.Error(resp.Status)
	}
}

// TestTooLarge: a header section, or too many lines of one.
func TestTooLarge(t *testing.T) {
	w := newWorld(t, Config{})
	for _, lines := range []string{"X: " + strings.Repeat("y", 70<<10) + "\n", strings.Repeat("X: y\n", 200)} {
		c := w.client()
		c.say("GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\n" + lines + "\n")
		if resp, _ := c.hear("GET"); resp.StatusCode != 431 || !resp.Close {
			t.Errorf("%+v", resp)
		}
		c.ended()
	}
	if n := w.Stats().Refused.TooLarge; n != 2 {
		t.Errorf("%d are counted", n)
	}
}

// TestAccounts: those who have one get in, whichever it is, and nobody else.
func TestAccounts(t *testing.T) {
	w := newWorld(t, Config{Accounts: []Account{{"me", "pass:word"}, {"you", ""}}})
	w.site("site.i2p", hello)
	basic := func(s string) string {
		return "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(s))
	}
	for line, status := range map[string]int{
		"X: y": 407, basic("me:pass:word"): 200, basic("you:"): 200, basic("me:"): 407, basic("me:pass:wor"): 407, basic(""): 407,
		basic("me:pass:word") + "\n" + basic("you:"): 407, "Proxy-Authorization: Basic !": 407, "Proxy-Authorization: Digest x": 407,
		"Authorization: Basic bWU6cGFzczp3b3Jk": 407, strings.Replace(basic("you:"), "Basic", "bAsIc", 1): 200,
	} {
		c := w.client()
		resp, _ := c.get("http://site.i2p/", line)
		if resp.StatusCode != status {
			t.Errorf("%s: %s", line, resp.Status)
		}
		if asks := strings.HasPrefix(resp.Header.Get("Proxy-Authenticate"), "Basic "); asks != (status == 407) {
			t.Errorf("%s: %v", line, resp.Header)
		}
		c.say("GET http://proxy.i2p/ HTTP/1.1\nHost: proxy.i2p\n" + line + "\n\n")
		if own, _ := c.hear("GET"); own.StatusCode != status {
			t.Errorf("%s: proxy.i2p: %s", line, own.Status)
		}
	}
	if n := w.Stats().Refused.Unauthorized; n != 16 {
		t.Errorf("%d are counted", n)
	}
}
