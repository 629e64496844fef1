package metrics

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"i2ptoolkit/pkg/tally"
)

// row makes metrics of one name out of fields of a struct.
type row struct {
	name   string // without the "i2p_" that all begin with
	help   string
	labels string // their names, "kind,direction"; empty: there is one field and no label
	fields string // "exploratory,in=ExploratoryIn …": the labels' values, and the field
}

// part is a struct of counts of which there are several, and what tells it from
// the others.
type part[T any] struct {
	name   string
	counts T
}

// collector reads structs of counts and tells of their fields.
type collector[T any] struct {
	read    func() []part[T]
	metrics []metric
	named   bool // there may be several parts, and a label tells which
}

// metric is one field.
type metric struct {
	desc   *prometheus.Desc
	index  []int
	labels []string
}

// newCollector panics where the table and the struct do not agree: a field that
// nobody has described, or a description without a field, is a fault of this package.
func newCollector[T any](table []row, read func() T) prometheus.Collector {
	return newParts(table, "", func() []part[T] { return []part[T]{{counts: read()}} })
}

// newParts is newCollector for several parts, which a label tells one from the other.
func newParts[T any](table []row, label string, read func() []part[T]) prometheus.Collector {
	c := &collector[T]{read: read, named: label != ""}
	t := reflect.TypeFor[T]()
	left := leaves(t, "")
	for _, r := range table {
		var names []string
		if r.labels != "" {
			names = strings.Split(r.labels, ",")
		}
		if c.named {
			names = append(names, label)
		}
		desc := prometheus.NewDesc("i2p_"+r.name, r.help, names, nil)
		for f := range strings.FieldsSeq(r.fields) {
			m := metric{desc: desc}
			if values, field, labelled := strings.Cut(f, "="); labelled {
				m.labels, f = strings.Split(values, ","), field
			}
			i := slices.Index(left, f)
			if i < 0 {
				panic(fmt.Sprintf("metrics: %s: %v has no field %s that is not told of already", r.name, t, f))
			}
			left = slices.Delete(left, i, i+1)
			m.index = indexOf(t, f)
			c.metrics = append(c.metrics, m)
		}
	}
	if len(left) > 0 {
		panic(fmt.Sprintf("metrics: nothing tells of %v's %s", t, strings.Join(left, ", ")))
	}
	return c
}

// leaves are the paths of a struct's fields, "DB.Routers". Those of an embedded
// struct are as the struct's own.
func leaves(t reflect.Type, prefix string) (out []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported():
		case f.Anonymous:
			out = append(out, leaves(f.Type, prefix)...)
		case f.Type.Kind() == reflect.Struct && !isValue(f.Type):
			out = append(out, leaves(f.Type, prefix+f.Name+".")...)
		case f.Type.Kind() == reflect.String: // no number
		default:
			out = append(out, prefix+f.Name)
		}
	}
	return out
}

// isValue tells of structs that are a number, or a distribution.
func isValue(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[tally.Durations]()
}

func indexOf(t reflect.Type, path string) (index []int) {
	for name := range strings.SplitSeq(path, ".") {
		f, _ := t.FieldByName(name)
		index, t = append(index, f.Index...), f.Type
	}
	return index
}

// Describe is prometheus.Collector's.
func (c *collector[T]) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		ch <- m.desc
	}
}

// Collect is prometheus.Collector's.
func (c *collector[T]) Collect(ch chan<- prometheus.Metric) {
	for _, p := range c.read() {
		v := reflect.ValueOf(p.counts)
		for _, m := range c.metrics {
			if c.named {
				m.labels = append(slices.Clone(m.labels), p.name)
			}
			ch <- m.of(v.FieldByIndex(m.index))
		}
	}
}

// of gives the field's value: what has no sign is a total, other numbers are as
// they are now, what is true is 1, moments are Unix times, and 0 where they have not been.
func (m metric) of(v reflect.Value) prometheus.Metric {
	switch n := v.Interface().(type) {
	case uint64:
		return prometheus.MustNewConstMetric(m.desc, prometheus.CounterValue, float64(n), m.labels...)
	case int:
		return prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, float64(n), m.labels...)
	case bool:
		is := 0.0
		if n {
			is = 1
		}
		return prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, is, m.labels...)
	case time.Time:
		at := 0.0
		if !n.IsZero() {
			at = float64(n.UnixMilli()) / 1000
		}
		return prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, at, m.labels...)
	case tally.Durations:
		buckets, below := make(map[float64]uint64), uint64(0)
		for i, bound := range tally.Bounds() {
			below += n.In[i]
			buckets[bound.Seconds()] = below
		}
		return prometheus.MustNewConstHistogram(m.desc, n.Count(), n.Sum.Seconds(), buckets, m.labels...)
	}
	panic(fmt.Sprintf("metrics: %s is no number", v.Type()))
}

// gather is a collector made of functions.
type gather struct {
	describe []*prometheus.Desc
	collect  func(each func(prometheus.Metric))
}

// Describe is prometheus.Collector's.
func (g gather) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range g.describe {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (g gather) Collect(ch chan<- prometheus.Metric) {
	g.collect(func(m prometheus.Metric) { ch <- m })
}
