package main

import (
	"slices"
	"strings"
	"testing"

	"i2ptoolkit/pkg/forward/plan"
)

// TestSet: what is assigned is what a file says.
func TestSet(t *testing.T) {
	const text = `[web]
type = "httpserver"
stopped = true
targets = ["127.0.0.1:80", "unix:/run/web.sock"]
port = 80
[web.access]
allow = ["stats.i2p", "zzz.i2p"]
[web.limits]
per_minute = 7
[web.options]
"inbound.length" = "2"
[web.httpserver]
host = "example.org"
reject_referer = true
post_period = "5m"
[out]
type = "http"
listen = "127.0.0.1:4444"
[out.http]
connect_ports = [443, 22]
outproxies = [{ host = "exit.i2p:8888" }, { host = "orchid.i2p:9050", socks = true }]
`
	want, bad := plan.Parse([]byte(text))
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	for i, settings := range [][]string{
		{"type=http", "listen=127.0.0.1:4444", "http.connect_ports=443, 22", "http.outproxies=exit.i2p:8888,socks://orchid.i2p:9050"},
		{"type=httpserver", "stopped=true", "targets=127.0.0.1:80,unix:/run/web.sock", "port=80", "access.allow=stats.i2p", "access.allow=zzz.i2p",
			"limits.per_minute=7", "options.inbound.length=2", "httpserver.host=example.org", "httpserver.reject_referer=true", "httpserver.post_period=5m"},
	} {
		got := plan.Plan{Name: want[i].Name}
		for _, s := range settings {
			if _, err := assign(&got, s); err != nil {
				t.Error(err)
			}
		}
		if !got.Equal(want[i]) {
			t.Errorf("%+v, want %+v", got, want[i])
		}
	}
	for text, said := range map[string]string{
		"listen":                       "no SETTING=VALUE",
		"=1":                           "no SETTING=VALUE",
		"name=x":                       "is no setting",
		"http=1":                       "is no setting",
		"options=1":                    "is no setting",
		"listen.x=1":                   "is no setting",
		"target=127.0.0.1:80":          "did you mean targets?",
		"host=example.org":             "did you mean httpserver.host?",
		"port=http":                    "is no number",
		"stopped=perhaps":              "neither true nor false",
		"idle_close=soon":              "is no time",
		"http.accounts=me:secret":      "for a file of plans",
		"http.connect_ports=443,https": "is no number",
	} {
		if _, err := assign(new(plan.Plan), text); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v, expected %q", text, err, said)
		}
	}
}

// TestSettingDocs: the manual has every setting, and none that is not there.
func TestSettingDocs(t *testing.T) {
	var documented []string
	for _, e := range settingDocs() {
		documented = append(documented, e.Term)
	}
	names := settingNames()
	slices.Sort(names)
	slices.Sort(documented)
	if !slices.Equal(names, documented) {
		t.Errorf("settings %v\ndocumented %v", names, documented)
	}
}

// TestPlanExample: the file that the page shows is one.
func TestPlanExample(t *testing.T) {
	if plans, bad := plan.Parse([]byte(strings.Join(planExample(), "\n"))); len(bad) > 0 || len(plans) != 2 {
		t.Errorf("%v, %v", plans, bad)
	}
}
