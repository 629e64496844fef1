package ntcp2link

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// BenchmarkTransit has a router pass on what one peer sends to another, over
// loopback. The three ends are in this process: cpu-ns/op is sending, passing on
// and receiving one message.
func BenchmarkTransit(b *testing.B) {
	const window = 128
	slots := make(chan struct{}, window)
	var middle *node
	var last i2p.Hash
	from, to := loopback(b, func(_ i2p.Hash, m i2np.Message) { m.Release(); <-slots })
	last = to.cfg.Self
	middle = onLoopback(b, 3, func(c *settings) {
		c.Events.Deliver = func(_ i2p.Hash, m i2np.Message) {
			if !middle.SendTo(last, m) {
				<-slots
			}
		}
	})
	message := func() i2np.Message {
		o := buf.Get(1028)
		return i2np.Message{Type: i2np.TunnelDataType, Expiration: i2p.DateOf(time.Now().Add(10 * time.Minute)), Body: o.Bytes(), Owner: o}
	}
	slots <- struct{}{}
	if err := middle.Send(to.info.Load(), message()); err != nil {
		b.Fatal(err)
	}
	send := func(n int) {
		for range n {
			slots <- struct{}{}
			if err := from.Send(middle.info.Load(), message()); err != nil {
				b.Fatal(err)
			}
		}
		for range window { // until all have arrived
			slots <- struct{}{}
		}
		for range window {
			<-slots
		}
	}
	send(1000)
	b.SetBytes(1028)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	send(b.N)
	cpu := cpuTime() - before
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/cpu.Seconds(), "msgs/core-s")
}
