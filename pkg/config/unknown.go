package config

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/BurntSushi/toml"
)

// unknownKey makes the error for a key that no setting has. The toml package knows the
// key's line but tells it only in errors of its own: so the text is decoded once more into
// a type that knows this one key and refuses its value.
func unknownKey(text []byte, key toml.Key) error {
	t := reflect.TypeFor[refusal]()
	for i := len(key) - 1; i >= 0; i-- {
		t = reflect.StructOf([]reflect.StructField{{
			Name: "Key", Type: t, Tag: reflect.StructTag(fmt.Sprintf("toml:%q", key[i])),
		}})
	}
	_, err := toml.Decode(string(text), reflect.New(t).Interface())
	var at toml.ParseError
	if errors.As(err, &at) && at.Position.Line > 0 {
		return fmt.Errorf("line %d: unknown key %q", at.Position.Line, key.String())
	}
	return fmt.Errorf("unknown key %q", key.String())
}

// refusal is a value that never decodes.
type refusal struct{}

// UnmarshalTOML refuses.
func (*refusal) UnmarshalTOML(any) error { return errors.New("unknown key") }
