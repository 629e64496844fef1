package config

import (
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// wrongType finds a value that is of another type than its setting, which the toml package would
// tell in the words of Go. Nil: there is none, or the text is no TOML.
func wrongType(text []byte) error {
	var all map[string]any
	if _, err := toml.Decode(string(text), &all); err != nil {
		return nil
	}
	for _, s := range Settings() {
		within := all
		if name := s.Table(); name != "" {
			value, found := fold(all, name)
			table, ok := value.(map[string]any)
			if found && !ok {
				return faultf(name, "expected table [%s]; got %s", name, kindOf(value))
			}
			within = table
		}
		if value, found := fold(within, s.Name()); found && !s.takes(value) {
			return faultf(s.Key, "expected %s; got %s", strings.Replace(s.Type(), "number", "whole number", 1), kindOf(value))
		}
	}
	return nil
}

// fold finds a key as the toml package does, which passes over its case.
func fold(table map[string]any, name string) (value any, found bool) {
	if value, found = table[name]; found {
		return value, true
	}
	for key, value := range table {
		if strings.EqualFold(key, name) {
			return value, true
		}
	}
	return nil, false
}

// takes tells whether a value is of the setting's type.
func (s Setting) takes(value any) bool {
	var ok bool
	switch s.Default.(type) {
	case bool:
		_, ok = value.(bool)
	case int:
		_, ok = value.(int64)
	case string:
		_, ok = value.(string)
	case []string:
		var list []any
		list, ok = value.([]any)
		for _, one := range list {
			_, text := one.(string)
			ok = ok && text
		}
	}
	return ok
}

// kindOf names a value by its kind.
func kindOf(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("the text %.40q", v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case bool:
		return fmt.Sprint(v)
	case []any:
		for _, one := range v {
			if _, text := one.(string); !text {
				return "a list with " + kindOf(one)
			}
		}
		return "a list"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "a list of tables"
	}
	return "a date"
}
