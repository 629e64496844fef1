package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ntcp2"
)

// heap is what is allocated and in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain awaited: %s", what)
		}
	}
}

// requests makes first messages of NTCP2 handshakes with a node.
type requests struct {
	peer   ntcp2.Peer
	random *rand.ChaCha8
}

func requestsTo(t *testing.T, n *Node) *requests {
	t.Helper()
	ri, err := n.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a := ri.Addresses()[0]
	static, ok1 := a.StaticKey()
	iv, ok2 := a.IV()
	if !ok1 || !ok2 {
		t.Fatal("the node publishes no NTCP2 key")
	}
	return &requests{ntcp2.Peer{Hash: n.hash, Static: static, IV: iv}, rand.NewChaCha8([32]byte{1})}
}

func (r *requests) make(t *testing.T, netID byte, ahead time.Duration) []byte {
	t.Helper()
	var secret [32]byte
	r.random.Read(secret[:])
	hs := ntcp2.NewInitiator(ntcp2.Config{
		Static: noise.NewKeyPair(secret), NetID: netID, Info: make([]byte, 500), Rand: r.random,
	}, r.peer)
	m, err := hs.Start(time.Now().Add(ahead))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// accepted tells whether a first message gets an answer.
func accepted(to string, m []byte) bool {
	c, err := net.Dial("tcp", to)
	if err != nil {
		return false // reset at once: there was no room
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write(m); err != nil {
		return false
	}
	_, err = io.ReadFull(c, make([]byte, 64))
	return err == nil
}

func (r *requests) probes(t *testing.T, replayed []byte) map[string][]byte {
	t.Helper()
	junk := func(n int) []byte {
		b := make([]byte, n)
		r.random.Read(b)
		return b
	}
	out := map[string][]byte{
		"replay": replayed, "replay, cut": replayed[:64], "replay, longer": append(bytes.Clone(replayed), junk(500)...),
		"2 minutes ahead": r.make(t, testNetID, 2*time.Minute), "2 minutes behind": r.make(t, testNetID, -2*time.Minute),
		"another network": r.make(t, testNetID+1, 0),
		"zeros":           make([]byte, 700), "ones": bytes.Repeat([]byte{255}, 700),
		"HTTP": []byte("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"),
		"SSH":  []byte("SSH-2.0-OpenSSH_9.9\r\n" + strings.Repeat("x", 80)),
		"SAM":  []byte("HELLO VERSION MIN=3.0 MAX=3.3\n" + strings.Repeat("PING\n", 20)),
		"TLS":  append([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}, junk(506)...),
	}
	for _, n := range []int{1, 31, 32, 63, 64, 65, 287, 1500, 20000} {
		out[fmt.Sprintf("junk of %d", n)] = junk(n)
	}
	whole := r.make(t, testNetID, 0)
	for _, n := range []int{1, 32, 48, 63} {
		out[fmt.Sprintf("cut to %d", n)] = whole[:n]
	}
	for _, at := range []int{0, 31, 32, 47, 48, 63} {
		b := r.make(t, testNetID, 0)
		b[at] ^= 1 << (at % 7)
		out[fmt.Sprintf("flipped at %d", at)] = b
	}
	return out
}

// prober holds connections open and counts what comes back.
type prober struct {
	to    string
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
	back  atomic.Int64
	log   sync.Map
}

func (p *prober) send(t *testing.T, name string, b []byte, half bool) {
	c, err := net.Dial("tcp", p.to)
	if errors.Is(err, syscall.ECONNRESET) {
		return // there was no room
	}
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.conns = append(p.conns, c)
	p.mu.Unlock()
	p.wg.Go(func() {
		c.Write(b) // the node may have closed already
		if half {
			c.(*net.TCPConn).CloseWrite()
		}
		if n, _ := c.Read(make([]byte, 16)); n > 0 {
			p.back.Add(int64(n))
			p.log.Store(name, n)
		}
	})
}

func (p *prober) wait(t *testing.T) {
	t.Helper()
	p.wg.Wait()
	for _, c := range p.conns {
		c.Close()
	}
	if p.back.Load() > 0 {
		p.log.Range(func(name, n any) bool { t.Errorf("%s: an answer of %d bytes", name, n); return true })
	}
}

// TestNTCP2Junk: whatever comes to the NTCP2 port that is no fresh and whole
// first message, no byte goes back, memory stays bounded, and who is honest
// gets in all the while.
func TestNTCP2Junk(t *testing.T) {
	var log logBuffer
	n, stop := start(t, Config{Settings: settings(t.TempDir()), Log: log.debug()})
	to := n.transport.Addrs()[0].String()
	r := requestsTo(t, n)
	replayed := r.make(t, testNetID, 0)
	if !accepted(to, replayed) {
		t.Fatal("a good first message gets no answer")
	}
	kinds := r.probes(t, replayed) // each sent six times: 3 replays, 2 skewed, then replays too
	p := &prober{to: to}
	before := heap()
	for name, b := range kinds {
		for i := range 6 {
			p.send(t, name, b, i%3 == 0)
		}
	}
	count := func(name string) uint64 { return n.Transports()[0].Counters[name] }
	await(t, "the replays and the skewed to be counted", func() bool {
		// Every second of those that are long enough looks like the begin of a hybrid's, and is waited for: but for
		// the third of them that end there.
		return count("replays") >= 28 && count("skewed") == 2 && count("junk") >= uint64(len(kinds))
	})
	if !accepted(to, r.make(t, testNetID, 0)) {
		t.Error("among the probes a good first message gets no answer")
	}

	// Now many more than the node holds handshakes of. The oldest make room.
	flood := r.probes(t, replayed)["junk of 287"]
	for range 800 {
		p.send(t, "flood", flood, false)
	}
	await(t, "the flood to be turned away", func() bool { return count("refused") > 0 || n.Transports()[0].Pending >= 200 })
	if grown := int64(heap()) - int64(before); grown > 16<<20 {
		t.Errorf("memory grew by %d bytes under %d connections", grown, len(p.conns))
	}
	await(t, "a good first message in the flood", func() bool { return accepted(to, r.make(t, testNetID, 0)) })
	if pending := n.Transports()[0].Pending; pending > 300 {
		t.Errorf("%d handshakes are held", pending)
	}
	t.Logf("%d connections, memory grew by %d bytes, %v", len(p.conns), int64(heap())-int64(before), n.Transports()[0])
	stop()
	p.wait(t)
	if strings.Contains(log.String(), "panic") {
		t.Error(log.String())
	}
}

// controlProbes are what no tool would send to a control socket.
func controlProbes() []string {
	random := rand.NewChaCha8([32]byte{2})
	noise := make([]byte, 10000)
	random.Read(noise)
	post := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: router\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	}
	return []string{
		"", "\x00", "\r\n\r\n\r\n", string(noise), strings.Repeat("A", 1<<20),
		"GET / HTTP/1.1\r\n\r\n", "GET /v1/status HTTP/9.9\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/status HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 1<<20) + "\r\n\r\n",
		"GET /v1/status HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 20000) + "\r\n",
		"POST /v1/lookup HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n{",
		"POST /v1/lookup HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
		"POST /v1/lookup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
		"POST /v1/lookup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
		"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{\"keys\"", // cut off
		post("/v1/lookup", ""), post("/v1/lookup", "null"), post("/v1/lookup", "[]"), post("/v1/lookup", `{"kind":"x"}`),
		post("/v1/lookup", strings.Repeat("[", 60000)), post("/v1/lookup", `{"hash":"`+strings.Repeat("A", 1<<20)+`"}`),
		post("/v1/sessions", `{"keys":"AAAA"}`), post("/v1/sessions", `{"options":{"inbound.length":"-9"}}`),
		post("/v1/sessions", `{"nonsense":1}`), post("/v1/sessions/0/connect", "{}"), post("/v1/sessions/%00/accept", "{}"),
		post("/v1/sessions/1/streams/%2e%2e/end", ""), post("/v1/nothing", ""),
		"PUT /v1/log-level HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n{\"level\":\"loud\"}",
		"DELETE /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v1/wait?for=spring HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/netdb?kind=%ff HTTP/1.1\r\nHost: x\r\n\r\n",
	}
}

// TestControlJunk: nonsense at the control socket harms nobody.
func TestControlJunk(t *testing.T) {
	var log logBuffer
	n, stop := start(t, Config{Settings: settings(t.TempDir()), Log: log.debug()})
	probes := controlProbes()
	before := heap()
	var wg sync.WaitGroup
	for i := range 4 * len(probes) {
		wg.Go(func() {
			c, err := net.Dial("unix", n.control.path)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			// What is cut off waits for more; that is not what is tested here.
			c.SetDeadline(time.Now().Add(500 * time.Millisecond))
			io.WriteString(c, probes[i%len(probes)])
			c.(*net.UnixConn).CloseWrite()
			io.Copy(io.Discard, io.LimitReader(c, 1<<20))
		})
	}
	wg.Wait()
	await(t, "the memory to be given back", func() bool { return int64(heap())-int64(before) <= 16<<20 }) // once all has been read
	router := client.New(n.control.path)
	defer router.Close()
	if st, err := router.Status(t.Context()); err != nil || st.Router != n.hash.String() || st.Clients != 0 {
		t.Errorf("the router answers %+v, %v", st, err)
	}
	router.Close()
	stop()
	if strings.Contains(log.String(), "panic") {
		t.Error(log.String())
	}
}

func (l *logBuffer) debug() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
