package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// fault is what is wrong with a setting's value.
type fault struct {
	key string
	why string
}

func faultf(key, format string, args ...any) error {
	return &fault{key, fmt.Sprintf(format, args...)}
}

func (f *fault) Error() string { return f.key + ": " + f.why }

// placed says of a fault in which line of the text it is. What stands there not at all, because
// a default does not go with it, has no line.
func placed(text []byte, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	if line := lineOf(text, strings.Split(f.key, ".")); line > 0 {
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

// unknownKey makes the error for a key that no setting has.
func unknownKey(text []byte, key toml.Key) error {
	if line := lineOf(text, key); line > 0 {
		return fmt.Errorf("line %d: unknown key %q", line, key.String())
	}
	return fmt.Errorf("unknown key %q", key.String())
}

// lineOf is where a key stands; 0: nowhere. The toml package knows the key's line but tells it
// only in errors of its own: so the text is decoded once more into a type that knows this one key
// and refuses its value.
func lineOf(text []byte, key []string) int {
	t := reflect.TypeFor[refusal]()
	for _, name := range slices.Backward(key) {
		t = reflect.StructOf([]reflect.StructField{{
			Name: "Key", Type: t, Tag: reflect.StructTag(fmt.Sprintf("toml:%q", name)),
		}})
	}
	_, err := toml.Decode(string(text), reflect.New(t).Interface())
	var at toml.ParseError
	if errors.As(err, &at) {
		return at.Position.Line
	}
	return 0
}

// refusal is a value that never decodes.
type refusal struct{}

// UnmarshalTOML refuses.
func (*refusal) UnmarshalTOML(any) error { return errors.New("refused") }

// plainSyntax says what is wrong with TOML's form in the words that our other errors have.
func plainSyntax(err error) error {
	text := strings.NewReplacer(
		"unexpected EOF; expected", "it ends too early: expected",
		"unexpected EOF", "it ends too early",
		`but got '\x00' instead`, "but it ends there",
		"newline, comment, or EOF", "newline, a comment or the file's end",
		"files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8", "it is in UTF-16, or binary: expected UTF-8",
		"out of range for int64", "out of range",
	).Replace(err.Error())
	return fmt.Errorf("%s", text)
}
