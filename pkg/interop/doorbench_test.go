//go:build linux

package interop

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/processors"
)

// TestBenchDoors measures what programs get through SAM and I2CP, of i2pd and of ours in alternation, in one network
// whose hops are i2pd's. Only scripts/bench-doors runs it.
func TestBenchDoors(t *testing.T) {
	if os.Getenv("I2P_BENCH_DOORS") == "" {
		t.Skip("measures for minutes: use scripts/bench-doors")
	}
	rounds := setting(t, "I2P_BENCH_DOORS", strconv.Atoi)
	mb := setting(t, "I2P_BENCH_MB", decimal)
	ctx := gate(t, time.Duration(rounds+1)*10*time.Minute)
	defer processors.Follow()()
	b := &doorBench{t: t, size: int(mb * 1e6)}
	b.start(ctx)
	names := []string{"i2pd", "ours"}
	streams := []string{"i2pd's by i2pd's", "ours by ours", "ours by i2pd's", "i2pd's by ours"} // whose is opened, by whose
	sam, doors := make([][]Measurement, 4), make([][]Measurement, 4)
	sessions, hopSessions, datagrams := make([][]float64, 2), make([][]float64, 2), make([][]datagramFigures, 2)
	var styles [3][2][]datagramFigures
	kinds := os.Getenv("I2P_BENCH_DOORS_OF")
	all := kinds == ""
	if kinds == "cross" {
		at := func(kind, i int) doorAt { return doorAt{b.n.Namespace, b.ends[kind][i].sam} }
		for _, style := range []string{"DATAGRAM", "RAW"} {
			f, err := b.n.measureDatagrams(ctx, at(1, 1), at(0, 0), style, TunnelOptions(doorHops, doorTunnels))
			t.Logf("%s from ours to i2pd's: %+v, %v", style, f, err)
			f, err = b.n.measureDatagrams(ctx, at(0, 1), at(1, 0), style, TunnelOptions(doorHops, doorTunnels))
			t.Logf("%s from i2pd's to ours: %+v, %v", style, f, err)
		}
		return
	}
	if kinds == "trips" {
		b.allTrips(ctx, rounds)
		return
	}
	for round := range rounds {
		for i, ends := range [][2]int{{0, 0}, {1, 1}, {1, 0}, {0, 1}} {
			if all || kinds == "sam" {
				note(ctx, b, &sam[i], round, "SAM, "+streams[i], func(ctx context.Context) (Measurement, error) { return b.sam(ctx, ends[0], ends[1]) })
			}
			if all || kinds == "i2cp" {
				note(ctx, b, &doors[i], round, "I2CP, "+streams[i], func(ctx context.Context) (Measurement, error) { return b.i2cp(ctx, ends[0], ends[1]) })
			}
		}
		for i, name := range names {
			if all || kinds == "sessions" {
				note(ctx, b, &sessions[i], round, "sessions, "+name, func(ctx context.Context) (float64, error) { return b.sessions(ctx, i, 0, doorSessions) })
			}
			if all || kinds == "sessions" || kinds == "hopsessions" {
				note(ctx, b, &hopSessions[i], round, "sessions of a hop, "+name, func(ctx context.Context) (float64, error) { return b.sessions(ctx, i, 1, doorHopSessions) })
			}
			if all || kinds == "datagrams" {
				note(ctx, b, &datagrams[i], round, "datagrams, "+name, func(ctx context.Context) (datagramFigures, error) { return b.datagrams(ctx, i, "DATAGRAM") })
			}
			for j, style := range otherStyles {
				if kinds == "styles" {
					note(ctx, b, &styles[j][i], round, style+", "+name, func(ctx context.Context) (datagramFigures, error) { return b.datagrams(ctx, i, style) })
				}
			}
		}
	}
	fmt.Print("SAM streams: ", medians(streams, streams[0], benchColumns0, sam))
	fmt.Print("I2CP streams: ", medians(streams, streams[0], benchColumns0, doors))
	fmt.Print("SAM sessions: ", medians(names, names[0], []figure[float64]{{"a second", "%.1f", func(f float64) float64 { return f }}}, sessions))
	fmt.Print("SAM sessions of one hop each way: ", medians(names, names[0], []figure[float64]{{"a second", "%.1f", func(f float64) float64 { return f }}}, hopSessions))
	fmt.Print("SAM datagrams: ", medians(names, names[0], datagramColumns, datagrams))
	for j, style := range otherStyles {
		fmt.Print("SAM, ", style, ": ", medians(names, names[0], datagramColumns, styles[j][:]))
	}
}

