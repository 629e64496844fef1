package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/vanity"
)

func vanityCommand() *cli.Command {
	return &cli.Command{
		Name:      "vanity",
		Usage:     "search for a destination whose address begins as wanted",
		ArgsUsage: "[PREFIX]…",
		Description: "An address that has one of the prefixes is found, or one of the suffixes, or where both are named one of\n" +
			"each; or one that matches an expression. Each character of five bits makes the search 32 times longer. Expressions see the address without .b32.i2p; one that begins with\n" +
			"^TEXT or ends with TEXT$ is as fast as a prefix or suffix, others are slow. The key file goes to stdout or\n" +
			"-o FILE; with --count, -o names a directory for files ADDRESS.dat. Interrupted, the search keeps what was\n" +
			"found, and with --resume goes on where it was; the file of --resume is as secret as a key file.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "suffix", Usage: "`TEXT` at the end of the address, before .b32.i2p; it ends in a or q"},
			&cli.StringSliceFlag{Name: "regex", Usage: "regular `EXPRESSION` that the address matches"},
			cli.Int(1, 1024, cli.IntFlag{Name: "threads", Aliases: []string{"t"}, Usage: "`NUMBER` of threads", DefaultText: "one for each processor"}),
			cli.Int(0, 1<<30, cli.IntFlag{Name: "count", Value: 1, Usage: "find this `NUMBER` of keys, 0 is no end"}),
			&cli.StringFlag{Name: "resume", Usage: "go on with the search in `FILE`, and keep its state there"},
			cli.Checked(cli.StringFlag{Name: "type", Value: "ed25519", Usage: "signature `TYPE`: ed25519 or red25519"}, vanityType, "ed25519", "red25519"),
			cli.OneOf(cli.StringFlag{Name: "kernel", Usage: "compute with `NAME` instead of the fastest: " + strings.Join(kernelNames, ", ")}, kernelNames...),
			cli.OutputFlag(), cli.ForceFlag(), cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			release, err := lockResume(c.String("resume"))
			if err != nil {
				return err
			}
			defer release()
			s, err := newVanitySearch(c)
			if err != nil {
				return err
			}
			return s.run(c.Context)
		},
	}
}

// kernelNames are those that any machine may have, for the man page.
var kernelNames = []string{"SHA-NI", "AVX-512", "AVX2", "ARMv8 SHA2", "crypto/sha256"}

// vanityType tells which signature types a search can be for.
func vanityType(name string) error {
	t, err := sign.ParseType(name)
	if err != nil || t != sign.EdDSA_SHA512_Ed25519 && t != sign.RedDSA_SHA512_Ed25519 {
		return fmt.Errorf("%q is neither ed25519 nor red25519: others leave no padding to search in", name)
	}
	return nil
}

// vanitySearch is a whole search: its workers share the keys that they vary, until one finds
// something; then they draw new ones, so that no two results share a signing key.
type vanitySearch struct {
	c        *cli.Context
	patterns *vanity.Patterns
	kernel   *vanity.Kernel
	threads  int
	signing  sign.Type
	state    resumeState
	begun    time.Time
	before   uint64 // tried in earlier runs
	tried    atomic.Uint64
	found    atomic.Int64
}

func newVanitySearch(c *cli.Context) (s *vanitySearch, err error) {
	prefixes := c.Args().Slice()
	s = &vanitySearch{c: c, threads: c.Int("threads"), begun: time.Now()}
	if s.threads == 0 {
		s.threads = runtime.GOMAXPROCS(0)
	}
	if s.signing, err = sign.ParseType(c.String("type")); err != nil {
		return nil, cli.Usagef("vanity: %w", err)
	}
	wanted := resumePatterns{Prefixes: prefixes, Suffixes: c.StringSlice("suffix"), Regexes: c.StringSlice("regex")}
	if err := s.load(wanted); err != nil {
		return nil, err
	}
	p := s.state.Patterns
	if s.patterns, err = vanity.NewPatterns(p.Prefixes, p.Suffixes, p.Regexes); err != nil {
		return nil, cli.WithHint(cli.Usagef("%s", strings.TrimPrefix(err.Error(), "vanity: ")), "see i2p-keygen vanity --help")
	}
	if s.kernel, err = chooseKernel(c.String("kernel")); err != nil {
		return nil, err
	}
	if err := s.checkOutput(); err != nil {
		return nil, err
	}
	return s, s.save(false) // where it cannot be kept, nobody would like to know days later
}

