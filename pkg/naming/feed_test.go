package naming

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/draw"
)

// site is a server within I2P: it answers requests, each with the text that it gives.
type site struct {
	t      *testing.T
	answer func(req *http.Request, w io.Writer)
	dialed []string
	asked  []*http.Request
}

func (s *site) dial(_ context.Context, host string, port uint16) (net.Conn, error) {
	s.dialed = append(s.dialed, fmt.Sprintf("%s:%d", host, port))
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		req, err := http.ReadRequest(bufio.NewReader(theirs))
		if err != nil {
			return
		}
		s.asked = append(s.asked, req)
		s.answer(req, theirs)
	}()
	return ours, nil
}

func reply(status, header, body string) func(*http.Request, io.Writer) {
	return func(_ *http.Request, w io.Writer) {
		fmt.Fprintf(w, "HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s", status, len(body), header, body)
	}
}

const feedAt = "http://feed.i2p/hosts.txt"

func TestConditionalFetch(t *testing.T) {
	c := newCommands(t)
	for _, zip := range []bool{false, true} {
		body, header := plain("x.i2p", c.a)+"\n", "ETag: \"one\"\r\nLast-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\n"
		if zip {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write([]byte(body))
			z.Close()
			body, header = b.String(), header+"Content-Encoding: gzip\r\n"
		}
		s := &site{t: t}
		s.answer = func(req *http.Request, w io.Writer) {
			if req.Header.Get("If-None-Match") == `"one"` && req.Header.Get("If-Modified-Since") != "" {
				reply("304 Not Modified", "", "")(req, w)
				return
			}
			reply("200 OK", header, body)(req, w)
		}
		dir := t.TempDir()
		n := New(Config{Dir: dir, Now: today, Fetch: Fetcher(s.dial)})
		if err := n.Subscribe(feedAt); err != nil {
			t.Fatal(err)
		}
		var done []Update
		update := func(n *Names, again bool) {
			t.Helper()
			if err := n.Update(t.Context(), nil, again, func(u Update) { done = append(done, u) }); err != nil {
				t.Fatal(err)
			}
		}
		update(n, false)
		update(New(Config{Dir: dir, Now: today, Fetch: Fetcher(s.dial)}), false) // it is remembered
		update(n, true)
		if done[0].Err != nil || done[0].Report.Added != 1 || !done[1].Unchanged || done[2].Unchanged || done[2].Report.Known != 1 {
			t.Errorf("%+v", done)
		}
		is(t, n, "x.i2p", c.a)
		if want := []string{"feed.i2p:80", "feed.i2p:80", "feed.i2p:80"}; !slices.Equal(s.dialed, want) {
			t.Errorf("dialed %v", s.dialed)
		}
		if r := s.asked[0]; r.Host != "feed.i2p" || r.Header.Get("Accept-Encoding") != "gzip" || r.Header.Get("Referer") != "" {
			t.Errorf("asked %+v", r)
		}
		feeds, err := n.Feeds()
		if err != nil || len(feeds) != 1 || feeds[0].Problem != "" || !feeds[0].Next.After(today().Add(10*time.Hour)) {
			t.Errorf("%+v, %v", feeds, err)
		}
	}
}

