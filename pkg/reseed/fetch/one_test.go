package fetch

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/reseedtest"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/su3"
)

// signer is somebody who signs bundles. ECDSA keys are made faster than RSA keys.
type signer struct {
	su3.Signer
	cert []byte
}

func newSigner(t testing.TB, id string, from, until time.Time) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id}, NotBefore: from, NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return signer{su3.Signer{ID: id, Key: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// valid is a signer whose certificate holds today.
func valid(t testing.TB, id string) signer {
	return newSigner(t, id, time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0))
}

func trustOf(t testing.TB, signers ...signer) *reseed.Trust {
	t.Helper()
	trust := new(reseed.Trust)
	for _, s := range signers {
		if err := trust.Add(s.cert); err != nil {
			t.Fatal(err)
		}
	}
	return trust
}

func routers(t testing.TB, seed byte, n, netID int) []*routerinfo.RouterInfo {
	t.Helper()
	var out []*routerinfo.RouterInfo
	err := reseedtest.Routers(reseedtest.Config{Seed: seed, Count: n, Now: time.Now(), NetID: netID}, func(ri *routerinfo.RouterInfo) error {
		out = append(out, ri)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func zipOf(t testing.TB, infos []*routerinfo.RouterInfo) []byte {
	t.Helper()
	b, err := reseedtest.Zip(infos...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s signer) bundle(t testing.TB, made time.Time, infos []*routerinfo.RouterInfo) []byte {
	t.Helper()
	h := su3.Header{Version: strconv.FormatInt(made.Unix(), 10), FileType: su3.ZIP, ContentType: su3.Reseed}
	b, err := su3.Sign(s.Signer, h, zipOf(t, infos))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serve is an HTTPS server on loopback that gives one answer.
func serve(t testing.TB, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(answer)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func gives(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write(b) }
}

func roots(servers ...*httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, s := range servers {
		pool.AddCert(s.Certificate())
	}
	return pool
}

// TestOne: what a server is asked, and what it says of a good bundle.
func TestOne(t *testing.T) {
	s := valid(t, "one@mail.i2p")
	infos := routers(t, 1, 20, 2)
	infos = append(infos, routers(t, 2, 3, 7)...)
	made := time.Now().Add(-3 * time.Hour).Truncate(time.Second)
	body := s.bundle(t, made, infos)
	var asked *http.Request
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		w.Write(body)
	})
	for _, url := range []string{server.URL, server.URL + "/", server.URL + "/i2pseeds.su3?netid=5"} {
		report, got, err := One(t.Context(), Config{Trust: trustOf(t, s), RootCAs: roots(server)}, url)
		if err != nil {
			t.Fatal(err)
		}
		if asked.UserAgent() != "Wget/1.11.4" || asked.RequestURI != "/i2pseeds.su3?netid=2" || asked.Header.Get("Accept-Encoding") != "" {
			t.Errorf("the server is asked %s as %q, %v", asked.RequestURI, asked.UserAgent(), asked.Header)
		}
		if len(got) != 20 || report.Result != OK || report.Found != 23 || report.Accepted != 20 || report.New != 20 ||
			report.Rejected["network 7, expected 2"] != 3 || report.Signer != "one@mail.i2p" || report.Status != 200 ||
			report.Bytes != int64(len(body)) || !report.Made.Equal(made) || report.Age() < 3*time.Hour || report.Age() > 4*time.Hour {
			t.Errorf("%s: %d RouterInfos, %+v", url, len(got), report)
		}
		if want := "20 RouterInfos, 3 rejected: 3 network 7, expected 2"; report.Reason != want {
			t.Errorf("reason %q, expected %q", report.Reason, want)
		}
	}
}

// failure is an answer, and what must come of it.
type failure struct {
	answer http.HandlerFunc
	want   Result
	text   string
	code   int
}

// badAnswers are those of HTTP.
func badAnswers() map[string]failure {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	return map[string]failure{
		"400": {status(400), Status, "HTTP 400: the server does not serve network 2", 400},
		"403": {status(403), Status, "HTTP 403: the server does not serve our address", 403},
		"404": {status(404), Status, "HTTP 404: there is no bundle at this URL", 404},
		"418": {status(418), Status, "HTTP 418: the server takes us for a crawler", 418},
		"503": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(503)
		}, Status, `HTTP 503: the server is overloaded, or has no bundles now (retry after "120")`, 503},
		"429":         {status(429), Status, "HTTP 429: our network asked too often", 429},
		"502":         {status(502), Status, "HTTP 502: the server is broken", 502},
		"402":         {status(402), Status, "HTTP 402: payment required", 402},
		"302 nowhere": {status(302), Status, "HTTP 302: a redirect to nowhere", 302},
		"to http": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/x", http.StatusFound)
		}, Redirect, "a redirect to http://127.0.0.1:1: only https is followed", 0},
		"in circles": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/i2pseeds.su3", http.StatusFound)
		}, Redirect, "more than 3 redirects", 0},
	}
}

