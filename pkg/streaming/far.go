package streaming

// far is what the peer keeps: how many packets from the first on that it is
// missing.
type far struct {
	window float64 // packets
	learnt float64 // as of its last overflow
	delay  byte    // the resend delay of its SYN
	known  bool    // that it keeps more than the specification's default
	// blockedTo: no new packets until this is acknowledged (gapChoke).
	blockedTo uint32
}

const (
	// farDefault is a little less than Java keeps: 128 and two (Streaming, "Window
	// Size") of the default size, which are 124 of ours.
	farDefault = 120
	leastFar   = 16
)

// learn tells from an ack whether the peer keeps more than the specification's
// default. Java, which does not, and drops what goes beyond, repeats the resend
// delay of its SYN in each plain ack; the others have one that follows the
// round trip, and none in a plain ack.
func (f *far) learn(p *Packet, most int) {
	if !f.known && f.delay > 0 && p.ResendDelay == 0 && p.SequenceNum == 0 && p.Flags&(Synchronize|Echo) == 0 {
		f.known = true
		f.window = float64(most)
	}
}

// shrink learns from the peer's overflow, with so many packets outstanding, how
// much it takes.
func (f *far) shrink(outstanding int) {
	if n := float64(outstanding); n > 0 {
		f.window = max(min(f.window, n*3/4), leastFar)
		f.learnt = f.window
	}
}

// grow is told of count acknowledged packets. What an overflow has taught holds
// for its moment only, often that of a busy machine: the window grows by a
// packet in the first round trip after it, and twice as fast in each that
// follows.
func (f *far) grow(count float64, most int) {
	if !f.known {
		most = min(most, farDefault)
	}
	f.window = min(f.window+count*max(f.window-f.learnt, 1)/f.window, float64(most))
}
