package cli

import "testing"

func TestPlacesIn(t *testing.T) {
	for usage, want := range map[string][2]int{
		"": {0, 0}, "[FILE|-]": {0, 1}, "FILE|-": {1, 1}, "FILE|-…": {1, -1}, "[FILE|-]…": {0, -1},
		"NAME FILE": {2, 2}, "NAME [FILE]…": {1, -1}, "DEST[:PORT] | DEST PORT": {1, 2},
	} {
		if least, most := placesIn(usage); least != want[0] || most != want[1] {
			t.Errorf("%q: %d to %d, expected %d to %d", usage, least, most, want[0], want[1])
		}
	}
}
