package vanity

import (
	"crypto/sha256"
	"testing"
)

// TestKernels compares every kernel of this machine with crypto/sha256.
func TestKernels(t *testing.T) {
	native := nativeKernels()
	if len(native) == 0 {
		t.Log("no native kernel for this processor")
	}
	for _, k := range native {
		if !k.check() {
			t.Errorf("%s differs from crypto/sha256", k.Name)
		}
		t.Log(k.Name)
	}
	all := Kernels()
	if len(all) != len(native)+1 || !all[len(all)-1].check() {
		t.Errorf("%d kernels are usable, expected %d", len(all), len(native)+1)
	}
}

// TestCheck sees that the check at the start notices a wrong word anywhere.
func TestCheck(t *testing.T) {
	for i := 0; i < batchLen; i += 13 {
		wrong := &Kernel{Name: "wrong", run: func(b *batch, nonce uint32) {
			scalar(b, nonce)
			if i%2 == 0 {
				b.first[i] ^= 1 << 31
			} else {
				b.last[i] ^= 1
			}
		}}
		if wrong.check() {
			t.Fatalf("a wrong word at %d is not noticed", i)
		}
	}
	if k := (&Kernel{Name: "right", run: scalar}); !k.check() {
		t.Fatal("the scalar compression function differs from crypto/sha256")
	}
}

// scalar is a kernel without any art.
func scalar(b *batch, nonce uint32) {
	b.prepare(nonce)
	for i, s := range b.midstates {
		s = s.block(&b.kw5)
		s = s.block(&b.kw6)
		b.first[i], b.last[i] = s[0], s[7]
	}
}

func TestPortable(t *testing.T) {
	var template [destinationLen]byte
	template[7], template[383] = 1, 2
	b, p := newBatch(&template), newPortable(&template)
	b.begin(&Kernel{}, 5)
	for i := range batchLen {
		d := b.destination(i, 0xdeadbeef)
		if got := p.of(&b.midstates[i], 0xdeadbeef); [32]byte(got) != sha256.Sum256(d[:]) {
			t.Fatalf("midstate %d: %x", i, got)
		}
	}
}

func TestAnyMatch(t *testing.T) {
	var list [batchLen]uint32
	for i := range list {
		if anyMatch(&list, 0xfff00000, 0xabc00000) {
			t.Fatal("matches nothing")
		}
		list[i] = 0xabcdef01
		if !anyMatch(&list, 0xfff00000, 0xabc00000) {
			t.Fatalf("does not match word %d", i)
		}
		list[i] = 0xabc
	}
}

func BenchmarkKernel(b *testing.B) {
	var template [destinationLen]byte
	for _, k := range nativeKernels() {
		b.Run(k.Name, func(b *testing.B) {
			x := newBatch(&template)
			x.begin(k, 0)
			for nonce := uint32(0); b.Loop(); nonce++ {
				k.run(x, nonce)
			}
			b.ReportMetric(float64(batchLen)*float64(b.N)/b.Elapsed().Seconds()/1e6, "MH/s")
		})
	}
}
