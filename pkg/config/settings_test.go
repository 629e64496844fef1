package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSettings: every key of the file is described, and nothing else is.
func TestSettings(t *testing.T) {
	all, tables := Settings(), TableDocs()
	if want := len(described()); len(all) != want {
		t.Errorf("there are %d keys, and %d are described", len(all), want)
	}
	for _, s := range all {
		if !slices.Contains([]Reload{AtOnce, WhenOpen, IfBound, NextStart}, s.Reload) {
			t.Errorf("%s: nothing says when a reload makes it hold", s.Key)
		}
		if s.Doc == "" || !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("%s: %q are no sentences", s.Key, s.Doc)
		}
		if tables[s.Table()] == "" {
			t.Errorf("nothing says what [%s] is about", s.Table())
		}
		if _, isNumber := s.Default.(int); isNumber != (s.Most > 0) {
			t.Errorf("%s: a number has a greatest value, and nothing else has", s.Key)
		}
		if s.Least == 0 && s.Most > 100 && s.Unset == "" && s.Key != "reseed.threshold" {
			t.Errorf("%s: what 0 means is not told", s.Key)
		}
	}
}

// TestRanges: every number is refused beyond its range, by its key, and taken at its ends.
func TestRanges(t *testing.T) {
	parse := func(s Setting, value int) error {
		text := "\n" + s.line(value)
		if s.Table() != "" {
			text = "[" + s.Table() + "]" + text
		}
		_, err := Parse([]byte(text))
		return err
	}
	for _, s := range Settings() {
		if s.Most == 0 {
			continue
		}
		for _, v := range []int{s.Least, s.Most} {
			if err := parse(s, v); err != nil {
				t.Errorf("%s = %d: %v", s.Key, v, err)
			}
		}
		for _, v := range []int{s.Least - 1, s.Most + 1} {
			if err := parse(s, v); err == nil || !strings.HasPrefix(err.Error(), "line 2: "+s.Key+": ") {
				t.Errorf("%s = %d: error %v", s.Key, v, err)
			}
		}
	}
}

func TestCommented(t *testing.T) {
	c := Default()
	c.Port, c.Bandwidth.In = 7654, 128
	text := string(c.AppendCommented(nil))
	for _, want := range []string{
		"\n# The port to listen on and to publish. (number, 0 to 65535) 0: drawn from 9000 to 30999 at the first start, and kept in the data directory.\nport = 7654\n",
		"\n[bandwidth]\n\n# A hard limit of what comes in. (number, 0 to 16777216, KBps (1024 bytes a second)) 0: no limit.\nin = 128\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not shown: %s\nbut\n%s", want, text)
		}
	}
	got, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
}

func TestTypes(t *testing.T) {
	want := map[string][2]string{
		"log_level":    {"text: debug, info, warn, error", `"info"`},
		"testnet":      {"true or false", "false"},
		"host":         {"list of texts", "[]"},
		"netid":        {"number, 1 to 255", "2"},
		"reseed.proxy": {"text", `""`},
	}
	for _, s := range Settings() {
		if w, ok := want[s.Key]; ok && !slices.Equal(w[:], []string{s.Type(), s.DefaultText()}) {
			t.Errorf("%s: %s, default %s", s.Key, s.Type(), s.DefaultText())
		}
	}
}