// badBodies are those that have no bundle whole.
func badBodies(good []byte) map[string]failure {
	return map[string]failure{
		"HTML":      {gives([]byte("\n <!DOCTYPE html><title>Log in</title>")), NotSU3, "a web page, not a bundle", 200},
		"text":      {gives([]byte("hello there")), NotSU3, `not a su3 file: it begins with "hello th"`, 200},
		"empty":     {gives(nil), NotSU3, "an empty answer", 200},
		"truncated": {gives(good[:len(good)-1]), Truncated, "", 200},
		"header":    {gives(good[:30]), Truncated, "", 200},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(good)))
			w.Write(good[:100])
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, Truncated, fmt.Sprintf("the answer is cut off after 100 of %d bytes", len(good)), 200},
		"oversized": {func(w http.ResponseWriter, _ *http.Request) {
			for range reseed.MaxBundle/1024 + 1 {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}, TooLarge, "more than the", 200},
		"announced size": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(reseed.MaxBundle+1))
		}, TooLarge, "more than the", 200},
		"broken off early": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Broken, "the connection broke: no answer", 0},
	}
}

// badBundles are those that nobody must believe.
func badBundles(t *testing.T, s, expired signer, infos []*routerinfo.RouterInfo) map[string]failure {
	t.Helper()
	now := time.Now().UTC()                                           // whose days all have 24 hours
	stranger, forger := valid(t, "stranger@mail.i2p"), valid(t, s.ID) // the name, but not the key
	good := s.bundle(t, now, infos)
	news, err := su3.Sign(s.Signer, su3.Header{Version: "1", FileType: su3.XML, ContentType: su3.News}, []byte("<feed/>"))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]failure{
		"zip":            {gives(zipOf(t, infos)), NotSU3, "a zip that nobody signed", 200},
		"news":           {gives(news), Malformed, "expected reseed data", 200},
		"changed":        {gives(append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1)), Signature, "", 200},
		"trailing":       {gives(append(bytes.Clone(good), 0)), Malformed, "after the signature", 200},
		"another's key":  {gives(forger.bundle(t, now, infos)), Signature, "", 200},
		"unknown signer": {gives(stranger.bundle(t, now, infos)), Signer, `unknown signer: "stranger@mail.i2p"`, 200},
		"expired signer": {gives(expired.bundle(t, now, infos)), Expired, "that of old@mail.i2p expired on", 200},
		"stale":          {gives(s.bundle(t, now.AddDate(0, 0, -40), infos)), Old, "made 40 days ago, at most 30 days are taken", 200},
		"of the future":  {gives(s.bundle(t, now.Add(30*time.Hour), infos)), Clock, "ahead of our time, though the server's clock agrees with ours", 200},
		"no clock":       {dated(time.Time{}, s.bundle(t, now.Add(30*time.Hour), infos)), Clock, "ahead of our time: is this machine's clock right?", 200},
		"clock behind":   {dated(now.Add(31*time.Hour+time.Minute), s.bundle(t, now.Add(30*time.Hour), infos)), Clock, "the server's clock is 31 hours ahead of ours: is this machine's clock right?", 200},
		"clock ahead":    {dated(now.AddDate(0, 0, -50), s.bundle(t, now.AddDate(0, 0, -51), infos)), Clock, "made 51 days ago; the server's clock is 50 days behind ours: is this machine's clock right?", 200},
		"both are old":   {dated(now.AddDate(0, 0, -5), s.bundle(t, now.AddDate(0, 0, -40), infos)), Old, "made 40 days ago, at most 30 days are taken", 200},
		"other network":  {gives(s.bundle(t, now, routers(t, 3, 4, 7))), Nothing, "none of 4 RouterInfos is of use: 4 network 7, expected 2", 200},
		"no RouterInfos": {gives(s.bundle(t, now, nil)), Nothing, "no RouterInfos in it", 200},
	}
}

