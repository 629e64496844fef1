//go:build linux

package interop

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
)

// figure is one column of a table of medians.
type figure[R any] struct {
	name   string
	format string
	value  func(R) float64
}

// medians prints a row of medians for each kind of what was measured, and their ratios to the first row,
// which is called base. What was never measured is a dash.
func medians[R any](rows []string, base string, figures []figure[R], results [][]R) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "medians\trounds\t")
	for _, f := range figures {
		fmt.Fprint(w, f.name, "\t")
	}
	median := func(row int, f figure[R]) float64 {
		var v []float64
		for _, r := range results[row] {
			v = append(v, f.value(r))
		}
		return Median(v)
	}
	for i, name := range rows {
		fmt.Fprintf(w, "\n%s\t%d\t", name, len(results[i]))
		for _, f := range figures {
			if len(results[i]) == 0 {
				fmt.Fprint(w, "-\t")
				continue
			}
			fmt.Fprintf(w, f.format+"\t", median(i, f))
		}
	}
	for i, name := range rows[1:] {
		fmt.Fprintf(w, "\n%s / %s\t\t", name, base)
		for _, f := range figures {
			ratio := "-"
			if len(results[0]) > 0 && len(results[i+1]) > 0 {
				if first, v := median(0, f), median(i+1, f); first > 0 && v > 0 {
					ratio = fmt.Sprintf("%.2f", v/first)
				}
			}
			fmt.Fprint(w, ratio, "\t")
		}
	}
	fmt.Fprintln(w)
	w.Flush()
	return b.String()
}

// TestMedians: rows, ratios to the first, and a dash for what there is not.
func TestMedians(t *testing.T) {
	columns := []figure[float64]{{"ms", "%.1f", func(f float64) float64 { return f }}}
	got := strings.Join(strings.Fields(medians([]string{"theirs", "ours", "none"}, "theirs", columns, [][]float64{{4, 2, 3}, {1, 2}, nil})), " ")
	if want := "medians rounds ms theirs 3 3.0 ours 2 1.5 none 0 - ours / theirs 0.50 none / theirs -"; got != want {
		t.Errorf("%q", got)
	}
}
