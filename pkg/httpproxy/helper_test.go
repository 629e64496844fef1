package httpproxy

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// book is an address book in memory.
type book map[string]i2p.Destination

func (b book) lookup(name string) (i2p.Destination, error) {
	if d, ok := b[name]; ok {
		return d, nil
	}
	return i2p.Destination{}, errors.New("not in the book")
}

func (b book) save(_ context.Context, name string, d i2p.Destination) error {
	if _, ok := b[name]; ok {
		return errors.New("it is there already")
	}
	b[name] = d
	return nil
}

// checkPage looks at what every page of the proxy has: no script, nothing from elsewhere.
func checkPage(t testing.TB, resp *http.Response, body string) {
	t.Helper()
	h := resp.Header
	if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || !strings.Contains(csp, "frame-ancestors 'none'") ||
		h.Get("Referrer-Policy") != "same-origin" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
	if strings.Contains(body, "<script") || regexp.MustCompile(`(?i)(src|style)\s*=|url\(|@import|https:|javascript:`).MatchString(body) {
		t.Errorf("a page is not by itself: %s", body)
	}
}

// form reads the form of a helper's page.
func form(body string) url.Values {
	values := make(url.Values)
	for _, m := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		values.Set(m[1], html.UnescapeString(m[2]))
	}
	return values
}

// post sends a form as a browser does.
func (c *client) post(values url.Values, lines ...string) (*http.Response, string) {
	c.t.Helper()
	body := values.Encode()
	c.say("POST http://proxy.i2p/helper HTTP/1.1\nHost: proxy.i2p\nContent-Type: application/x-www-form-urlencoded\nContent-Length: " +
		itoa(uint16(len(body))) + "\n" + strings.Join(append(lines, "\n"), "\n") + body)
	return c.hear("POST")
}

const fromOwn = "Origin: http://proxy.i2p"

// ask follows a link with a helper to the page that asks.
func (c *client) ask(address string) (*http.Response, string) {
	c.t.Helper()
	resp, body := c.get(address, "Accept: text/html")
	if resp.StatusCode == 302 {
		to := resp.Header.Get("Location")
		if !strings.HasPrefix(to, "http://proxy.i2p/helper?") {
			c.t.Fatalf("the link leads to %s", to)
		}
		resp, body = c.get(to, "Accept: text/html")
	}
	checkPage(c.t, resp, body)
	return resp, body
}

