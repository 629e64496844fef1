package cli

import "testing"

func TestBar(t *testing.T) {
	for done, want := range map[float64]string{
		-1:  "[........................]",
		0.5: "[############............]",
		2:   "[########################]",
	} {
		if got := Bar(done); got != want {
			t.Errorf("Bar(%v) = %s, want %s", done, got, want)
		}
	}
}
