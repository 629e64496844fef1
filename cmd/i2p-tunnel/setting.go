package main

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/forward/plan"
)

var errSecret = errors.New("secrets are for files, which add and -s @FILE take: everybody sees a command line")

// seen refuses what everybody would see who looks at the processes of this machine.
func seen(text string) error {
	switch key, _, _ := strings.Cut(text, "="); strings.TrimSpace(key) {
	case "ircserver.password", "ircserver.cloak":
		return fmt.Errorf("%s: %w", key, errSecret)
	}
	return nil
}

// set gives a plan the value of a key by its name in a file of plans: listen, http.jump,
// options.inbound.length. Values of lists have commas between them, and are added to those that
// are there.
func set(p *plan.Plan, key, value string) error {
	field, rest := fieldOf(reflect.ValueOf(p).Elem(), key)
	if !field.IsValid() {
		return fmt.Errorf("%q is no setting of a forward%s", key, didYouMean(key))
	}
	if err := setField(field, rest, value); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// fieldOf finds the field that a key names, and what of the key is left: the name of an option.
func fieldOf(v reflect.Value, key string) (field reflect.Value, rest string) {
	name, rest, deeper := strings.Cut(key, ".")
	for i := range v.NumField() {
		tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ",")
		if tag != name || tag == "-" {
			continue
		}
		f := v.Field(i)
		if f.Kind() == reflect.Map {
			if rest == "" {
				break
			}
			return f, rest
		}
		settings := f
		if f.Kind() == reflect.Pointer {
			settings = f.Elem()
			if f.IsNil() {
				settings = reflect.New(f.Type().Elem()).Elem()
			}
		}
		if settings.Kind() != reflect.Struct {
			if deeper {
				break
			}
			return f, ""
		}
		inner, left := fieldOf(settings, rest)
		if inner.IsValid() && f.Kind() == reflect.Pointer && f.IsNil() {
			f.Set(settings.Addr()) // what is about to be set is a field of it
		}
		return inner, left
	}
	return reflect.Value{}, ""
}

// setField reads a value as its field has it.
func setField(f reflect.Value, option, value string) error {
	switch to := f.Addr().Interface().(type) {
	case *map[string]string:
		if *to == nil {
			*to = make(map[string]string)
		}
		(*to)[option] = value
		return nil
	case *[]string:
		all := parts(value)
		if len(all) == 0 {
			return fmt.Errorf("it has no value")
		}
		*to = append(*to, all...)
		return nil
	case *[]int:
		for _, part := range parts(value) {
			n, err := strconv.Atoi(part)
			if err != nil {
				return fmt.Errorf("%q is no number", part)
			}
			*to = append(*to, n)
		}
		return nil
	case *[]plan.Outproxy:
		for _, part := range parts(value) {
			host, socks := strings.CutPrefix(part, "socks://")
			*to = append(*to, plan.Outproxy{Host: host, SOCKS: socks})
		}
		return nil
	case *[]plan.Account:
		return fmt.Errorf("they are for a file of plans")
	case *plan.Duration:
		return to.UnmarshalText([]byte(value))
	}
	switch f.Kind() {
	case reflect.String:
		f.SetString(value)
	case reflect.Bool:
		yes, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		f.SetBool(yes)
	case reflect.Int:
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("%q is no number", value)
		}
		f.SetInt(int64(n))
	default:
		panic("a plan has a field of type " + f.Type().String())
	}
	return nil
}

// parts are the values of a list.
func parts(value string) (all []string) {
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// settingNames are all keys, for completion and for what may have been meant.
func settingNames() []string { return namesIn(reflect.TypeFor[plan.Plan](), "") }

func namesIn(t reflect.Type, prefix string) (all []string) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ",")
		inner := t.Field(i).Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case name == "-":
		case inner.Kind() == reflect.Struct:
			all = append(all, namesIn(inner, prefix+name+".")...)
		default:
			all = append(all, prefix+name)
		}
	}
	return all
}

// didYouMean names a key that ends or begins as one does that is none.
func didYouMean(key string) string {
	short := strings.TrimSuffix(key[strings.LastIndexByte(key, '.')+1:], "s")
	for _, name := range settingNames() {
		last := name[strings.LastIndexByte(name, '.')+1:]
		if short != "" && strings.HasPrefix(last, short) {
			return fmt.Sprintf(" (did you mean %s?)", name)
		}
	}
	return ""
}
