package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/filelock"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// maxResumeFile bounds what is read as the file of --resume.
const maxResumeFile = 1 << 20

// resumePatterns is what a search looks for, as it was given.
type resumePatterns struct {
	Prefixes []string `json:"prefixes,omitempty"`
	Suffixes []string `json:"suffixes,omitempty"`
	Regexes  []string `json:"regexes,omitempty"`
}

func (p resumePatterns) empty() bool { return len(p.Prefixes)+len(p.Suffixes)+len(p.Regexes) == 0 }

// equal tells whether two searches are for the same. A list that nobody gave is an empty one,
// and in JSON none.
func (p resumePatterns) equal(q resumePatterns) bool {
	return slices.Equal(p.Prefixes, q.Prefixes) && slices.Equal(p.Suffixes, q.Suffixes) && slices.Equal(p.Regexes, q.Regexes)
}

// resumeState is where a search stands. As JSON it is the file of --resume; units are given
// out in order, so that the next one says it all but for those that are being tried.
type resumeState struct {
	Patterns resumePatterns
	keys     *i2p.PrivateKeys // what the search varies
	next     atomic.Uint64    // unit
}

// resumeFile is the JSON form.
type resumeFile struct {
	Patterns resumePatterns `json:"patterns"`
	Keys     string         `json:"keys"` // a private key file in base64
	Unit     uint64         `json:"unit"`
	Tried    uint64         `json:"tried"`
}

// begin takes the next unit.
func (r *resumeState) begin() uint64 { return r.next.Add(1) - 1 }

// renew draws new keys and begins their space.
func (r *resumeState) renew(t sign.Type) (err error) {
	r.keys, err = newKeys(t)
	r.next.Store(0)
	return err
}

// lockResume keeps other searches from the file of --resume: they would try the same keys, and each
// would write over how far another has come. Where no lock can be made the file cannot be written either,
// which is told when it is.
func lockResume(path string) (release func(), err error) {
	release = func() {}
	if info, err := os.Stat(path); path == "" || path == "-" || err == nil && !info.Mode().IsRegular() {
		return release, nil
	}
	lock, err := filelock.Take(path + ".lock")
	switch {
	case errors.Is(err, filelock.ErrHeld):
		return nil, cli.WithHint(fmt.Errorf("another search goes on with %s", path), "give each search a file of its own, or one search more threads with -t")
	case err == nil:
		release = func() { lock.Release() }
	}
	return release, nil
}

// load begins with what --resume names, or anew.
func (s *vanitySearch) load(wanted resumePatterns) error {
	s.state.Patterns = wanted
	path := s.c.String("resume")
	b, err := []byte(nil), error(fs.ErrNotExist)
	if path == "-" {
		return cli.Usagef("vanity: --resume needs a file that it can write back to")
	}
	if path != "" {
		b, err = cli.ReadText(s.c, path, maxResumeFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return s.state.renew(s.signing)
	}
	if err != nil {
		return err
	}
	var file resumeFile
	if err := json.Unmarshal(b, &file); err != nil {
		return cli.Dataf("%s is no file of --resume: %w", cli.InputName(path), err)
	}
	raw, err := i2p.DecodeBase64(file.Keys)
	if err != nil {
		return cli.Dataf("%s is no file of --resume: %w", cli.InputName(path), err)
	}
	keys, err := i2p.ParseKeyFile(raw)
	if err != nil || keys.Offline != nil {
		return cli.Dataf("%s is no file of --resume: its keys are damaged", cli.InputName(path))
	}
	if !wanted.empty() && !wanted.equal(file.Patterns) {
		return cli.WithHint(cli.Usagef("vanity: %s is a search for something else", path), "name no pattern to go on with it, or another file")
	}
	if s.c.IsSet("type") && keys.Identity.SigType() != s.signing {
		return cli.Usagef("vanity: %s is a search for %v keys", path, keys.Identity.SigType())
	}
	s.signing = keys.Identity.SigType()
	s.state.Patterns, s.state.keys, s.before = file.Patterns, keys, file.Tried
	s.state.next.Store(file.Unit)
	if !keys.Identity.JavaSends() {
		return s.state.renew(s.signing) // no candidate is likelier than another: nothing is lost
	}
	return nil
}

// save writes the state to the file of --resume; a search that is complete removes it.
func (s *vanitySearch) save(complete bool) error {
	path := s.c.String("resume")
	if path == "" {
		return nil
	}
	if complete {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	next := s.state.next.Load()
	b, err := json.Marshal(resumeFile{
		Patterns: s.state.Patterns,
		Keys:     i2p.EncodeBase64(s.state.keys.AppendTo(nil)),
		Unit:     next - min(next, uint64(s.threads)), // those being tried are tried again
		Tried:    s.before + s.tried.Load(),
	})
	if err != nil {
		return err
	}
	return cli.CreateFile(s.c, path, append(b, '\n'), true)
}
