//go:build linux

package attack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/interop"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

// SceneConfig describes a network.
type SceneConfig struct {
	Program string // i2p-router
	Dir     string // for what the routers write
	Honest  int
	// Floodfills is how many of the honest are, the first ones.
	Floodfills int
	// Known are further routers that all know from the start.
	Known []*routerinfo.RouterInfo
	// Settings is the file of the victim's; empty: it has none.
	Settings string
}

// Scene is a network with a victim in it.
type Scene struct {
	*ground
	cfg     SceneConfig
	Honest  []*Router
	Victim  *Router
	victims int
}

// Router is an i2p-router of ours.
type Router struct {
	*interop.Process
	*client.Client
	Name string
	Info *routerinfo.RouterInfo

	host *Host
	dir  string
	args []string
}

// transportPort is that of every router.
const transportPort = 17000

// NewScene starts the honest routers, and waits until they have tunnels.
func NewScene(ctx context.Context, g *ground, cfg SceneConfig) (s *Scene, err error) {
	s = &Scene{ground: g, cfg: cfg}
	for i := range cfg.Honest {
		h, err := g.host(netip.AddrFrom4([4]byte{23, byte(42 + i), 0, 1}))
		if err != nil {
			return s, err
		}
		var more []string
		if i < cfg.Floodfills {
			more = append(more, "--floodfill")
		}
		r, err := s.start(ctx, fmt.Sprintf("honest%d", i), h, append(more, "--config", os.DevNull)...)
		if err != nil {
			return s, err
		}
		s.Honest = append(s.Honest, r)
	}
	if err := s.introduce(ctx); err != nil {
		return s, err
	}
	for _, r := range s.Honest {
		if _, err := r.Wait(ctx, control.WaitTunnels); err != nil {
			return s, fmt.Errorf("attack: %s: %w: %s", r.Name, err, r.LogTail(5))
		}
	}
	return s, nil
}

// Close ends all.
func (s *Scene) Close() {
	for _, r := range append(s.Honest, s.Victim) {
		if r != nil {
			r.Client.Close()
			r.Kill()
		}
	}
}

// known is the directory of what every router is told of.
func (s *Scene) known() string { return filepath.Join(s.cfg.Dir, "known") }

// introduce tells every honest router of the others.
func (s *Scene) introduce(ctx context.Context) error {
	if err := os.MkdirAll(s.known(), 0o700); err != nil {
		return err
	}
	infos := s.cfg.Known
	for _, r := range s.Honest {
		infos = append(infos, r.Info)
	}
	for _, ri := range infos {
		if err := os.WriteFile(filepath.Join(s.known(), netdbdir.FileName(ri.Hash())), ri.Bytes(), 0o600); err != nil {
			return err
		}
	}
	for _, r := range s.Honest {
		if _, err := r.Reseed(ctx, []string{s.known()}); err != nil {
			return fmt.Errorf("attack: %s: %w", r.Name, err)
		}
	}
	return nil
}

// NewVictim starts a victim that nobody knows yet, in the place of the last, with further arguments.
func (s *Scene) NewVictim(ctx context.Context, more ...string) error {
	if s.Victim != nil {
		s.Victim.Kill()
	}
	h, err := s.host(netip.AddrFrom4([4]byte{23, byte(60 + s.victims), 0, 1}))
	if err != nil {
		return err
	}
	name := fmt.Sprintf("victim%d", s.victims)
	s.victims++
	more = append([]string{"--config", cmp.Or(s.cfg.Settings, os.DevNull), "--bootstrap", s.known(), "--host", h.V6.String()}, more...)
	s.Victim, err = s.start(ctx, name, h, more...)
	if err != nil {
		return err
	}
	_, err = s.Victim.Wait(ctx, control.WaitTunnels)
	return err
}

// start starts a router for the first time, and waits for its RouterInfo.
func (s *Scene) start(ctx context.Context, name string, h *Host, more ...string) (*Router, error) {
	r := &Router{Name: name, host: h, dir: filepath.Join(s.cfg.Dir, name)}
	socket := filepath.Join(r.dir, "router.sock")
	r.Client = client.New(socket)
	r.args = append([]string{
		"run", "--dir", r.dir, "--socket", socket, "--netid", fmt.Sprint(NetID), "--log-level", "warn",
		"--host", h.V4.String(), "--port", fmt.Sprint(transportPort),
	}, more...)
	if err := s.run(ctx, r); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(r.dir, "router.info"))
	if err == nil {
		r.Info, err = routerinfo.Parse(b)
	}
	return r, err
}

// priority puts the routers before the attackers, which on the Internet do not take the processor
// of their victim. Where that is not allowed they run as all do.
const priority = "-15"

// run starts a router's process, and waits until it is ready.
func (s *Scene) run(ctx context.Context, r *Router) (err error) {
	ns := &interop.Namespace{Namespace: r.host.Namespace}
	more := priority
	if r.host == s.hostile {
		more = "0"
	}
	r.Process, _, err = ns.Start(interop.Command{
		Name: r.Name, Path: "nice", Args: append([]string{"-n", more, s.cfg.Program}, r.args...), Log: r.dir + ".log",
		Env: []string{"HOME=" + s.cfg.Dir, "XDG_RUNTIME_DIR=" + s.cfg.Dir, "I2P_SOCKET=", "I2P_DIR="},
	})
	if err != nil {
		return err
	}
	return interop.Await(ctx, time.Minute, r.Name+" is ready", func(ctx context.Context) error {
		select {
		case <-r.Exited():
			return errors.New("it has ended: " + r.LogTail(3))
		default:
		}
		_, err := r.Wait(ctx, control.WaitReady)
		return err
	})
}

// Restart has the victim stop at once, and start with what it has on disk; so many forged RouterInfos are put there
// in between. It returns how long the start took.
func (s *Scene) Restart(ctx context.Context, forged int) (time.Duration, error) {
	stopped, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := s.Victim.StopNow(stopped); err != nil {
		s.Victim.Process.Stop(time.Second)
	}
	select {
	case <-s.Victim.Exited():
	case <-stopped.Done():
		s.Victim.Kill()
	}
	if forged > 0 {
		if err := Forge(filepath.Join(s.Victim.dir, "netDb"), forged); err != nil {
			return 0, err
		}
	}
	started := time.Now()
	err := s.run(ctx, s.Victim)
	return time.Since(started), err
}

// refusals are the metrics of what a router has not taken, and has given up.
var refusals = regexp.MustCompile(`(?m)^(i2p_\w*(?:refused|dropped|lost|evicted|removed|ended|junk|failed|requests)\w*(?:\{.*\})?) (\d+)$`)

// Refusals are what the router has counted of those.
func (r *Router) Refusals(ctx context.Context) (map[string]uint64, error) {
	var b bytes.Buffer
	if err := r.Metrics(ctx, &b); err != nil {
		return nil, err
	}
	out := make(map[string]uint64)
	for _, m := range refusals.FindAllStringSubmatch(b.String(), -1) {
		n, err := strconv.ParseUint(m[2], 10, 64)
		if err != nil {
			return nil, err
		}
		out[m[1]] = n
	}
	return out, nil
}

// BuildProgram builds i2p-router in a directory, unless I2P_BIN has it.
func BuildProgram(ctx context.Context, dir string) (string, error) {
	if bin := os.Getenv("I2P_BIN"); bin != "" {
		return exec.LookPath(filepath.Join(bin, "i2p-router"))
	}
	program := filepath.Join(dir, "i2p-router")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "i2ptoolkit/cmd/i2p-router").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("attack: building i2p-router: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return program, nil
}
