//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

// javaVersion is what scripts/java fetches.
const javaVersion = "2.7.0"

// JavaServing is how long a Java router runs before it serves: it refuses all
// tunnels for 90 s and drops all lookups for 120 s.
const JavaServing = 130 * time.Second

// JavaConfig describes a private network of Java I2P routers, all floodfills.
type JavaConfig struct {
	Routers int
	// Limits leaves on what Java limits for each neighbour: 7 build requests in
	// 110 s, 4 tunnels in 220 s. So few routers run into that at once.
	Limits bool
	SSU2   bool // and no NTCP2
}

// Java is a Java I2P router.
type Java struct {
	*Process
	Name string
	Addr netip.AddrPort

	ns       *Namespace
	dir      string
	programs *programs // that use it
	ssu2     bool
	info     []byte // the router.info of its first start
}

// classpath is that of the jars.
func classpath() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "i2p-java", javaVersion)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("interop: %w (run scripts/java)", err)
	}
	return filepath.Join(dir, "*"), nil
}

// NewJavaNetwork makes a network whose routers have addresses of their own on a
// bridge, and starts the Java ones. Each of them knows those started before it:
// two that dial each other at once are confused, and one avoids the other for minutes.
func NewJavaNetwork(ctx context.Context, cfg JavaConfig) (n *Network, err error) {
	g, err := newBridge()
	if err != nil {
		return nil, err
	}
	if n, err = newNetwork(g); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	for i := range cfg.Routers {
		r, err := n.newJava(fmt.Sprintf("java%d", i), cfg)
		if err != nil {
			return n, err
		}
		n.Java = append(n.Java, r)
	}
	return n, n.startJava(ctx)
}

// newJava makes a router's namespace and configuration; it is not started.
func (n *Network) newJava(name string, cfg JavaConfig) (*Java, error) {
	place, err := n.place()
	if err != nil {
		return nil, err
	}
	r := &Java{Name: name, Addr: netip.AddrPortFrom(place.addr, uint16(place.port)), ns: place.ns, dir: filepath.Join(n.Dir, name), programs: n.programs, ssu2: cfg.SSU2}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	var b bytes.Buffer
	if err := javaConf.Execute(&b, struct {
		NetID, Port int
		Addr        netip.Addr
		JavaConfig
	}{NetID, place.port, place.addr, cfg}); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	for file, content := range map[string]string{
		"router.config": b.String(),
		"logger.config": javaLog("router", "net.i2p.router.Banlist=DEBUG", "net.i2p.router.networkdb=INFO"),
		// A list of applications that is not empty, or the router looks for its console.
		"clients.config": "clientApp.0.main=java.lang.Object\nclientApp.0.name=none\nclientApp.0.startOnLoad=false\n",
	} {
		if err := os.WriteFile(filepath.Join(r.dir, file), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("interop: %w", err)
		}
	}
	return r, nil
}

