package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/fetch"
)

// TestDiagnoseClock: nothing is said of clocks before they were compared, not even where the
// server is not one whom we trust.
func TestDiagnoseClock(t *testing.T) {
	for _, tt := range []struct {
		name string
		date string // of the server's answer; empty: it tells none
		tls  bool
		want step
	}{
		{"right", time.Now().UTC().Format(http.TimeFormat), false, step{"clock", true, "agrees with the server's"}},
		{"ahead", time.Now().Add(72*time.Hour + time.Minute).UTC().Format(http.TimeFormat), false, step{"clock", false, "the server's is 3d ahead of ours"}},
		{"behind", time.Now().Add(-5*time.Hour - time.Minute).UTC().Format(http.TimeFormat), false, step{"clock", false, "the server's is 5h behind ours"}},
		{"silent", "", false, step{}},
		{"distrusted", time.Now().Add(72*time.Hour + time.Minute).UTC().Format(http.TimeFormat), true, step{"clock", false, "the server's is 3d ahead of ours"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil
				if tt.date != "" {
					w.Header().Set("Date", tt.date)
				}
				w.WriteHeader(http.StatusForbidden)
			})
			server := httptest.NewUnstartedServer(handler)
			server.Config.ErrorLog = nil
			if tt.tls {
				server.StartTLS()
			} else {
				server.Start()
			}
			defer server.Close()
			found, err := diagnose(t.Context(), fetch.Config{Trust: new(reseed.Trust)}, []string{server.URL})
			if err != nil {
				t.Fatal(err)
			}
			var clock step
			for _, s := range found[0].Steps {
				if s.Name == "clock" {
					clock = s
				}
			}
			if clock.Name != tt.want.Name || clock.OK != tt.want.OK || !strings.HasPrefix(clock.Text, tt.want.Text) {
				t.Errorf("%+v, expected %+v; all: %+v", clock, tt.want, found[0].Steps)
			}
			last := found[0].Steps[len(found[0].Steps)-1]
			if want := map[bool]string{true: "tls", false: "http"}[tt.tls]; last.Name != want || last.OK {
				t.Errorf("the last step is %+v, expected %s", last, want)
			}
		})
	}
}
