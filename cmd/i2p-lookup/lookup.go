package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/words"
)

const (
	parallel = 16   // lookups at once
	maxName  = 4096 // bytes: a destination in base64 is well below
	maxShown = 600  // in an error: most destinations are whole
)

func lookup(c *cli.Context) error {
	if err := checkModes(c); err != nil {
		return err
	}
	b, done, err := openBooks(c, false)
	if err != nil {
		return err
	}
	defer done()
	f, err := newFinder(c, b)
	if err != nil {
		return err
	}
	f.wantSet, f.wantHash, f.wantNames, f.wantTrace = c.Bool("leaseset"), c.Bool("b32") || c.Bool("hash"), c.Bool("reverse"), c.Bool("trace")
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	p := printer{c: c, single: c.NArg() == 1 && c.Args().First() != "-"}
	if c.Bool("ping") {
		session, err := f.router.Open(ctx, control.Open{})
		if err != nil {
			return err
		}
		defer session.Close()
		f.pinger = &pinger{session: session, count: c.Int("count"), every: c.Duration("interval"), timeout: c.Duration("timeout")}
		if p.single && !c.Bool("json") {
			f.pinger.say = cli.Printf
		}
	}
	jobs := make(chan *job, parallel) // in order; those that it holds are under way
	var inputErr error
	go func() {
		defer close(jobs)
		inputErr = names(c, func(name string) bool {
			j := &job{name: name, done: make(chan struct{})}
			select {
			case jobs <- j:
				go j.run(ctx, f)
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	for j := range jobs {
		<-j.done
		if err := p.print(j); err != nil {
			return err
		}
	}
	switch {
	case c.Context.Err() != nil:
		return context.Cause(c.Context)
	case inputErr != nil:
		return inputErr
	}
	return p.worst
}

// checkModes refuses several results at once.
func checkModes(c *cli.Context) error {
	var said []string
	for _, mode := range []string{"b32", "hash", "leaseset", "reverse", "trace", "ping"} {
		if c.Bool(mode) {
			said = append(said, "--"+mode)
		}
	}
	switch {
	case len(said) > 1:
		return cli.Usagef("%s exclude each other", strings.Join(said, " and "))
	case (c.Bool("leaseset") || c.Bool("ping") || c.Bool("trace")) && c.Bool("offline"):
		return cli.Usagef("%s asks the network, and --offline nobody", said[0])
	}
	return nil
}

// names calls each with every name of the arguments, and of stdin for "-", until it
// returns false.
func names(c *cli.Context, each func(string) bool) error {
	for _, a := range c.Args().Slice() {
		if a != "-" {
			if !each(a) {
				return nil
			}
			continue
		}
		in, err := cli.OpenInput(c, a)
		if err != nil {
			return err
		}
		lines := bufio.NewReaderSize(in, maxName)
		for {
			line, err := nextLine(lines)
			if name := strings.TrimSpace(string(words.Unmarked(line))); name != "" && !each(name) {
				return nil
			}
			if err == io.EOF {
				break
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// nextLine reads a line, of one that is longer than any name only the begin: which is no name either, and those that follow
// are still read.
func nextLine(r *bufio.Reader) (line []byte, err error) {
	line, more, err := r.ReadLine()
	line = slices.Clone(line)
	for more && err == nil {
		_, more, err = r.ReadLine()
	}
	return line, err
}

// job is one name on its way.
type job struct {
	name  string
	done  chan struct{}
	found answer
	err   error
}

func (j *job) run(ctx context.Context, f *finder) {
	defer close(j.done)
	j.found, j.err = f.find(ctx, j.name)
}

// printer prints the answers in order and remembers the worst failure.
type printer struct {
	c      *cli.Context
	single bool // one name, and not from stdin: a failure prints nothing on stdout
	worst  error
	count  int
}

func (p *printer) print(j *job) error {
	if !p.c.Bool("json") {
		if err := p.traces(j); err != nil {
			return err
		}
	}
	if j.err != nil {
		return p.failed(j)
	}
	switch {
	case p.c.Bool("json"):
		return cli.PrintJSON(j.found)
	case p.c.Bool("trace"):
		return nil
	case p.c.Bool("leaseset"):
		if err := p.apart(); err != nil {
			return err
		}
		return j.found.LeaseSet.Print(os.Stdout)
	case p.c.Bool("ping"):
		return p.line(j.name + ": " + j.found.Ping.String())
	case p.c.Bool("reverse"):
		return p.line(strings.Join(j.found.Names, " "))
	case len(j.found.Services) > 0:
		return p.offers(j)
	case p.c.Bool("b32"):
		return p.line(j.found.B32)
	case p.c.Bool("hash"):
		return p.line(j.found.Hash)
	}
	return p.line(j.found.Destination)
}

// traces prints how the lookups of a name went, whether they found it or not.
func (p *printer) traces(j *job) error {
	for _, t := range j.found.Trace {
		if err := p.apart(); err != nil {
			return err
		}
		if err := t.Print(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

// apart begins what has several lines.
func (p *printer) apart() error {
	if p.count++; p.count == 1 {
		return nil
	}
	return cli.Printf("")
}

func (p *printer) line(s string) error {
	_, err := fmt.Print(s, cli.End(p.c))
	return err
}

// failed keeps the order of the lines, and goes on with the next name unless there is no
// router at all.
func (p *printer) failed(j *job) error {
	if cli.StatusOf(j.err) == cli.StatusNoRouter || p.c.Context.Err() != nil {
		return j.err
	}
	if p.single && !p.c.Bool("json") {
		err := fmt.Errorf("%s: %w", shown(j.name), j.err)
		if j.found.Book != "" {
			return err
		}
		return withHint(j.name, err)
	}
	if cli.StatusOf(j.err) > cli.StatusOf(p.worst) {
		p.worst = cli.Silent(cli.StatusOf(j.err))
	}
	cli.Warnf(p.c, "%s: %v", shown(j.name), j.err)
	if p.c.Bool("json") {
		return cli.PrintJSON(answer{Name: j.name, Trace: j.found.Trace, Error: cli.Text(j.err)})
	}
	if p.c.Bool("leaseset") || p.c.Bool("trace") {
		return nil
	}
	return p.line("")
}

// shown is a name as an error has it: one that is none may be empty, or longer than anybody reads.
func shown(name string) string {
	switch {
	case name == "":
		return `""`
	case len(name) > maxShown:
		return name[:maxShown] + "…"
	}
	return name
}

// withHint says how a host name comes to be known that no book has.
func withHint(name string, err error) error {
	n, parseErr := i2p.ParseName(name)
	if parseErr != nil || n.Kind != i2p.NameHost || !errors.Is(err, &control.Error{Code: control.NotFound}) {
		return err
	}
	return cli.WithHint(err, "i2p-lookup book subscribe URL follows a list of names, and i2p-lookup book add %s DEST adds this one", n.Host)
}