// TestHelper: a name that is new is the user's to take, for good or for a while, and then the link
// goes on to where it led, without the helper.
func TestHelper(t *testing.T) {
	d := destination(t, 1)
	for _, choice := range []string{"save", "once"} {
		names := book{}
		w := newWorld(t, Config{Lookup: names.lookup, Save: names.save})
		w.site("new.i2p", func(rw http.ResponseWriter, r *http.Request) { rw.Write([]byte(r.URL.String())) })
		w.site(d.Base64(), func(rw http.ResponseWriter, r *http.Request) { rw.Write([]byte("once " + r.URL.String())) })
		c := w.client()
		link := "http://new.i2p/p/a?x=1&i2paddresshelper=" + d.Base64() + "&y=%3C"
		resp, body := c.ask(link)
		if resp.StatusCode != 200 || !strings.Contains(body, d.B32()) || len(w.dialled()) != 0 {
			t.Fatalf("%s: %s", resp.Status, body)
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "form-action http://proxy.i2p http://new.i2p") {
			t.Errorf("policy %q", csp)
		}
		values := form(body)
		values.Set("choice", choice)
		resp, _ = c.post(values, fromOwn)
		if resp.StatusCode != 303 || resp.Header.Get("Location") != "http://new.i2p/p/a?x=1&y=%3C" {
			t.Fatalf("%+v", resp)
		}
		want := map[string]string{"save": "/p/a?x=1&y=%3C", "once": "once /p/a?x=1&y=%3C"}[choice]
		if _, body := c.get(resp.Header.Get("Location")); body != want {
			t.Errorf("%s leads to %s", choice, body)
		}
		if _, body := c.get(link); body != want { // known now: the helper is taken out, and that is all
			t.Errorf("the second time %s leads to %s", choice, body)
		}
		if _, saved := names["new.i2p"]; saved != (choice == "save") {
			t.Errorf("%s: saved: %t", choice, saved)
		}
		if s := w.Stats().Helpers; s.Asked != 1 || s.Saved+s.Once != 1 || s.Forged != 0 || s.Conflicts != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestTakeOver: a name that is known never changes, by whatever a page says; the book's or one
// that is known for a while.
func TestTakeOver(t *testing.T) {
	mine, theirs := destination(t, 1), destination(t, 2)
	names := book{"known.i2p": mine}
	w := newWorld(t, Config{Lookup: names.lookup, Save: func(_ context.Context, name string, d i2p.Destination) error {
		names[name] = d
		return nil
	}})
	w.helpers.remember("once.i2p", mine.Base64())
	b32 := mine.B32()
	for _, host := range []string{"known.i2p", "KNOWN.i2p.", "once.i2p", b32} {
		for _, parameter := range []string{"i2paddresshelper", "I2PAddressHelper", "i2paddressh%65lper", "%692paddresshelper"} {
			for _, value := range []string{theirs.Base64(), url.QueryEscape(theirs.Base64()), theirs.B32()} {
				c := w.client()
				resp, body := c.get("http://"+host+"/x?"+parameter+"="+value, "Accept: text/html")
				if resp.StatusCode != 409 || !strings.Contains(body, mine.B32()) || !strings.Contains(body, theirs.B32()) {
					t.Errorf("%s %s: %s %s", host, parameter, resp.Status, body)
				}
				checkPage(t, resp, body)
			}
		}
	}
	c := w.client()
	for _, name := range []string{"known.i2p", "once.i2p"} { // the page itself
		h := helper{Name: name, To: theirs.Base64(), On: "http://" + name + "/"}
		q := url.Values{"name": {h.Name}, "to": {h.To}, "on": {h.On}}
		if resp, _ := c.get("http://proxy.i2p/helper?" + q.Encode()); resp.StatusCode != 409 {
			t.Errorf("%s: the page is shown: %s", name, resp.Status)
		}
		q.Set("choice", "save")
		q.Set("token", w.helpers.token(h, time.Now().Add(time.Minute))) // of a page from before the name was known
		if resp, _ := c.post(q, fromOwn); resp.StatusCode != 409 {
			t.Errorf("%s: confirmed: %s", name, resp.Status)
		}
	}
	if !names["known.i2p"].Equal(mine.Identity) || w.helpers.lookup("once.i2p") != mine.Base64() || len(w.dialled()) != 0 {
		t.Error("a name changed")
	}
}

// TestForgedConfirmation: a page of somebody else's cannot confirm: it has not the token, nor one
// for another name, address or destination, nor an old one, nor can it have the browser post it.
func TestForgedConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := book{}
		w := newWorld(t, Config{Lookup: names.lookup, Save: names.save})
		c := w.client()
		d, other := destination(t, 1), destination(t, 2)
		_, body := c.ask("http://new.i2p/?i2paddresshelper=" + d.Base64())
		good := form(body)
		good.Set("choice", "save")
		change := func(key, value string) url.Values {
			v := url.Values{}
			for k := range good {
				v.Set(k, good.Get(k))
			}
			v.Set(key, value)
			return v
		}
		forged := 0
		refused := func(what string, values url.Values, lines ...string) {
			t.Helper()
			forged++
			if resp, _ := c.post(values, lines...); resp.StatusCode != 403 || len(names) != 0 || w.helpers.lookup("new.i2p") != "" {
				t.Errorf("%s: %s", what, resp.Status)
			}
		}
		refused("no token", change("token", ""), fromOwn)
		refused("a made-up token", change("token", "99999999999.AAAA"), fromOwn)
		refused("another destination", change("to", other.Base64()), fromOwn)
		refused("another address to go on to", change("on", "http://new.i2p/other"), fromOwn)
		refused("another host to go on to", change("on", "http://evil.i2p/"), fromOwn)
		refused("the clearnet to go on to", change("on", "http://new.i2p@clearnet.example/"), fromOwn)
		refused("a header to go on to", change("on", "http://new.i2p/\r\nSet-Cookie: x"), fromOwn)
		second := change("on", "http://second.i2p/")
		second.Set("name", "second.i2p")
		refused("another name", second, fromOwn)
		_, expires, _ := strings.Cut(good.Get("token"), ".")
		refused("a token that was made to last", change("token", "99999999999."+expires), fromOwn)
		refused("another page's form", good, "Origin: http://evil.i2p")
		refused("a form in a sandbox", good, "Origin: null")
		refused("two origins", good, fromOwn, "Origin: http://evil.i2p")
		if resp, _ := c.get("http://proxy.i2p/helper?" + good.Encode()); resp.StatusCode != 200 || len(names) != 0 {
			t.Error("an image could confirm")
		}
		time.Sleep(time.Minute)
		if resp, _ := newWorld(t, Config{Lookup: names.lookup, Save: names.save}).client().post(good, fromOwn); resp.StatusCode != 403 {
			t.Error("another proxy takes the token")
		}
		if resp, _ := c.post(good, fromOwn); resp.StatusCode != 303 || len(names) != 1 {
			t.Errorf("the page itself: %s", resp.Status)
		}
		delete(names, "new.i2p")
		time.Sleep(10 * time.Minute)
		c = w.client()
		refused("an old page", good, fromOwn)
		if n := w.Stats().Helpers.Forged; n != uint64(forged) {
			t.Errorf("%d are counted, of %d", n, forged)
		}
	})
}

