package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/foreign"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
)

func importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "take over the tunnels of i2pd or Java I2P",
		ArgsUsage: "FILE|DIRECTORY…",
		Description: "FILE is i2pd's tunnels.conf or Java's i2ptunnel.config; DIRECTORY has such files, such as tunnels.d and\n" +
			"i2ptunnel.config.d, or is the other router's own. Their key files come along, so that addresses stay: i2pd's\n" +
			"are looked for where --keys says, else beside the file, or in the directory that holds its directory.\n" +
			"What becomes of each tunnel is told, with each key that has no counterpart and the reason; with -v those as\n" +
			"well without which nothing is missing. A tunnel that had to be left out makes the status 1; others are taken\n" +
			"all the same. End the other router first: an address is for one at a time.",
		Flags: cli.RouterFlags(
			cli.OneOf(cli.StringFlag{Name: "format", Usage: "the files are in the `FORMAT` of i2pd or java", DefaultText: "is found out"}, string(foreign.I2PD), string(foreign.Java)),
			&cli.StringFlag{Name: "keys", Usage: "the other router's data `DIRECTORY`, where its key files are"},
			&cli.BoolFlag{Name: "replace", Usage: "change forwards of the same names"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only tell what would become of the tunnels; that needs no router"},
			cli.OutputFlag(), cli.ForceFlag(), cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			im := &importing{c: c, keys: make(map[string][]byte)}
			if err := im.read(); err != nil {
				return err
			}
			im.fetchKeys()
			if c.Bool("json") {
				err := im.hand()
				return cmp.Or(im.reportJSON(), err, failuresOf(c, im.done, im.now), im.missing())
			}
			if err := im.report(); err != nil {
				return err
			}
			if err := im.hand(); err != nil {
				return err
			}
			return cmp.Or(printApplied(c, im.done, im.now), im.missing())
		},
	}
}

// importing is one run of import.
type importing struct {
	c       *cli.Context
	tunnels []imported
	keys    map[string][]byte // that come along

	done control.AppliedForwards // by the router
	now  []control.Forward       // those that are there
}

// imported is a tunnel, and where its router's files are.
type imported struct {
	foreign.Tunnel
	dir string
	key string // what became of its key file
}

// read takes all paths. The files of a directory are one configuration.
func (im *importing) read() error {
	byFormat := map[foreign.Format][]foreign.File{}
	dirs := map[string]string{}
	for _, path := range im.c.Args().Slice() {
		files, home, err := filesAt(path)
		if err != nil {
			return err
		}
		for _, name := range files {
			text, err := cli.ReadText(im.c, name, foreign.MaxFile)
			if err != nil {
				return err
			}
			format := foreign.Format(im.c.String("format"))
			if format == "" {
				format = foreign.FormatOf(text)
			}
			if format == "" {
				continue // it says nothing
			}
			name = cli.InputName(name)
			dirs[name] = home
			byFormat[format] = append(byFormat[format], foreign.File{Name: name, Text: text})
		}
	}
	if len(byFormat) > 1 {
		return cli.Usagef("import: files of i2pd and of Java at once: one after the other, or --format")
	}
	for format, files := range byFormat {
		tunnels, err := foreign.Read(format, files...)
		if err != nil {
			return cli.BadData("", err)
		}
		for _, t := range tunnels {
			im.tunnels = append(im.tunnels, imported{Tunnel: t, dir: dirs[t.File]})
		}
	}
	if len(im.tunnels) == 0 {
		names := im.c.Args().Slice()
		for i, name := range names {
			names[i] = cli.InputName(name)
		}
		return cli.Dataf("there is no tunnel in %s", strings.Join(names, ", "))
	}
	return nil
}

// filesAt are the files of a configuration at a path, and the directory that its key files are in.
func filesAt(path string) (files []string, home string, err error) {
	if path == "-" {
		return []string{path}, ".", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	if !info.IsDir() {
		home = filepath.Dir(path)
		if strings.HasSuffix(home, ".d") {
			home = filepath.Dir(home)
		}
		return []string{path}, home, nil
	}
	// A router's own directory. What Java has split it does not read any more.
	if split := filepath.Join(path, "i2ptunnel.config.d"); isDir(split) {
		return inDirectory(split, path)
	}
	for _, name := range []string{"tunnels.conf", "i2ptunnel.config"} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			files = append(files, filepath.Join(path, name))
		}
	}
	if more := filepath.Join(path, "tunnels.d"); isDir(more) {
		all, _, err := inDirectory(more, path)
		return append(files, all...), path, err
	}
	if len(files) > 0 {
		return files, path, nil
	}
	return inDirectory(path, filepath.Dir(filepath.Clean(path)))
}

// inDirectory are the files that the other routers read there.
func inDirectory(dir, home string) (files []string, _ string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".conf" || ext == ".config") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, home, err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// fetchKeys reads the key files. One that is not there will be made anew; one that cannot be read
// leaves its tunnel out, which would be at another address else.
func (im *importing) fetchKeys() {
	for i := range im.tunnels {
		t := &im.tunnels[i]
		if t.KeyFile == "" || len(t.Plans) == 0 {
			continue
		}
		path := t.KeyFile
		if !filepath.IsAbs(path) {
			dir := t.dir
			if im.c.IsSet("keys") {
				dir = im.c.String("keys")
			}
			path = filepath.Join(dir, path)
		}
		key, err := cli.ReadInput(im.c, path, maxKeyFile)
		if errors.Is(err, fs.ErrNotExist) {
			t.key = path + " is not there: a new key is made, and the address is another one"
			continue
		}
		if err == nil {
			if _, err = i2p.ParseKeyFile(key); err != nil {
				err = fmt.Errorf("%s is no private key file: %w", path, err)
			}
		}
		if err != nil {
			t.Why, t.Plans = cli.Text(err), nil
			continue
		}
		t.key = path + " comes along"
		im.keys[t.KeyName] = key
	}
}

// plans are those of all tunnels.
func (im *importing) plans() (all []plan.Plan) {
	for _, t := range im.tunnels {
		all = append(all, t.Plans...)
	}
	return all
}

// hand gives the plans to the router, or writes them where -o says.
func (im *importing) hand() error {
	plans := im.plans()
	if im.c.IsSet("output") {
		text, err := plan.Append(nil, plans...)
		if err != nil {
			return err
		}
		return cli.StreamOutput(im.c, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}
	if im.c.Bool("dry-run") || len(plans) == 0 {
		return nil
	}
	router, err := cli.Router(im.c)
	if err != nil {
		return err
	}
	if err := vacant(im.c.Context, im.c, router, plans); err != nil {
		return err
	}
	im.done, err = router.ApplyForwards(im.c.Context, control.ApplyForwards{Plans: plans, Add: true, Keys: im.keys})
	if err != nil {
		return err
	}
	im.now, err = located(im.c.Context, router, namesOf(plans))
	return err
}

// missing is that tunnels had to be left out.
func (im *importing) missing() error {
	for _, t := range im.tunnels {
		if len(t.Plans) == 0 {
			return cli.Silent(cli.StatusFailed)
		}
	}
	return nil
}