// TestHostileFeeds: what a feed's server does ends soon, asks nobody else, and spoils nothing.
func TestHostileFeeds(t *testing.T) {
	c := newCommands(t)
	endless := func(header string, piece []byte) func(*http.Request, io.Writer) {
		return func(_ *http.Request, w io.Writer) {
			fmt.Fprintf(w, "HTTP/1.1 200 OK\r\n%s\r\n", header)
			for {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		}
	}
	for name, s := range map[string]struct {
		answer func(*http.Request, io.Writer)
		want   error
	}{
		"said to be huge": {func(_ *http.Request, w io.Writer) {
			io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
		}, ErrTooLarge},
		"endless":           {endless("", bytes.Repeat([]byte("#\n"), 1<<16)), ErrTooLarge},
		"an endless line":   {endless("", bytes.Repeat([]byte("x"), 1<<17)), ErrTooLarge},
		"an endless header": {endless("X: ", bytes.Repeat([]byte("x"), 1<<17)), nil},
		"endless nothing":   {endless("Content-Encoding: gzip\r\n", nil), nil},
		"to the clearnet":   {reply("302 Found", "Location: http://example.com/hosts.txt\r\n", ""), ErrFeedURL},
		"to an address":     {reply("302 Found", "Location: http://127.0.0.1:7657/\r\n", ""), ErrFeedURL},
		"to a file":         {reply("302 Found", "Location: file:///etc/passwd\r\n", ""), ErrFeedURL},
		"to TLS":            {reply("302 Found", "Location: https://feed.i2p/\r\n", ""), ErrFeedURL},
		"around":            {reply("302 Found", "Location: "+feedAt+"\r\n", ""), ErrAnswer},
		"no feed":           {reply("404 Not Found", "", "x"), ErrAnswer},
		"a login":           {reply("401 Unauthorized", "WWW-Authenticate: Basic\r\n", "x"), ErrAnswer},
		"broken off": {func(_ *http.Request, w io.Writer) {
			io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n#")
		}, io.ErrUnexpectedEOF},
		"no HTTP":            {func(_ *http.Request, w io.Writer) { io.WriteString(w, "SSH-2.0-x\r\n") }, nil},
		"gzip that is none":  {reply("200 OK", "Content-Encoding: gzip\r\n", "this is no gzip at all"), gzip.ErrHeader},
		"a bomb within gzip": {bomb, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "endless nothing" { // members of a stream that have nothing in them
				var member bytes.Buffer
				z := gzip.NewWriter(&member)
				z.Close()
				s.answer, s.want = endless("Content-Encoding: gzip\r\n", bytes.Repeat(member.Bytes(), 1<<12)), ErrTooLarge
			}
			server := &site{t: t, answer: s.answer}
			n := New(Config{Now: today, Fetch: Fetcher(server.dial)})
			if err := n.Add(Subscribed, "x.i2p", c.a.Destination(), false); err != nil {
				t.Fatal(err)
			}
			if err := n.Subscribe(feedAt); err != nil {
				t.Fatal(err)
			}
			var done Update
			if err := n.Update(t.Context(), nil, false, func(u Update) { done = u }); err != nil {
				t.Fatal(err)
			}
			if done.Err == nil || s.want != nil && !errors.Is(done.Err, s.want) {
				t.Errorf("%v, want %v", done.Err, s.want)
			}
			for _, at := range server.dialed {
				if at != "feed.i2p:80" {
					t.Errorf("dialed %s", at)
				}
			}
			feeds, err := n.Feeds()
			if err != nil || feeds[0].Problem == "" || feeds[0].ETag != "" || n.Stats().FeedsFailed != 1 {
				t.Errorf("%+v, %v", feeds, err)
			}
			is(t, n, "x.i2p", c.a)
		})
	}
}

// bomb is much text in few bytes.
func bomb(_ *http.Request, w io.Writer) {
	io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
	z := gzip.NewWriter(w)
	lines := bytes.Repeat([]byte("#\n"), 1<<16)
	for range maxFeed>>17 + 2 {
		if _, err := z.Write(lines); err != nil {
			return
		}
	}
	z.Close()
}

