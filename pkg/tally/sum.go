package tally

import (
	"fmt"
	"reflect"
)

// Add adds to the numbers of one struct of counts those of another, and of the
// structs within. Numbers without a sign are totals; those with one tell what
// there is at the moment.
func Add[T any](to *T, from T) {
	sum(reflect.ValueOf(to).Elem(), reflect.ValueOf(from), true)
}

// AddTotals is Add for what has ended: only its totals go on to count.
func AddTotals[T any](to *T, from T) {
	sum(reflect.ValueOf(to).Elem(), reflect.ValueOf(from), false)
}

func sum(to, from reflect.Value, moment bool) {
	switch to.Kind() {
	case reflect.Struct:
		if d, ok := to.Addr().Interface().(*Durations); ok {
			d.Add(from.Interface().(Durations))
			return
		}
		for i := range to.NumField() {
			sum(to.Field(i), from.Field(i), moment)
		}
	case reflect.Uint64:
		to.SetUint(to.Uint() + from.Uint())
	case reflect.Int:
		if moment {
			to.SetInt(to.Int() + from.Int())
		}
	default:
		panic(fmt.Sprintf("tally: %s is no count", to.Type()))
	}
}
