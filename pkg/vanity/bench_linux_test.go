package vanity

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/sign"
)

// speed is what one measurement found, in candidates per second.
type speed struct {
	clock float64 // by the clock
	cpu   float64 // by the processor time that each thread was given, summed over threads
}

// TestBench measures all kernels against Go's crypto/sha256 in alternation, and prints the
// medians; scripts/bench-vanity runs it.
func TestBench(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("I2P_BENCH_VANITY"))
	if rounds < 1 {
		t.Skip("SKIPPED: a measurement, not a test: scripts/bench-vanity runs it")
	}
	type contestant struct {
		name string
		run  func() speed
	}
	contestants := []contestant{{"crypto/sha256, 391 bytes", plainSpeed}, {"crypto/sha256, midstate", searchSpeed(t, portableKernel(), 1)}}
	for _, k := range nativeKernels() {
		for threads := 1; threads <= 2; threads++ {
			name := fmt.Sprintf("%s, threads: %d", k.Name, threads)
			contestants = append(contestants, contestant{name, searchSpeed(t, k, threads)})
		}
	}
	found := make([][]speed, len(contestants))
	for range rounds {
		for i, c := range contestants {
			found[i] = append(found[i], c.run())
		}
	}
	fmt.Printf("%-26s %12s %12s %8s %12s\n", "medians", "MH/s, clock", "MH/s, CPU", "x plain", "x one thread")
	for i, c := range contestants {
		var clock, cpu, plain, one []float64
		for r, s := range found[i] {
			clock, cpu = append(clock, s.clock/1e6), append(cpu, s.cpu/1e6)
			plain = append(plain, s.cpu/found[0][r].cpu)
			one = append(one, s.cpu/found[max(0, i-1)][r].cpu)
		}
		fmt.Printf("%-26s %12.2f %12.2f %8.2f", c.name, median(clock), median(cpu), median(plain))
		if i >= 2 && i%2 == 1 {
			fmt.Printf(" %12.2f", median(one))
		}
		fmt.Println()
	}
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// measure calls do, which tries some candidates, for a while.
func measure(do func() uint64) (s speed) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	do()
	start, used := time.Now(), threadTime()
	for n := uint64(0); ; {
		n += do()
		if took := time.Since(start); took > 150*time.Millisecond {
			return speed{float64(n) / took.Seconds(), float64(n) / (threadTime() - used).Seconds()}
		}
	}
}

// threadTime is the processor time that this thread has used: on a busy machine it is
// fairer than the clock.
func threadTime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		panic(err)
	}
	return time.Duration(now.Nano())
}

func plainSpeed() speed {
	var dest [destinationLen]byte
	n, hits := uint32(0), 0
	return measure(func() uint64 {
		for range 10000 {
			n++
			binary.BigEndian.PutUint32(dest[nonceAt:], n)
			if sum := sha256.Sum256(dest[:]); sum[0]|sum[1]|sum[2]|sum[3] == 0 {
				hits++
			}
		}
		return 10000
	})
}

func search(t *testing.T, k *Kernel) *Search {
	p, err := NewPatterns([]string{"impossible"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSearch(destination(t, sign.EdDSA_SHA512_Ed25519), p, k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// searchSpeed is that of whole searches, as i2p-keygen vanity does them.
func searchSpeed(t *testing.T, k *Kernel, threads int) func() speed {
	return func() (sum speed) {
		s := search(t, k)
		var all sync.WaitGroup
		each := make([]speed, threads)
		for i := range threads {
			all.Go(func() {
				w, unit := s.NewWorker(), uint64(i)<<32
				each[i] = measure(func() uint64 {
					unit++
					_, tried := w.Unit(t.Context(), unit)
					return tried
				})
			})
		}
		all.Wait()
		for _, one := range each {
			sum.clock += one.clock
			sum.cpu += one.cpu
		}
		return sum
	}
}
