package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/hostrecord"
)

// maxFeed bounds what host verify reads.
const maxFeed = 64 << 20

func printRecord(c *cli.Context, r hostrecord.Record, note string, args ...any) error {
	if note != "" {
		cli.Notef(c, note, args...)
	}
	return cli.Printf("%v", r)
}

func hostSignCommand() *cli.Command {
	return &cli.Command{
		Name: "sign", Usage: "sign a record that another side began", ArgsUsage: "[RECORD|FILE|-]",
		Flags: []cli.Flag{
			keyFlag("key", "the private key `FILE` of the record's destination"),
			keyFlag("old-key", "the private key `FILE` of the destination that allows it"),
		},
		Action: func(c *cli.Context) error {
			if (c.String("key") == "") == (c.String("old-key") == "") {
				return cli.Usagef("sign: expected either -k or --old-key")
			}
			lines, err := readRecords(c)
			if err != nil {
				return err
			}
			if len(lines) != 1 {
				return cli.Dataf("%d records, expected one", len(lines))
			}
			r, err := hostrecord.Parse(lines[0])
			if err != nil {
				return recordError(err)
			}
			if c.String("old-key") != "" {
				if r, err = signOld(c, r); err != nil {
					return err
				}
				return printRecord(c, r, "signed by the old destination: the new one signs it with host sign -k")
			}
			keys, err := loadSigner(c, c.String("key"))
			if err != nil {
				return err
			}
			return signOuter(c, r, keys)
		},
	}
}

// recordVerdict is what host verify answers about one record.
type recordVerdict struct {
	Host   string `json:"host"`
	Action string `json:"action"`
	B32    string `json:"b32,omitempty"`
	Old    string `json:"old_b32,omitempty"`
	Valid  bool   `json:"valid"`
	Error  string `json:"error,omitempty"`
}

func hostVerifyCommand() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "verify records", ArgsUsage: "[RECORD|FILE|-]",
		Description: "Each line is one record; comments and lines without a signed command are passed over with -v telling so.\n" +
			"What is wrong with several is said once, with one of them; --json has all.\n" +
			"The exit status is 1 if a signature is bad or missing, 3 if a record is damaged.",
		Flags: []cli.Flag{cli.JSONFlag()},
		Action: func(c *cli.Context) error {
			lines, err := readRecords(c)
			if err != nil {
				return err
			}
			status, checked := cli.StatusDone, 0
			var wrong cli.Grouped
			defer func() { wrong.Warn(c, "record") }()
			for i, line := range lines {
				r, err := hostrecord.Parse(line)
				if err != nil && len(lines) == 1 {
					return recordError(err)
				}
				if err != nil {
					wrong.AddError(fmt.Sprintf("record %d", i+1), err)
					status, checked = cli.StatusData, checked+1
					continue
				}
				if !r.Command && len(lines) > 1 {
					cli.Verbosef(c, "%s is not signed", r.Host)
					continue
				}
				checked++
				v, err := judge(r)
				if err != nil {
					status = max(status, statusOfRecord(err))
				}
				if err := printJudgement(c, v, &wrong); err != nil {
					return err
				}
			}
			if checked == 0 {
				return cli.Dataf("there is no signed record")
			}
			if status != cli.StatusDone {
				return cli.Silent(status)
			}
			return nil
		},
	}
}

// readRecords reads the lines that the argument is, or names: a record is told from a file
// by its "=".
func readRecords(c *cli.Context) ([]string, error) {
	args := c.Args().Slice()
	if len(args) == 1 && strings.Contains(args[0], "=") {
		return []string{args[0]}, nil
	}
	path, err := inputOf(c, args)
	if err != nil {
		return nil, err
	}
	b, err := cli.ReadText(c, path, maxFeed)
	if err != nil {
		return nil, err
	}
	var lines []string
	scanner := bufio.NewScanner(bytes.NewReader(b))
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line != "" && (line[0] != '#' || strings.HasPrefix(line, "#!")) {
			lines = append(lines, line)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, cli.Dataf("%s: %w", cli.InputName(path), err)
	}
	if len(lines) == 0 {
		return nil, cli.Dataf("%s holds no record", cli.InputName(path))
	}
	return lines, nil
}

func recordError(err error) error {
	return cli.Dataf("%s", strings.TrimPrefix(err.Error(), "hostrecord: "))
}

func statusOfRecord(err error) int {
	if errors.Is(err, hostrecord.ErrCommand) {
		return cli.StatusData
	}
	return cli.StatusFailed
}

func judge(r hostrecord.Record) (recordVerdict, error) {
	v := recordVerdict{Host: r.Host, Action: r.Action()}
	if v.Host == "" {
		v.Host = r.Get("name")
	}
	if v.Action == hostrecord.ActionAdd {
		v.Action = "add"
	}
	if owner, err := r.Owner(); err == nil {
		v.B32 = owner.B32()
	}
	if old, err := r.OldOwner(); err == nil {
		v.Old = old.B32()
	}
	err := r.Verify()
	if v.Valid = err == nil; !v.Valid {
		v.Error = strings.TrimPrefix(err.Error(), "hostrecord: ")
	}
	return v, err
}

// printJudgement prints a verdict; what is wrong with a record is added to the others', but
// for JSON, which has all.
func printJudgement(c *cli.Context, v recordVerdict, wrong *cli.Grouped) error {
	if c.Bool("json") {
		return cli.PrintJSON(v)
	}
	if !v.Valid {
		wrong.Add(v.Action+v.Error, v.Host, v.Action+": "+v.Error)
		return nil
	}
	text := fmt.Sprintf("%s: %s, signed by %s", v.Host, v.Action, v.B32)
	if v.Old != "" {
		text += " and " + v.Old
	}
	return cli.Printf("%s", text)
}