// TestHelperKinds: a helper may be an address alone, and what is neither is refused.
func TestHelperKinds(t *testing.T) {
	d := destination(t, 1)
	names := book{}
	w := newWorld(t, Config{Lookup: names.lookup, Save: names.save})
	c := w.client()
	if _, body := c.ask("http://new.i2p/?i2paddresshelper=" + d.B32()); strings.Contains(body, `value="save"`) || !strings.Contains(body, `value="once"`) {
		t.Errorf("an address alone: %s", body)
	}
	w.site(d.B32(), hello)
	if _, body := c.get("http://" + d.B32() + "/?i2paddresshelper=" + d.Base64()); body != "hello /" {
		t.Errorf("a helper for its own address: %s", body)
	}
	for _, value := range []string{"", "x", "x.i2p", "127.0.0.1", d.Base64()[1:], d.Base64() + "AAAA", "a.b32.i2p", strings.Repeat("A", 9000), "%00", "%zz"} {
		if resp, _ := c.get("http://new.i2p/?i2paddresshelper=" + value); resp.StatusCode != 400 {
			t.Errorf("%q: %s", value, resp.Status)
		}
	}
	for _, query := range []string{
		"name=new.i2p&to=" + d.B32() + "&on=" + url.QueryEscape(`javascript:alert(1)`),
		"name=new.i2p&to=" + d.B32() + "&on=" + url.QueryEscape(`http://new.i2p.clearnet.example/`),
		"name=proxy.i2p&to=" + d.B32() + "&on=" + url.QueryEscape(`http://proxy.i2p/`),
		"name=%3Cb%3E&to=" + d.B32() + "&on=" + url.QueryEscape(`http://<b>/`),
		"name=localhost&to=" + d.B32() + "&on=" + url.QueryEscape(`http://localhost/`),
		"name=" + d.B32() + "&to=" + d.B32() + "&on=http://" + d.B32() + "/", "%zz", "",
	} {
		if resp, _ := c.get("http://proxy.i2p/helper?" + query); resp.StatusCode != 404 {
			t.Errorf("%q: %s", query, resp.Status)
		}
	}
}

// TestOnceBound: names that are known for a while are not more than many.
func TestOnceBound(t *testing.T) {
	var h helpers
	for i := range 3 * maxOnce {
		h.remember(itoa(uint16(i+1000))+".i2p", "x")
	}
	if len(h.once) != maxOnce || len(h.order) != maxOnce || h.lookup("1000.i2p") != "" {
		t.Errorf("%d names, %d in order", len(h.once), len(h.order))
	}
}

// TestEscaped: what a stranger writes is text on every page.
func TestEscaped(t *testing.T) {
	d := destination(t, 1)
	names := book{}
	w := newWorld(t, Config{Lookup: names.lookup, Save: names.save, Jump: []string{"http://jump.i2p/?a=", "javascript:alert(1)//", "https://clearnet.example/"}})
	c := w.client()
	_, body := c.ask("http://new.i2p/'onclick='alert(1)?x&i2paddresshelper=" + d.Base64())
	if strings.Contains(body, "'onclick") || !strings.Contains(body, "&#39;onclick") {
		t.Error(body)
	}
	resp, body := c.get("http://nobody.i2p/", "Accept: text/html")
	checkPage(t, resp, body)
	if resp, _ := c.get("http://proxy.i2p/<script>", "Accept: text/html"); resp.StatusCode != 400 {
		t.Error(resp.Status)
	}
	c = w.client()
	if resp, body := c.get("http://proxy.i2p/", "Accept: text/html"); resp.StatusCode != 200 || !strings.Contains(body, "Helpers: Asked") {
		t.Errorf("%s: %s", resp.Status, body)
	} else {
		checkPage(t, resp, body)
	}
	if _, body := c.get("http://proxy.i2p/"); !strings.Contains(body, "Requests: ") || strings.Contains(body, "<") {
		t.Error(body)
	}
}

// TestJumps: where a name is not known, a page links to the plan's services, else to the router's, and asks none.
func TestJumps(t *testing.T) {
	router := func(name string) []Link { return []Link{{"A & B", "http://router.i2p/?a=" + name}} }
	for what, tt := range map[string]struct {
		cfg         Config
		shown, kept string
	}{
		"the plan's":   {Config{Jump: []string{"http://plan.i2p/?a="}, Jumps: router}, `href="http://plan.i2p/?a=nobody.i2p"`, "router.i2p"},
		"the router's": {Config{Jumps: router}, `<a href="http://router.i2p/?a=nobody.i2p" rel="noreferrer">A &amp; B</a>`, "plan.i2p"},
		"none":         {Config{}, "No address book", "href=\"http://router"},
	} {
		names := book{}
		tt.cfg.Lookup, tt.cfg.Save = names.lookup, names.save
		w := newWorld(t, tt.cfg)
		if _, body := w.client().get("http://nobody.i2p/", "Accept: text/html"); !strings.Contains(body, tt.shown) || strings.Contains(body, tt.kept) {
			t.Errorf("%s: %s", what, body)
		}
	}
}