// otherStyles are those of datagrams beside the one that all programs know.
var otherStyles = [...]string{"RAW", "DATAGRAM2", "DATAGRAM3"}

var benchColumns0 = []figure[Measurement]{
	{"RTT ms", "%.2f", func(m Measurement) float64 { return m.RTT.Seconds() * 1000 }},
	{"MB/s to", "%.2f", func(m Measurement) float64 { return m.Up }},
	{"MB/s from", "%.2f", func(m Measurement) float64 { return m.Down }},
	{"CPU ms/MB", "%.1f", func(m Measurement) float64 { return m.CPU }},
}

// note keeps a figure.
func note[R any](ctx context.Context, b *doorBench, all *[]R, round int, what string, measure func(context.Context) (R, error)) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	r, err := measure(ctx)
	if err != nil {
		b.t.Errorf("round %d, %s: %v", round+1, what, err)
		return
	}
	b.t.Logf("round %d, %s: %+v", round+1, what, r)
	*all = append(*all, r)
}

// doorBench is the network of TestBenchDoors: four i2pd routers that are hops, and two ends of each kind.
type doorBench struct {
	t    *testing.T
	size int
	n    *Network
	ends [2][2]doorEnd // i2pd's and ours: who is asked, and who asks
}

// doorEnd are the doors of one router.
type doorEnd struct{ sam, i2cp string }

const (
	doorHops    = 2
	doorTunnels = 2
)

func (b *doorBench) start(ctx context.Context) {
	t := b.t
	t.Helper()
	b.n = network(t, ctx, NetworkConfig{Releases: sids(6), Floodfills: 3, Ends: 2, Each: func(i int, c *I2PDConfig) { c.I2CP = i >= 4 }})
	if err := b.n.AwaitMesh(ctx, time.Minute, 4); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		of := b.n.I2PD[4+i]
		b.ends[0][i] = doorEnd{of.SAM(), fmt.Sprintf("%s:%d", of.Doors, portI2CP)}
		at := fmt.Sprintf("127.0.1.%d", i+1)
		b.ends[1][i] = doorEnd{fmt.Sprintf("%s:%d", at, portSAM), fmt.Sprintf("%s:%d", at, portI2CP)}
		startRouter(t, ctx, b.n, RouterConfig{Name: fmt.Sprintf("ours%d", i), NoTransit: true, LogLevel: os.Getenv("I2P_BENCH_LOG"), TOML: fmt.Sprintf(
			"[sam]\nenabled = true\nlisten = [%q]\nudp = %q\n[i2cp]\nenabled = true\nlisten = [%q]\n", b.ends[1][i].sam, at+":7655", b.ends[1][i].i2cp)})
	}
}

func (b *doorBench) sam(ctx context.Context, asked, by int) (m Measurement, err error) {
	s, end, err := samPair(ctx, doorAt{b.n.Namespace, b.ends[asked][0].sam}, doorAt{b.n.Namespace, b.ends[by][1].sam}, TunnelOptions(doorHops, doorTunnels), Serve)
	if err != nil {
		return m, err
	}
	defer end()
	return b.n.Measure(ctx, s, benchPings, b.size)
}

func (b *doorBench) i2cp(ctx context.Context, asked, by int) (m Measurement, err error) {
	options := TunnelOptions(doorHops, doorTunnels)
	options["i2cp.messageReliability"], options["i2cp.fastReceive"] = "none", "true"
	s, end, err := i2cpPair(ctx, doorAt{b.n.Namespace, b.ends[asked][0].i2cp}, doorAt{b.n.Namespace, b.ends[by][1].i2cp}, options, Serve)
	if err != nil {
		return m, err
	}
	defer end()
	return b.n.Measure(ctx, s, benchPings, b.size)
}

const (
	doorSessions    = 40
	doorHopSessions = 24
	doorAtOnce      = 8
)

// sessions is how many are created a second, until the answer that they are there: with tunnels of no hops what the door
// and the router take, and with hops how soon their builds are answered.
func (b *doorBench) sessions(ctx context.Context, kind, hops, count int) (float64, error) {
	var mu sync.Mutex
	var open []*SAMSession
	var errs []error
	defer func() {
		for _, s := range open {
			s.Close()
		}
	}()
	begun := time.Now()
	var makers sync.WaitGroup
	for range doorAtOnce {
		makers.Go(func() {
			for range count / doorAtOnce {
				s, err := samSession(ctx, b.n.Namespace, b.ends[kind][0].sam, TunnelOptions(hops, 1))
				mu.Lock()
				if err == nil {
					open = append(open, s)
				} else {
					errs = append(errs, err)
				}
				mu.Unlock()
			}
		})
	}
	makers.Wait()
	return float64(len(open)) / time.Since(begun).Seconds(), errors.Join(errs...)
}

