package metrics

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	export "github.com/VictoriaMetrics/metrics"

	"i2ptoolkit/pkg/tally"
)

// family is all that is told under one name.
type family struct {
	name, help string
	samples    []sample
}

// sample is a number, a moment or a distribution, and what tells it from the
// others of its family.
type sample struct {
	labels []label
	value  any // uint64, int, bool, time.Time, tally.Durations
}

type label struct{ name, value string }

// kind is the type of a family in Prometheus's words: what has no sign is a
// total, and what is neither that nor a distribution is as it is now.
func (f family) kind() string {
	switch f.samples[0].value.(type) {
	case uint64:
		return "counter"
	case tally.Durations:
		return "histogram"
	}
	return "gauge"
}

// write gives the family in the text format
// (https://prometheus.io/docs/instrumenting/exposition_formats).
func (f family) write(w io.Writer) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind())
	for _, s := range f.samples {
		s.write(w, f.name)
	}
}

// write gives a line of the sample, or those of its buckets: what is true is 1,
// moments are Unix times, and 0 where they have not been.
func (s sample) write(w io.Writer, name string) {
	switch v := s.value.(type) {
	case uint64:
		export.WriteCounterUint64(w, s.called(name), v)
	case int:
		export.WriteGaugeFloat64(w, s.called(name), float64(v))
	case bool:
		n := uint64(0)
		if v {
			n = 1
		}
		export.WriteGaugeUint64(w, s.called(name), n)
	case time.Time:
		at := int64(0)
		if !v.IsZero() {
			at = v.UnixMilli()
		}
		fmt.Fprintf(w, "%s %d.%03d\n", s.called(name), at/1000, at%1000)
	case tally.Durations:
		below := uint64(0)
		for i, bound := range tally.Bounds() {
			below += v.In[i]
			export.WriteCounterUint64(w, s.called(name+"_bucket", label{"le", fmt.Sprint(bound.Seconds())}), below)
		}
		export.WriteCounterUint64(w, s.called(name+"_bucket", label{"le", "+Inf"}), v.Count())
		export.WriteCounterFloat64(w, s.called(name+"_sum"), v.Sum.Seconds())
		export.WriteCounterUint64(w, s.called(name+"_count"), v.Count())
	default:
		panic(fmt.Sprintf("metrics: %s: %T is no number", name, v))
	}
}

// called is a name with the sample's labels, and with more. The escapes of the
// text format are those of Go's strings.
func (s sample) called(name string, more ...label) string {
	var labels []string
	for _, l := range append(slices.Clone(s.labels), more...) {
		labels = append(labels, fmt.Sprintf("%s=%q", l.name, l.value))
	}
	if len(labels) == 0 {
		return name
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}

// sorted brings families, and the samples in them, into an order that stays from
// one reading to the next, and puts together what has one name.
func sorted(families []family) (out []family) {
	slices.SortStableFunc(families, func(a, b family) int { return strings.Compare(a.name, b.name) })
	for _, f := range families {
		if len(f.samples) == 0 {
			continue
		}
		if last := len(out) - 1; last >= 0 && out[last].name == f.name {
			out[last].samples = append(out[last].samples, f.samples...)
		} else {
			out = append(out, f)
		}
	}
	for _, f := range out {
		for _, s := range f.samples {
			slices.SortFunc(s.labels, func(a, b label) int { return strings.Compare(a.name, b.name) })
		}
		slices.SortFunc(f.samples, func(a, b sample) int {
			return slices.CompareFunc(a.labels, b.labels, func(a, b label) int { return cmp.Compare(a.value, b.value) })
		})
	}
	return out
}
