package plan

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// mismatch finds a value that is of another kind than its setting, and says what was expected and what came: the
// toml package would tell it in the words of Go. Unknown keys are passed over.
func mismatch(value any, t reflect.Type, key toml.Key) (at toml.Key, why string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner, known := within(t, name)
			if !known {
				continue
			}
			if at, why := mismatch(v[name], inner, append(key[:len(key):len(key)], name)); why != "" {
				return at, why
			}
		}
	case []map[string]any:
		for _, one := range v {
			if at, why := mismatch(one, elem(t), key); why != "" {
				return at, why
			}
		}
	case []any:
		for _, one := range v {
			if _, why := mismatch(one, elem(t), key); why != "" && t.Kind() == reflect.Slice {
				return key, "expected " + kind(t) + "; got a list with " + kindOf(one)
			}
		}
	}
	if _, table := value.(map[string]any); table && isText(t) {
		return key, `expected text; got a table: a name with a dot in it is in quotes, as in "inbound.length" = "2"`
	}
	if !takes(t, value) {
		return key, "expected " + kind(t) + "; got " + kindOf(value)
	}
	return nil, ""
}

// within is the type of a setting in a table.
func within(t reflect.Type, name string) (inner reflect.Type, known bool) {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem(), true
	case reflect.Struct:
		for i := range t.NumField() {
			tag, _, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ",")
			if strings.EqualFold(tag, name) {
				return t.Field(i).Type, true
			}
		}
	}
	return nil, false
}

func elem(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return t
}

func isText(t reflect.Type) bool {
	return t.Kind() == reflect.String || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// takes tells whether a value is of a setting's kind.
func takes(t reflect.Type, value any) bool {
	switch value.(type) {
	case string:
		return isText(t)
	case bool:
		return t.Kind() == reflect.Bool
	case int64:
		return t.Kind() == reflect.Int && !isText(t)
	case map[string]any:
		return t.Kind() == reflect.Struct || t.Kind() == reflect.Map
	case []map[string]any:
		return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
	case []any:
		return t.Kind() == reflect.Slice
	}
	return false
}

// kind says what a setting takes.
func kind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Duration]():
		return `a time such as "20m"`
	case isText(t):
		return "text"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.String:
			return "a list of texts"
		case reflect.Int:
			return "a list of whole numbers"
		}
		return "a list of tables"
	}
	return "a table"
}

// kindOf says what a value is.
func kindOf(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("the text %.40q", v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case bool:
		return fmt.Sprint(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "a list of tables"
	}
	return "a date"
}
