package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/words"
)

const (
	parallel = 16   // lookups at once
	maxName  = 4096 // bytes: a destination in base64 is well below
)

func lookup(c *cli.Context) error {
	if c.Bool("b32") && c.Bool("hash") || c.Bool("leaseset") && (c.Bool("b32") || c.Bool("hash")) {
		return cli.Usagef("--b32, --hash and --leaseset exclude each other")
	}
	router, err := cli.Router(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	jobs := make(chan *job, parallel) // in order; those that it holds are under way
	var inputErr error
	go func() {
		defer close(jobs)
		inputErr = names(c, func(name string) bool {
			j := &job{name: name, done: make(chan struct{})}
			select {
			case jobs <- j:
				go j.run(ctx, c, router)
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	p := printer{c: c, single: c.NArg() == 1 && c.Args().First() != "-"}
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
		lines := bufio.NewScanner(in)
		lines.Buffer(make([]byte, maxName), maxName)
		for lines.Scan() {
			if name := strings.TrimSpace(string(words.Unmarked(lines.Bytes()))); name != "" && !each(name) {
				return nil
			}
		}
		if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
			return cli.Dataf(cli.StandardInput+": a line of more than %d bytes is no name", maxName)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// job is one name on its way.
type job struct {
	name  string
	done  chan struct{}
	found answer
	err   error
}

func (j *job) run(ctx context.Context, c *cli.Context, router *client.Client) {
	defer close(j.done)
	j.found, j.err = find(ctx, router, j.name, c.Bool("leaseset"), c.Bool("b32") || c.Bool("hash"), c.Duration("timeout"))
}

// printer prints the answers in order and remembers the worst failure.
type printer struct {
	c      *cli.Context
	single bool // one name, and not from stdin: a failure prints nothing on stdout
	worst  error
	count  int
}

func (p *printer) print(j *job) error {
	if j.err != nil {
		return p.failed(j)
	}
	switch {
	case p.c.Bool("json"):
		return cli.PrintJSON(j.found)
	case p.c.Bool("leaseset"):
		if p.count++; p.count > 1 {
			if err := cli.Printf(""); err != nil {
				return err
			}
		}
		return j.found.LeaseSet.Print(os.Stdout)
	case p.c.Bool("b32"):
		return p.line(j.found.B32)
	case p.c.Bool("hash"):
		return p.line(j.found.Hash)
	}
	return p.line(j.found.Destination)
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
		return fmt.Errorf("%s: %w", j.name, j.err)
	}
	if cli.StatusOf(j.err) > cli.StatusOf(p.worst) {
		p.worst = cli.Silent(cli.StatusOf(j.err))
	}
	cli.Warnf(p.c, "%s: %v", j.name, j.err)
	if p.c.Bool("json") {
		return cli.PrintJSON(answer{Name: j.name, Error: cli.Text(j.err)})
	}
	if p.c.Bool("leaseset") {
		return nil
	}
	return p.line("")
}
