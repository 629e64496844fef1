package simtest

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"i2ptoolkit/pkg/node"
)

// scrape reads a node's metrics as Prometheus does.
func scrape(t *testing.T, n *node.Node) (families map[string]*dto.MetricFamily, text string) {
	t.Helper()
	b := n.Metrics()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return families, string(b)
}

// metric is the sum of a family's values, over all labels.
func metric(families map[string]*dto.MetricFamily, name string) (sum float64) {
	for _, m := range families[name].GetMetric() {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

// TestMetricsNameNobody: the metrics of routers that carry streams say how much, and not whose: no
// destination, no peer and no address is in them.
func TestMetricsNameNobody(t *testing.T) {
	simulate(t, worldConfig{routers: 8, seed: 31}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, 5*time.Minute)
		a, b := open(t, w.nodes[5], 2, 2), open(t, w.nodes[6], 2, 2)
		ready(t, b, time.Minute)
		defer serve(t, b)()
		if err := transfer(t.Context(), a, b, content(31, 64<<10)); err != nil {
			t.Fatal(err)
		}
		secrets := []string{a.Destination().B32(), b.Destination().B32(), a.Destination().Base64()[:40], a.Destination().Hash().String(), b.Destination().Hash().String()}
		for i, n := range w.nodes {
			ri, err := n.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(secrets, ri.Hash().String(), ri.Hash().String()[:8], w.addrs[i].String())
		}
		address := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`)
		coded := regexp.MustCompile(`[a-z2-7]{52}|[A-Za-z0-9~+/-]{40}`)
		for i, n := range w.nodes {
			families, text := scrape(t, n)
			for _, s := range secrets {
				if strings.Contains(text, s) {
					t.Errorf("router %d tells of %s", i, s)
				}
			}
			for _, f := range families {
				for _, m := range f.GetMetric() {
					for _, l := range m.GetLabel() {
						_, err := netip.ParseAddr(l.GetValue())
						if err == nil || address.MatchString(l.GetValue()) || coded.MatchString(l.GetValue()) {
							t.Errorf("router %d: %s has the label %s=%q", i, f.GetName(), l.GetName(), l.GetValue())
						}
					}
				}
			}
			counted := []string{
				"i2p_tunnel_builds_total", "i2p_tunnel_build_seconds", "i2p_transport_received_bytes_total", "i2p_transport_sessions",
				"i2p_netdb_routers", "i2p_tunnels", "i2p_profile_peers",
			}
			if n == w.nodes[5] {
				counted = append(counted, "i2p_tunnel_end_delivered_total", "i2p_destinations", "i2p_destinations_opened_total", "i2p_destination_messages_total", "i2p_destination_lease_sets_total",
					"i2p_destination_garlic_sealed_total", "i2p_streams_opened_total", "i2p_stream_packets_total", "i2p_stream_round_trip_seconds", "i2p_netdb_lookup_seconds")
				if got := metric(families, "i2p_stream_bytes_total"); got != 64<<10+32 {
					t.Errorf("%v bytes of streams", got)
				}
			}
			for _, name := range counted {
				if metric(families, name) == 0 {
					t.Errorf("router %d: %s is 0", i, name)
				}
			}
		}
	})
}