// dated gives a body as a server does whose clock says at; zero: it tells none.
func dated(at time.Time, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		if !at.IsZero() {
			w.Header().Set("Date", at.UTC().Format(http.TimeFormat))
		}
		w.Write(body)
	}
}

// TestFailures: each has a result and a line of its own, and no RouterInfos.
func TestFailures(t *testing.T) {
	s := valid(t, "one@mail.i2p")
	expired := newSigner(t, "old@mail.i2p", time.Now().AddDate(-2, 0, 0), time.Now().AddDate(0, 0, -1))
	trust, infos := trustOf(t, s, expired), routers(t, 1, 5, 2)
	all := badAnswers()
	maps.Copy(all, badBodies(s.bundle(t, time.Now(), infos)))
	maps.Copy(all, badBundles(t, s, expired, infos))
	for name, tt := range all {
		t.Run(name, func(t *testing.T) {
			server := serve(t, tt.answer)
			report, got, err := One(t.Context(), Config{Trust: trust, RootCAs: roots(server)}, server.URL)
			if err == nil || len(got) > 0 || report.Result != tt.want || report.Status != tt.code || report.Accepted != 0 {
				t.Errorf("%d RouterInfos, %+v, error %v; expected %s", len(got), report, err, tt.want)
			}
			if !strings.Contains(report.Reason, tt.text) || strings.ContainsAny(report.Reason, "\r\n") || report.Reason == "" {
				t.Errorf("reason %q, expected %q", report.Reason, tt.text)
			}
			if report.Result.Unreached() {
				t.Errorf("%s counts as unreached", report.Result)
			}
		})
	}
}

// TestSignerOfRefusedBundle: the report says whose it is, also where it is refused.
func TestSignerOfRefusedBundle(t *testing.T) {
	stranger := valid(t, "stranger@mail.i2p")
	server := serve(t, gives(stranger.bundle(t, time.Now(), routers(t, 1, 2, 2))))
	report, _, _ := One(t.Context(), Config{Trust: new(reseed.Trust), RootCAs: roots(server)}, server.URL)
	if report.Signer != "stranger@mail.i2p" || report.Made.IsZero() {
		t.Errorf("%+v", report)
	}
}

// TestRedirect: a good one is followed, with the same user agent.
func TestRedirect(t *testing.T) {
	s := valid(t, "one@mail.i2p")
	body := s.bundle(t, time.Now(), routers(t, 1, 5, 2))
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.UserAgent() != UserAgent:
			w.WriteHeader(403)
		case r.URL.Path == "/there":
			w.Write(body)
		default:
			http.Redirect(w, r, "/there", http.StatusMovedPermanently)
		}
	})
	if report, got, err := One(t.Context(), Config{Trust: trustOf(t, s), RootCAs: roots(server)}, server.URL); err != nil || len(got) != 5 {
		t.Errorf("%d RouterInfos, %+v, %v", len(got), report, err)
	}
}
