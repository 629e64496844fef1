package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"
)

// IntFlag defines what Int makes a flag of.
type IntFlag urfave.IntFlag

// DurationFlag defines what Duration makes a flag of.
type DurationFlag urfave.DurationFlag

// Forever is the longest time that a flag can name.
const Forever = 365 * 24 * time.Hour

// Int is a flag whose value is a whole number from least to most.
func Int(least, most int, f IntFlag) Flag {
	flag := urfave.IntFlag(f)
	return &checkedFlag{&flag, checks{read: func(s string) (string, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil && !isRange(err) {
			return "", fmt.Errorf("%q is no whole number", s)
		}
		if err != nil || n < int64(least) || n > int64(most) {
			return "", fmt.Errorf("%s is not within %d to %d", s, least, most)
		}
		return strconv.FormatInt(n, 10), nil
	}}}
}

// Duration is a flag whose value is a duration from least to most.
func Duration(least, most time.Duration, f DurationFlag) Flag {
	flag := urfave.DurationFlag(f)
	return &checkedFlag{&flag, checks{read: func(s string) (string, error) {
		return readDuration(least, most, s, "")
	}}}
}

// Timeout is a flag that says how long something may take.
func Timeout(f DurationFlag) Flag { return Duration(time.Millisecond, Forever, f) }

// Seconds is a flag whose value is a duration too, in which a number without a unit is one
// of seconds.
func Seconds(least, most time.Duration, f DurationFlag) Flag {
	flag := urfave.DurationFlag(f)
	return &checkedFlag{&flag, checks{read: func(s string) (string, error) {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return readDuration(least, most, s, "s")
		}
		return readDuration(least, most, s, "")
	}}}
}

// readDuration reads a duration of which the unit may be implied.
func readDuration(least, most time.Duration, s, unit string) (string, error) {
	d, err := time.ParseDuration(s + unit)
	if err != nil {
		if _, err := strconv.ParseFloat(s, 64); err == nil && unit == "" {
			return "", fmt.Errorf("%s has no unit, such as %ss or %sm", s, s, s)
		}
		return "", fmt.Errorf("%q is no duration such as 30s or 1h30m", s)
	}
	if d < least || d > most {
		return "", fmt.Errorf("%s is not within %s to %s", s, short(least), short(most))
	}
	return d.String(), nil
}

// short is a duration without what is nought: 720h instead of 720h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// OneOf is a flag whose value is one of a few words, in upper or lower case.
func OneOf(f StringFlag, words ...string) Flag {
	return &checkedFlag{&f, checks{values: words, read: func(s string) (string, error) {
		i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, s) })
		if i < 0 {
			return "", fmt.Errorf("%q is none of %s", s, strings.Join(words, ", "))
		}
		return words[i], nil
	}}}
}

// Checked is a flag whose value check accepts or says what is wrong with. A shell completes
// it with values.
func Checked(f StringFlag, check func(string) error, values ...string) Flag {
	return &checkedFlag{&f, checks{values: values, read: readChecked(check)}}
}

// WrittenDirectory is a flag that names a directory to write to, which stdout is not.
func WrittenDirectory(f StringFlag) Flag {
	return Checked(f, func(name string) error {
		if name == "-" {
			return errors.New("- is stdout, and no directory; ./- is one of that name")
		}
		return nil
	})
}

// CheckedList is Checked for a flag that may be repeated.
func CheckedList(f StringSliceFlag, check func(string) error, values ...string) Flag {
	return &checkedList{&f, checks{values: values, read: readChecked(check)}}
}

// CommaList is a flag whose value is several, with commas between them, each of which check
// accepts or says what is wrong with. A shell completes the last of them with values.
func CommaList(f StringFlag, check func(string) error, values ...string) Flag {
	return &checkedFlag{&f, checks{values: values, commas: true, read: func(s string) (string, error) {
		for one := range strings.SplitSeq(s, ",") {
			if err := check(one); err != nil {
				return "", err
			}
		}
		return s, nil
	}}}
}

func readChecked(check func(string) error) func(string) (string, error) {
	return func(s string) (string, error) { return s, check(s) }
}

// Values are the values of a flag that takes no other, or that it is mostly given.
func Values(f Flag) []string {
	if c, ok := f.(checked); ok {
		return c.checked().values
	}
	return nil
}

// checks are what a flag knows of its values.
type checks struct {
	// read gives the value in the form that urfave/cli reads, or says what is wrong with it,
	// beginning with the value.
	read   func(string) (string, error)
	values []string
	commas bool // between several of them
}

func (c *checks) checked() *checks { return c }

// checked is a flag that knows which values it takes.
type checked interface{ checked() *checks }

type checkedFlag struct {
	documented
	checks
}

// checkedList is one that may be repeated. It has the flag's own methods, of which
// urfave/cli needs one to leave the commas in a value alone.
type checkedList struct {
	*StringSliceFlag
	checks
}

// documented is what urfave/cli's help and manual pages want of a flag.
type documented interface {
	urfave.DocGenerationFlag
	urfave.CategorizableFlag
}

// takesValue tells whether a flag is followed by a value.
func takesValue(f Flag) bool {
	doc, ok := f.(urfave.DocGenerationFlag)
	return ok && doc.TakesValue()
}