func chooseKernel(name string) (*vanity.Kernel, error) {
	kernels := vanity.Kernels()
	if name == "" {
		return vanity.Fastest(kernels, time.Now), nil
	}
	var names []string
	for _, k := range kernels {
		if strings.EqualFold(k.Name, name) {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return nil, cli.Usagef("vanity: this machine has no kernel %q, but %s", name, strings.Join(names, ", "))
}

// checkOutput finds out before the search what would spoil its result.
func (s *vanitySearch) checkOutput() error {
	out := s.c.String("output")
	toStdout := out == "" || out == "-"
	switch {
	case s.many() && toStdout:
		return cli.WithHint(cli.Usagef("vanity: several keys need a place"), "name a directory with -o DIRECTORY")
	case s.many():
		if err := os.MkdirAll(out, 0o700); err != nil {
			return err
		}
		return writable(out)
	case toStdout && s.c.Bool("json"):
		return cli.Usagef("--json describes what -o FILE wrote: name a file")
	case out == "" && cli.IsTerminal(os.Stdout):
		return cli.CheckBinaryOutput(s.c)
	case !toStdout && !s.c.Bool("force"):
		if info, err := os.Stat(out); err == nil && info.Mode().IsRegular() {
			return cli.WithHint(fmt.Errorf("%s exists already", out), "--force replaces it")
		}
	}
	if info, err := os.Stat(out); toStdout || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	return writable(filepath.Dir(out))
}

// writable tells whether a file can be made in a directory.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".i2p-keygen-")
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			at.Path = dir
		}
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (s *vanitySearch) many() bool { return s.c.Int("count") != 1 }

// run searches until enough was found or ctx ends.
func (s *vanitySearch) run(ctx context.Context) error {
	stop := cli.Progress(s.c, func() string { return s.progress(time.Since(s.begun)) })
	err := s.findAll(ctx)
	stop()
	s.summary()
	if saveErr := s.save(ctx.Err() == nil && err == nil); err == nil {
		err = saveErr
	}
	return err
}

func (s *vanitySearch) findAll(ctx context.Context) error {
	for s.c.Int("count") == 0 || s.found.Load() < int64(s.c.Int("count")) {
		found, err := s.findOne(ctx)
		if err != nil {
			return err
		}
		keys := *s.state.keys
		keys.Identity = found.Destination.Identity
		s.found.Add(1)
		if err := s.write(&keys); err != nil {
			return err
		}
		if err := s.state.renew(s.signing); err != nil {
			return err
		}
		if err := s.save(false); err != nil {
			return err
		}
	}
	return nil
}

// write writes a key file that was found, at once.
func (s *vanitySearch) write(keys *i2p.PrivateKeys) error {
	if !s.many() {
		return writeKeys(s.c, keys)
	}
	address := keys.Destination().B32()
	path := filepath.Join(s.c.String("output"), strings.TrimSuffix(address, ".b32.i2p")+".dat")
	if err := cli.CreateFile(s.c, path, keys.AppendTo(nil), s.c.Bool("force")); err != nil {
		return err
	}
	if s.c.Bool("json") {
		return cli.PrintJSON(describeKeys(keys))
	}
	return cli.Printf("%s", address)
}

// findOne has all threads search among the destinations of the present keys.
func (s *vanitySearch) findOne(ctx context.Context) (*vanity.Found, error) {
	search, err := vanity.NewSearch(s.state.keys.Destination(), s.patterns, s.kernel)
	if err != nil {
		return nil, err
	}
	searching, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		first   *vanity.Found
	)
	for range s.threads {
		workers.Go(func() {
			w := search.NewWorker()
			for searching.Err() == nil {
				found, tried := w.Unit(searching, s.state.begin())
				s.tried.Add(tried)
				if found != nil {
					cancel()
					mu.Lock()
					if first == nil {
						first = found
					}
					mu.Unlock()
				}
			}
		})
	}
	saving := s.saveNowAndThen(searching)
	workers.Wait()
	cancel()
	if err := <-saving; err != nil {
		return nil, err
	}
	if first == nil {
		return nil, ctx.Err()
	}
	return first, nil
}

// saveNowAndThen keeps the state on disk while the search goes on.
func (s *vanitySearch) saveNowAndThen(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(30 * time.Second)
		defer tick.Stop()
		var err error
		for {
			select {
			case <-tick.C:
				err = errors.Join(err, s.save(false))
			case <-ctx.Done():
				done <- err
				return
			}
		}
	}()
	return done
}

// newKeys draws what a search varies.
func newKeys(t sign.Type) (*i2p.PrivateKeys, error) {
	return i2p.GenerateDestination(t, i2p.CryptoElGamal, rand.Reader)
}
