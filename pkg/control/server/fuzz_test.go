package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
)

// yes is a router that agrees to all that its socket makes of a request, but has no room for
// destinations.
type yes struct{ Node }

func (yes) Reload(context.Context) (control.Reloaded, error) { return control.Reloaded{}, nil }

func (yes) Reseed(context.Context, []string) (control.Reseed, error) { return control.Reseed{}, nil }

func (yes) LogLevel() string { return "info" }

func (yes) ChangeLogLevel(string) error { return nil }

func (yes) Stop() {}

func (yes) StopGracefully() {}

func (yes) StopNow() {}

func (yes) Lookup(context.Context, string, i2p.Hash) (control.Record, error) {
	return control.Record{}, nil
}

func (yes) Trace(context.Context, string, i2p.Hash) control.Trace { return control.Trace{} }

func (yes) Explore(context.Context, int) control.Explored { return control.Explored{} }

func (yes) Store(context.Context, control.Store) (control.Stored, error) {
	return control.Stored{}, nil
}

func (yes) OpenDestination(context.Context, DestinationConfig) (Destination, error) {
	return nil, control.Errorf(control.Busy, "no more")
}

// FuzzRequests: whatever is asked, in whatever JSON, has one answer: JSON, and where it is a
// refusal with a code.
func FuzzRequests(f *testing.F) {
	paths := []string{"lookup", "trace", "explore", "reload", "reseed", "stop", "log-level", "sessions", "sessions/a/connect", "sessions/a/accept", "sessions/a/streams/1/end", "sessions/a/datagrams", "store", "sessions/a/ping", "sessions/a/key"}
	for i, v := range []any{
		control.Lookup{Kind: control.KindLeaseSet, Hash: i2p.HashOf(nil).String(), TimeoutMillis: 1},
		control.Lookup{Kind: control.KindRouterInfo, Hash: i2p.HashOf(nil).String(), TimeoutMillis: 1}, control.Explore{Searches: 1, TimeoutMillis: 1}, struct{}{},
		control.ReseedNow{Sources: []string{"https://a.example/"}}, control.Stop{Now: true}, control.LogLevel{Level: "debug"},
		control.Open{Key: []byte("key"), Listen: []uint16{1}, Options: map[string]string{"inbound.length": "1"}},
		control.Connect{Destination: "a.i2p", Port: 1}, control.Accept{Port: 1}, struct{}{}, control.Datagrams{Port: 1, Protocols: []string{"raw"}, Destination: "a.i2p"},
		control.Store{StoreType: 3, Data: []byte("entry"), Copies: 1},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
	}
	f.Add(byte(7), []byte(`{"key":"AAAA","listen":[70000]}`))
	f.Add(byte(0), []byte(`{"kind":"leaseset"}{}`))
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		s := &Server{node: yes{}, limits: Limits{}.withDefaults()}
		path, method := paths[int(which)%len(paths)], http.MethodPost
		if path == "log-level" {
			method = http.MethodPut
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, method, "http://router/v1/"+path, bytes.NewReader(body))
		r.Header.Set("Upgrade", control.UpgradeProtocol)
		if path == "sessions/a/datagrams" {
			r.Header.Set("Upgrade", control.UpgradeDatagrams)
		}
		w := httptest.NewRecorder()
		s.serve(w, r)
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s %s: %d %q", path, body, w.Code, w.Body.Bytes())
		}
		if code, _ := answer["code"].(string); (w.Code >= 300) != (code != "") || code == string(control.Internal) {
			t.Errorf("%s %s: %d %q", path, body, w.Code, w.Body.Bytes())
		}
		if w.Code >= 300 && s.Stats().Failed != 1 {
			t.Errorf("%s: %d is not counted", path, w.Code)
		}
	})
}
