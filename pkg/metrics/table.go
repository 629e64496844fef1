package metrics

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

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

// telling is a row whose fields have been found.
type telling struct {
	row
	fields []field
}

// field is one of a struct, and the values of its labels.
type field struct {
	index  []int
	labels []label
}

// newReader panics where the table and the struct do not agree: a field that
// nobody has described, or a description without a field, is a fault of this package.
func newReader[T any](table []row, read func() T) reader {
	return newParts(table, "", func() []part[T] { return []part[T]{{counts: read()}} })
}

// newParts is newReader for several parts, which a label tells one from the other.
func newParts[T any](table []row, name string, read func() []part[T]) reader {
	tellings := resolve(table, reflect.TypeFor[T]())
	return func() []family {
		parts := read()
		out := make([]family, len(tellings))
		for i, t := range tellings {
			out[i] = family{name: "i2p_" + t.name, help: t.help}
			for _, p := range parts {
				v := reflect.ValueOf(p.counts)
				for _, f := range t.fields {
					s := sample{slices.Clone(f.labels), v.FieldByIndex(f.index).Interface()}
					if name != "" {
						s.labels = append(s.labels, label{name, p.name})
					}
					out[i].samples = append(out[i].samples, s)
				}
			}
		}
		return out
	}
}

// resolve finds the fields of which a table tells, each once and none left over.
func resolve(table []row, t reflect.Type) (out []telling) {
	left := leaves(t, "")
	for _, r := range table {
		names := strings.Split(r.labels, ",")
		to := telling{row: r}
		for path := range strings.FieldsSeq(r.fields) {
			var labels []label
			if values, rest, labelled := strings.Cut(path, "="); labelled {
				path = rest
				for i, v := range strings.Split(values, ",") {
					labels = append(labels, label{names[i], v})
				}
			}
			i := slices.Index(left, path)
			if i < 0 {
				panic(fmt.Sprintf("metrics: %s: %v has no field %s that is not told of already", r.name, t, path))
			}
			left = slices.Delete(left, i, i+1)
			to.fields = append(to.fields, field{indexOf(t, path), labels})
		}
		out = append(out, to)
	}
	if len(left) > 0 {
		panic(fmt.Sprintf("metrics: nothing tells of %v's %s", t, strings.Join(left, ", ")))
	}
	return out
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
