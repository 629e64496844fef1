package metrics

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const intro = `# Metrics

A router counts what it does, and tells it at its control socket in the Prometheus text format:

    i2p-router metrics
    curl --unix-socket "$XDG_RUNTIME_DIR/i2p/router.sock" http://router/v1/metrics

There is no TCP listener: who may open the socket may read. For Prometheus, have the node exporter's
textfile collector read what a timer writes, whole or not at all:

    i2p-router metrics > i2p.prom.new && mv i2p.prom.new /var/lib/node_exporter/i2p.prom

No label names a destination, a peer or an address. Totals count from the router's start; seconds and
bytes are what the names say. Beside these there are the usual ` + "`go_…` and `process_…`" + ` of the process that
the router runs in.

| metric | type | labels | what it tells |
|---|---|---|---|
`

// Page documents the metrics of a router, in Markdown.
func (r *Registry) Page() []byte {
	b := bytes.NewBufferString(intro)
	for _, f := range r.families() {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.name, f.kind(), labelText(f), f.help)
	}
	return b.Bytes()
}

// labelText names the labels with their values, but for those that tell what runs.
func labelText(f family) string {
	var names []string
	values := make(map[string][]string)
	for _, s := range f.samples {
		for _, l := range s.labels {
			if !slices.Contains(names, l.name) {
				names = append(names, l.name)
			}
			if v := values[l.name]; !slices.Contains(v, l.value) {
				values[l.name] = append(v, l.value)
			}
		}
	}
	var out []string
	for _, n := range names {
		if f.name == buildInfo {
			out = append(out, n)
		} else {
			out = append(out, n+": "+strings.Join(values[n], ", "))
		}
	}
	return strings.Join(out, "; ")
}