// datagramFigures are of repliable datagrams that are sent as fast as the sender's router takes them, and of such that
// are sent at a steady rate.
type datagramFigures struct {
	rate, lost float64 // that arrive a second, and share
	cpu        float64 // ms of all routers for 1000
	steadyLost float64
}

var datagramColumns = []figure[datagramFigures]{
	{"a second", "%.0f", func(f datagramFigures) float64 { return f.rate }},
	{"lost %", "%.2f", func(f datagramFigures) float64 { return 100 * f.lost }},
	{"CPU ms/1000", "%.0f", func(f datagramFigures) float64 { return f.cpu }},
	{"lost % at 200 a second", "%.2f", func(f datagramFigures) float64 { return 100 * f.steadyLost }},
}

const (
	doorDatagrams = 3000
	datagramBytes = 1000
	steadyPause   = 5 * time.Millisecond

	volleyPatience = 5 * time.Second        // for the next one
	volleyLook     = 200 * time.Millisecond // at the processor time
)

func (b *doorBench) datagrams(ctx context.Context, kind int, style string) (datagramFigures, error) {
	at := func(i int) doorAt { return doorAt{b.n.Namespace, b.ends[kind][i].sam} }
	return b.n.measureDatagrams(ctx, at(1), at(0), style, TunnelOptions(doorHops, doorTunnels))
}

// measureDatagrams sends datagrams of a style over the control connections of SAM.
func (n *Network) measureDatagrams(ctx context.Context, from, to doorAt, style string, options map[string]string) (f datagramFigures, err error) {
	var ends [2]*SAMDatagrams
	for i, at := range []doorAt{to, from} {
		if ends[i], err = samDatagrams(ctx, at.ns, at.addr, style, options); err != nil {
			return f, err
		}
		defer ends[i].Close()
	}
	came := make(chan uint32, 2*doorDatagrams)
	go func() {
		defer close(came)
		for {
			_, text, err := ends[0].Receive(ctx)
			if err != nil {
				return
			}
			if len(text) == datagramBytes {
				came <- binary.BigEndian.Uint32([]byte(text))
			}
		}
	}()
	defer ends[0].Close()
	noise := rand.NewChaCha8([32]byte{1}) // which does not compress
	send := func(i uint32) error {
		d := make([]byte, datagramBytes)
		noise.Read(d)
		binary.BigEndian.PutUint32(d, i)
		return ends[1].Send(ends[0].Destination, string(d))
	}
	err = Await(ctx, time.Minute, "a datagram arrives", func(context.Context) error {
		if err := send(0); err != nil {
			return err
		}
		select {
		case <-came:
			return nil
		default:
			return errors.New("none has")
		}
	})
	if err != nil {
		return f, err
	}
	first := uint32(1)
	volley := func(count uint32, pause time.Duration) (rate, lost, cpu float64, err error) {
		begun, spent := time.Now(), n.CPU()
		sent := make(chan error, 1)
		go func() {
			for i := range count {
				if err := send(first + i); err != nil {
					sent <- err
					return
				}
				time.Sleep(pause)
			}
			sent <- nil
		}()
		seen := map[uint32]bool{}
		last := begun
		quiet := time.NewTicker(volleyLook)
		defer quiet.Stop()
		for uint32(len(seen)) < count && time.Since(last) < volleyPatience {
			select {
			case i, open := <-came:
				if !open {
					return 0, 0, 0, errors.New("the receiver's session has ended")
				}
				if i >= first {
					seen[i], last = true, time.Now()
				}
			case <-quiet.C:
				if since := time.Since(last); since < 2*volleyLook { // later they do something else
					cpu = float64((n.CPU() - spent).Milliseconds())
				}
			}
		}
		if uint32(len(seen)) == count {
			cpu = float64((n.CPU() - spent).Milliseconds())
		}
		err = <-sent
		first += count
		return float64(len(seen)) / last.Sub(begun).Seconds(), 1 - float64(len(seen))/float64(count), 1000 * cpu / float64(max(1, len(seen))), err
	}
	if f.rate, f.lost, f.cpu, err = volley(doorDatagrams, 0); err == nil {
		_, f.steadyLost, _, err = volley(doorDatagrams/3, steadyPause)
	}
	return f, err
}
