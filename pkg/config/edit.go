package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/control"
)

// Edit sets keys in the text of a file and leaves all else as its owner wrote it, comments and order among it. Values
// are of the settings' types. Where a value stands in a way that this cannot follow, such as an inline table, there is
// an error: what comes out says exactly what was in the text, and what is set.
func Edit(text []byte, set map[string]any) ([]byte, error) {
	want, err := Parse(text)
	if err != nil {
		return nil, err
	}
	for _, s := range Settings() {
		value, is := set[s.Key]
		if !is || reflect.DeepEqual(s.of(want), value) {
			continue
		}
		if reflect.TypeOf(value) != reflect.TypeOf(s.Default) {
			return nil, faultf(s.Key, "expected %s; got %T", s.Type(), value)
		}
		had := want
		reflect.ValueOf(&want).Elem().FieldByIndex(s.field).Set(reflect.ValueOf(value))
		if err := want.Check(); err != nil {
			return nil, err
		}
		e := edit{setting: s, line: strings.TrimSuffix(s.line(value), "\n"), had: had, want: want}
		if text = e.in(text); text == nil {
			return nil, faultf(s.Key, "it stands in the file in a way that only its owner can change")
		}
	}
	for key := range set {
		if !slices.ContainsFunc(Settings(), func(s Setting) bool { return s.Key == key }) {
			return nil, faultf(key, "there is no such setting")
		}
	}
	return text, nil
}

// EditFile is Edit of a file, which is made where there is none, and then calls apply: at an error of that the file is
// again as it was. What is wrong with the values is an error that is control.BadData.
func EditFile(path string, set map[string]any, apply func() error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // where the link is to lead still
	}
	before, err := os.ReadFile(path)
	is := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	after, err := Edit(before, set)
	if err != nil {
		return control.Errorf(control.BadData, "%v", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(path, after); err != nil {
		return err
	}
	if err := apply(); err != nil {
		if is {
			return errors.Join(err, atomicfile.WriteBytes(path, before))
		}
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// edit is one change.
type edit struct {
	setting Setting
	line    string // "name = value"
	had     Config
	want    Config
}

// in makes the change; nil: it cannot.
func (e edit) in(text []byte) []byte {
	lines := strings.SplitAfter(string(text), "\n")
	if at := lineOf(text, strings.Split(e.setting.Key, ".")); at > 0 {
		return e.replace(lines, at-1)
	}
	return e.add(lines)
}

// good is the text of the lines, if it says what is wanted.
func (e edit) good(lines ...[]string) []byte { return says(e.want, lines...) }

// says is the text of the lines, if that is what they say.
func says(want Config, lines ...[]string) []byte {
	text := []byte(strings.Join(slices.Concat(lines...), ""))
	got, err := Parse(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		return nil
	}
	return text
}

// maxLines is how many lines a value is looked for in.
const maxLines = 1000

// replace puts the new value where the old one is: from its line to the one at which the text is right again.
func (e edit) replace(lines []string, at int) []byte {
	name, old, found := strings.Cut(lines[at], "=")
	if !found {
		return nil
	}
	_, value, _ := strings.Cut(e.line, " = ")
	line := name + "= " + value
	// A comment behind the value stays: what is before it is the whole value.
	for i := range old {
		if old[i] != '#' || says(e.had, lines[:at], []string{name + "=" + old[:i] + "\n"}, lines[at+1:]) == nil {
			continue
		}
		if text := e.good(lines[:at], []string{line + " " + strings.TrimLeft(old[i:], " ")}, lines[at+1:]); text != nil {
			return text
		}
	}
	for end := at + 1; end <= min(len(lines), at+maxLines); end++ {
		if text := e.good(lines[:at], []string{line + "\n"}, lines[end:]); text != nil {
			return text
		}
	}
	return nil
}

// add writes the key under its table, which is added where there is none.
func (e edit) add(lines []string) []byte {
	line := []string{e.line + "\n"}
	if e.setting.Table() == "" {
		return e.good(line, lines)
	}
	head := "[" + e.setting.Table() + "]"
	for i, l := range lines {
		l, _, _ = strings.Cut(l, "#")
		if strings.ReplaceAll(strings.TrimSpace(l), " ", "") != head {
			continue
		}
		if text := e.good(lines[:i], []string{strings.TrimSuffix(lines[i], "\n") + "\n"}, line, lines[i+1:]); text != nil {
			return text
		}
	}
	last := []byte(strings.Join(lines, ""))
	if len(last) > 0 && !bytes.HasSuffix(last, []byte("\n")) {
		last = append(last, '\n')
	}
	return e.good([]string{fmt.Sprintf("%s\n%s\n", last, head)}, line)
}
