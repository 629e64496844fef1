package profile

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/origin"
)

func sampleTable() *Table {
	table := New(Config{Rand: seeded(1)})
	for i := range 50 {
		table.BuildAccepted(testTime, peer(i), time.Duration(i)*time.Millisecond)
		table.TunnelTested(testTime, peer(i), i%2 == 0, 2*time.Second, 3)
		table.ConnectFailed(testTime, peer(i%7))
		table.Queried(testTime, peer(i), i%3 == 0)
		table.BuildRejected(testTime, peer(i%5))
		table.Reached(testTime, peer(i%11), origin.HostOf(netip.MustParseAddr("2001:db8::1")))
	}
	return table
}

func TestFile(t *testing.T) {
	a := sampleTable().AppendTo(nil, testTime)
	table, skipped, err := Parse(Config{}, a, testTime)
	if err != nil || skipped != 0 || table.Len() != 50 {
		t.Fatal(skipped, err)
	}
	if b := table.AppendTo(nil, testTime); !bytes.Equal(a, b) {
		t.Fatal("written again, the file differs")
	}
	damaged := strings.Replace(string(a), " served", " serve", 1) + "half a li"
	if table, skipped, err = Parse(Config{}, []byte(damaged), testTime); err != nil || skipped != 2 || table.Len() != 49 {
		t.Fatal(skipped, err, table.Len())
	}
	if _, _, err := Parse(Config{}, []byte("{}"), testTime); err == nil {
		t.Fatal("another file is taken")
	}
	// A clock that was ahead when it was written bans nobody for ever.
	table, _, _ = Parse(Config{}, a, testTime.Add(-1000*time.Hour))
	if table.Unreachable(testTime.Add(-997*time.Hour), peer(1)) {
		t.Fatal("still banned")
	}
}

func FuzzParse(f *testing.F) {
	whole := sampleTable().AppendTo(nil, testTime)
	f.Add(bytes.Join(bytes.SplitAfter(whole, []byte{0x0a})[:3], nil))
	f.Add([]byte(fileHeader + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		table, _, err := Parse(Config{MaxPeers: 64}, b, testTime)
		if err != nil {
			if table != nil {
				t.Fatal("a table beside an error")
			}
			return
		}
		once := table.AppendTo(nil, testTime)
		again, skipped, err := Parse(Config{MaxPeers: 64}, once, testTime)
		if err != nil || skipped != 0 || !bytes.Equal(again.AppendTo(nil, testTime), once) {
			t.Fatal("what was written does not read back the same")
		}
	})
}
