package buf

import (
	"bytes"
	"testing"
)

func TestBuf(t *testing.T) {
	before := InUse()
	b := Copy([]byte("body"))
	copy(b.Prepend(2), "h:")
	copy(b.Append(2), ":t")
	if got := string(b.Bytes()); got != "h:body:t" {
		t.Fatalf("contents %q", got)
	}
	b.Slice(2, 6)
	if got := string(b.Bytes()); got != "body" {
		t.Fatalf("sliced contents %q", got)
	}
	if InUse() != before+1 {
		t.Fatalf("%d in use, want %d", InUse(), before+1)
	}
	b.Release()
	if InUse() != before {
		t.Fatalf("%d in use after release, want %d", InUse(), before)
	}
}

func TestClasses(t *testing.T) {
	for _, n := range []int{0, 1, 1024, 1088, 1089, 2112, 2113, 4000, Max} {
		b := Get(n)
		if b.Len() != n {
			t.Errorf("Get(%d) has length %d", n, b.Len())
		}
		copy(b.Prepend(Headroom), bytes.Repeat([]byte{1}, Headroom))
		copy(b.Append(Tailroom), bytes.Repeat([]byte{2}, Tailroom))
		b.Release()
	}
}

// TestRoom: what has room stays where it is, else it moves; the contents are the same.
func TestRoom(t *testing.T) {
	before := InUse()
	for _, n := range []int{0, 100, 2000} {
		for _, room := range [][2]int{{0, 0}, {Headroom, Tailroom}, {Headroom + 1, 0}, {0, 3000}, {1200, 16}} {
			b := Get(n)
			for i := range b.Bytes() {
				b.Bytes()[i] = byte(i)
			}
			want := bytes.Clone(b.Bytes())
			fits := room[0] <= Headroom && room[1] <= Tailroom
			wide := b.Room(room[0], room[1])
			if !bytes.Equal(wide.Bytes(), want) || fits && wide != b {
				t.Errorf("%d bytes with room %v: %d bytes, the same buffer: %t", n, room, wide.Len(), wide == b)
			}
			wide.Prepend(room[0])
			wide.Append(room[1])
			wide.Release()
		}
	}
	if n := InUse(); n != before {
		t.Errorf("%d buffers were never released", n-before)
	}
}

// TestMemory: but for the smallest, a buffer takes little more than twice what it was asked for.
func TestMemory(t *testing.T) {
	for n := 1100; n <= Max; n += 100 {
		b := Get(n)
		if b.Cap() > 2*(n+Headroom+Tailroom)+Headroom+Tailroom {
			t.Errorf("%d bytes lie in %d", n, b.Cap())
		}
		b.Release()
	}
}

func TestMisuse(t *testing.T) {
	for name, f := range map[string]func(){
		"too large":      func() { Get(Max + 1) },
		"double release": func() { b := Get(1); b.Release(); b.Release() },
		"headroom":       func() { b := Get(1); defer b.Release(); b.Prepend(Headroom + 1) },
		"slice":          func() { b := Get(1); defer b.Release(); b.Slice(0, 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