// startJava gives the routers their identities, which takes a first start, and
// starts them.
func (n *Network) startJava(ctx context.Context) error {
	if err := makeIdentities(ctx, n.Java); err != nil {
		return err
	}
	n.T0 = time.Now()
	for i, r := range n.Java {
		for _, earlier := range n.Java[:i] {
			info, err := earlier.RouterInfo()
			if err == nil {
				err = learn(filepath.Join(r.dir, "netDb"), info)
			}
			if err != nil {
				return err
			}
		}
		if err := r.start(); err != nil {
			return err
		}
		err := Await(ctx, time.Minute, r.Name+" opens its port", func(ctx context.Context) error {
			if r.ssu2 { // over UDP nothing answers
				_, err := r.RouterInfo()
				return err
			}
			c, err := r.ns.DialContext(ctx, "tcp", r.Addr.String())
			if err == nil {
				c.Close()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// AwaitServing waits until the Java routers take tunnels and answer lookups.
func (n *Network) AwaitServing(ctx context.Context) error {
	select {
	case <-time.After(time.Until(n.Java[len(n.Java)-1].Started.Add(JavaServing))):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interop: Java routers are starting: %w", ctx.Err())
	}
}

func (r *Java) start() (err error) {
	r.Process, err = startJVM(r.ns, r.Name, r.dir, "192m", "",
		"-Drouter.configLocation="+filepath.Join(r.dir, "router.config"), "-Dwrapper.javaServiceName=none", "net.i2p.router.RouterLaunch")
	return err
}

// startJVM runs a class of the jars, or of the further directory, that keeps
// what it has in dir.
func startJVM(ns *Namespace, name, dir, heap, further string, args ...string) (*Process, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	path, err := classpath()
	if err != nil {
		return nil, err
	}
	if further != "" {
		path = further + ":" + path
	}
	p, _, err := ns.Start(Command{
		Name: name, Path: java, Log: filepath.Join(dir, "log"),
		Args: append([]string{
			"-Xmx" + heap, "-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true", "-Di2p.dir.base=" + dir, "-Di2p.dir.config=" + dir, "-cp", path,
		}, args...),
	})
	return p, err
}

// makeIdentity lets the router run until it has written its router.info, and
// kills it: nothing else of that run is wanted.
func (r *Java) makeIdentity(ctx context.Context) error {
	if err := r.start(); err != nil {
		return err
	}
	defer func() {
		r.Kill()
		files, _ := filepath.Glob(filepath.Join(r.dir, "router-*.log"))
		for _, f := range append(files, filepath.Join(r.dir, "netDb"), filepath.Join(r.dir, "router.ping")) {
			os.RemoveAll(f)
		}
	}()
	var last []byte
	return Await(ctx, time.Minute, r.Name+" writes its router.info", func(context.Context) error {
		b, err := r.RouterInfo()
		if err != nil {
			return err
		}
		settled := bytes.Equal(b, last)
		last = b
		if !settled || !bytes.Contains(b, []byte(r.style())) {
			return errors.New("it is not complete")
		}
		r.info = b
		return nil
	})
}

// style is that of the addresses which the router publishes.
func (r *Java) style() string {
	if r.ssu2 {
		return "SSU2"
	}
	return "NTCP2"
}

// RouterInfo reads the router's own router.info; while it is being written, it
// is that of before.
func (r *Java) RouterInfo() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, "router.info"))
	if err == nil && r.info != nil {
		if _, short := identSum(b); short != nil {
			return r.info, nil
		}
		r.info = b
	}
	return b, err
}

// Logged gives the lines of the routers' logs that have all of these words.
func (n *Network) Logged(words ...string) (lines []string) {
	for _, r := range n.Java {
		lines = append(lines, logged(r.dir, "router", words...)...)
	}
	return lines
}

// Ban is of one router, by a Java router.
type Ban struct {
	By, Of, Cause string // Of is a hash
}

// Bans are those that the Java routers have logged. A cause is on the line after that of the ban.
func (n *Network) Bans() (bans []Ban) {
	for _, r := range n.Java {
		lines := logged(r.dir, "router")
		for i, line := range lines {
			if _, of, ok := strings.Cut(line, ": Banlist "); ok && i+1 < len(lines) {
				_, cause, _ := strings.Cut(lines[i+1], "Banlist cause: ")
				bans = append(bans, Ban{By: r.Name, Of: of, Cause: cause})
			}
		}
	}
	return bans
}

// logged reads the log files that javaLog names.
func logged(dir, name string, words ...string) (lines []string) {
	files, _ := filepath.Glob(filepath.Join(dir, name+"-*.log"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	return lines
}

// javaLog is a logger.config: warnings and what else is named, in files.
func javaLog(name string, levels ...string) string {
	s := fmt.Sprintf(`logger.defaultLevel=WARN
logger.displayOnScreen=false
logger.logFileName=%s-@.log
logger.logFileSize=64m
logger.dateFormat=HH:mm:ss.SSS
logger.format=d p [t] c: m
logger.flushInterval=1
logger.dropDuplicates=false
`, name)
	for _, l := range levels {
		s += "logger.record." + l + "\n"
	}
	return s
}

var javaConf = template.Must(template.New("router.config").Parse(`router.networkID={{.NetID}}
router.reseedDisable=true
router.floodfillParticipant=true
router.rejectStartupTime=0
router.blocklist.enable=false
router.sharePercentage=90
router.updateDisabled=true
router.inboundPool.length=2
router.outboundPool.length=2
router.inboundPool.lengthVariance=0
router.outboundPool.lengthVariance=0
i2np.allowLocal={{not .Limits}}
i2np.bandwidth.inboundKBytesPerSecond=20000
i2np.bandwidth.outboundKBytesPerSecond=20000
i2np.bandwidth.inboundBurstKBytesPerSecond=20000
i2np.bandwidth.outboundBurstKBytesPerSecond=20000
i2np.bandwidth.inboundBurstKBytes=40000
i2np.bandwidth.outboundBurstKBytes=40000
i2np.ntcp.hostname={{.Addr}}
i2np.ntcp.port={{.Port}}
i2np.ntcp.autoip=false
i2np.ntcp.autoport=false
i2np.ntcp.ipv6=false
i2np.udp.ipv6=false
{{if .SSU2}}i2np.ntcp.enable=false
i2np.udp.enable=true
i2np.udp.host={{.Addr}}
i2np.udp.port={{.Port}}
i2np.udp.internalPort={{.Port}}
i2np.udp.addressSources=hidden
{{else}}i2np.udp.enable=false
i2np.udp.addressSources=hidden
{{end}}i2np.upnp.enable=false
i2cp.hostname=127.0.0.1
i2cp.port=7654
time.disabled=true
`))