// TestFeedURLs: only hosts within I2P.
func TestFeedURLs(t *testing.T) {
	a := keys(t, 1).Destination()
	b33, _ := a.Blinded().B33()
	for _, url := range []string{feedAt, "http://" + a.B32() + "/x?y", "http://feed.i2p:8080/", "http://" + b33 + "/"} {
		if err := CheckFeed(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"", "feed.i2p", "https://feed.i2p/", "http://example.com/", "http://localhost/", "http://127.0.0.1/", "file:///x.i2p",
		"http://user@feed.i2p/", "http:///hosts.txt", "http://i2p/", "http://evil.com/.i2p", "http://proxy.i2p/", "http://feed.i2p/#x", "http://fe ed.i2p/",
		"http://feed.i2p/" + strings.Repeat("x", maxURL)} {
		if err := CheckFeed(url); !errors.Is(err, ErrFeedURL) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestSubscriptions: the list is the owner's, with what he wrote into it.
func TestSubscriptions(t *testing.T) {
	dir := t.TempDir()
	n := New(Config{Dir: dir})
	list := filepath.Join(dir, feedsFile)
	if err := os.WriteFile(list, []byte("\ufeff# mine\nhttp://one.i2p/a\nhttp://clearnet.org/\n\nhttp://one.i2p/a"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(want ...string) {
		t.Helper()
		feeds, err := n.Feeds()
		var got []string
		for _, f := range feeds {
			got = append(got, f.URL)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	check("http://one.i2p/a")
	for range 2 {
		if err := n.Subscribe("http://two.i2p/b"); err != nil {
			t.Fatal(err)
		}
	}
	check("http://one.i2p/a", "http://two.i2p/b")
	if err := n.Unsubscribe("http://one.i2p/a"); err != nil {
		t.Fatal(err)
	}
	check("http://two.i2p/b")
	if b, _ := os.ReadFile(list); string(b) != "\ufeff# mine\nhttp://clearnet.org/\n\nhttp://two.i2p/b\n" {
		t.Errorf("%q", b)
	}
	if err := n.Unsubscribe("http://one.i2p/a"); err == nil {
		t.Error("removed twice")
	}
	if err := n.Update(t.Context(), nil, false, nil); !errors.Is(err, ErrNoFetch) {
		t.Error(err)
	}
}

// TestSchedule: some minutes after the start, twice a day, and less and less often where that fails.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Duration
		start := time.Now()
		fail := false
		n := New(Config{Rand: draw.Seeded([32]byte{1}), Fetch: func(context.Context, Request) (Response, error) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(start))
			if fail {
				return Response{}, ErrAnswer
			}
			return Response{NotModified: true}, nil
		}})
		if err := n.Subscribe(feedAt); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- n.Run(ctx) }()
		time.Sleep(49 * time.Hour)
		mu.Lock()
		if len(at) != 5 || at[0] < firstLeast || at[0] > firstMost+lookEvery {
			t.Errorf("asked at %v", at)
		}
		at, fail = nil, true
		mu.Unlock()
		time.Sleep(72 * time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if len(at) < 6 || len(at) > 12 || at[2]-at[1] < 50*time.Minute {
			t.Errorf("asked in vain at %v", at)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestUpdateMeanwhile: who asks for feeds while another does may give up.
func TestUpdateMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Now: time.Now, Fetch: func(ctx context.Context, _ Request) (Response, error) {
			<-ctx.Done()
			return Response{}, context.Cause(ctx)
		}})
		if err := n.Subscribe(feedAt); err != nil {
			t.Fatal(err)
		}
		update := func() (end context.CancelFunc, ended <-chan error) {
			ctx, cancel := context.WithCancel(t.Context())
			came := make(chan error, 1)
			go func() { came <- n.Update(ctx, nil, false, func(Update) {}) }()
			synctest.Wait()
			return cancel, came
		}
		endFirst, first := update()
		endSecond, second := update()
		endSecond()
		synctest.Wait()
		if len(second) != 1 || len(first) != 0 {
			t.Errorf("%d of one that gave up have ended, and %d of the other", len(second), len(first))
		}
		endFirst()
		for _, ended := range []<-chan error{first, second} {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}

// TestJumps: services whose own name is known come first.
func TestJumps(t *testing.T) {
	all := []Jump{{"One", "http://one.i2p/?a="}, {"Two", "http://two.i2p/"}}
	n := New(Config{Jumps: func() []Jump { return all }})
	if err := n.Add(Local, "two.i2p", keys(t, 1).Destination(), false); err != nil {
		t.Fatal(err)
	}
	want := []Jump{{"Two", "http://two.i2p/x.i2p"}, {"One", "http://one.i2p/?a=x.i2p"}}
	if got := n.Jumps("X.i2p"); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if s := n.Stats(); s != (Stats{}) {
		t.Errorf("%+v", s)
	}
}

// TestParseJump: what is known reads as it is written, and nothing outside of I2P is a service.
func TestParseJump(t *testing.T) {
	for _, j := range KnownJumps() {
		if again, err := ParseJump(j.String()); err != nil || again != j {
			t.Errorf("%v, %v", again, err)
		}
	}
	for _, text := range []string{"", "stats.i2p", "a http://example.com/?a=", "a javascript:alert(1)", "a https://a.i2p/", "a b http://a.i2p/"} {
		if j, err := ParseJump(text); err == nil || j != (Jump{}) {
			t.Errorf("%q is %v", text, j)
		}
	}
}

// TestSettledFeeds: the feeds of the settings come first, follow them, and are not taken out of a file in which
// they are not.
func TestSettledFeeds(t *testing.T) {
	const one, two = "http://one.i2p/hosts.txt", "http://two.i2p/hosts.txt"
	settled := []string{one, "http://example.com/", one}
	n := New(Config{Subscriptions: func() []string { return settled }})
	if err := n.Subscribe(two); err != nil {
		t.Fatal(err)
	}
	urls := func() (got []string) {
		feeds, err := n.Feeds()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range feeds {
			got = append(got, f.URL)
		}
		return got
	}
	if got := urls(); !slices.Equal(got, []string{one, two}) {
		t.Errorf("%v", got)
	}
	if err := n.Unsubscribe(one); err == nil || !strings.Contains(err.Error(), "names.subscriptions") {
		t.Errorf("%v", err)
	}
	settled = nil
	if got := urls(); !slices.Equal(got, []string{two}) {
		t.Errorf("%v", got)
	}
}
