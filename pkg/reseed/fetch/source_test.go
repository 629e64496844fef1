package fetch

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/reseed"
)

// TestSource: every kind of file, and directories, by what they hold and not by their names.
func TestSource(t *testing.T) {
	s, stranger := valid(t, "a@mail.i2p"), valid(t, "b@mail.i2p")
	infos := append(routers(t, 1, 6, 2), routers(t, 2, 2, 7)...)
	dir := t.TempDir()
	netDb, err := netdbdir.Open(filepath.Join(dir, "netDb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, ri := range infos {
		if err := netDb.Store(ri.Hash(), ri.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "netDb", "routerInfo-x.dat"), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		content  []byte
		want     Result
		accepted int
		text     string
	}{
		"netDb":   {nil, OK, 6, "6 RouterInfos, 3 rejected: 2 network 7, expected 2, 1 no RouterInfo"},
		"su3":     {s.bundle(t, time.Now(), infos), OK, 6, "6 RouterInfos, 2 rejected"},
		"old":     {s.bundle(t, time.Now().AddDate(0, -2, 0), infos), OK, 6, ""},
		"foreign": {stranger.bundle(t, time.Now(), infos), Signer, 0, `unknown signer: "b@mail.i2p"`},
		"zip":     {zipOf(t, infos), OK, 6, ""},
		"nothing": {zipOf(t, nil), Nothing, 0, "no RouterInfos in it"},
		"info":    {infos[0].Bytes(), OK, 1, "1 RouterInfo"},
		"other":   {infos[7].Bytes(), Nothing, 0, "none of 1 RouterInfo is of use: 1 network 7, expected 2"},
		"junk":    {[]byte("something else"), NotSU3, 0, "neither a su3 file, nor a zip, nor a RouterInfo"},
		"page":    {[]byte("<html>"), NotSU3, 0, "neither a su3 file, nor a zip, nor a RouterInfo"},
		"empty":   {[]byte{}, NotSU3, 0, "an empty"},
		"large":   {append([]byte("I2Psu3"), make([]byte, reseed.MaxBundle)...), Malformed, 0, "not as bundles are made"},
	} {
		t.Run(name, func(t *testing.T) {
			path, cfg := filepath.Join(dir, name), Config{Trust: trustOf(t, s)}
			if tt.content != nil {
				if err := os.WriteFile(path, tt.content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, path := range []string{path, "-"} {
				if path == "-" {
					if tt.content == nil {
						continue
					}
					cfg.Open = contentOf(tt.content)
				}
				report, got, err := Source(t.Context(), cfg, path)
				if report.Result != tt.want || len(got) != tt.accepted || report.Accepted != tt.accepted || (err == nil) != (tt.want == OK) {
					t.Errorf("%s: %d RouterInfos, %+v, %v", path, len(got), report, err)
				}
				if !strings.Contains(report.Reason, tt.text) || report.Server != path || report.Reason == "" {
					t.Errorf("%s: %q, expected %q", path, report.Reason, tt.text)
				}
			}
		})
	}
}

// TestMissingSource: it is said, and counts as not reached.
func TestMissingSource(t *testing.T) {
	report, _, err := Source(t.Context(), Config{}, filepath.Join(t.TempDir(), "missing"))
	if !errors.Is(err, fs.ErrNotExist) || report.Result != Local || !report.Result.Unreached() || !strings.Contains(report.Reason, "no such file") {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestSpecialSource: a pipe or a device is not waited for, unless whoever asks opens it.
func TestSpecialSource(t *testing.T) {
	report, _, err := Source(t.Context(), Config{}, os.DevNull)
	if !errors.Is(err, netdbdir.ErrSpecial) || report.Result != Local || report.Reason != netdbdir.ErrSpecial.Error() {
		t.Errorf("%+v, %v", report, err)
	}
	infos := routers(t, 1, 1, 2)
	report, got, err := Source(t.Context(), Config{Open: contentOf(infos[0].Bytes())}, os.DevNull)
	if err != nil || len(got) != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestNamedHyphen: a directory of that name does not stand before what Open has for it.
func TestNamedHyphen(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("-", 0o700); err != nil {
		t.Fatal(err)
	}
	infos := routers(t, 1, 1, 2)
	report, got, err := Source(t.Context(), Config{Open: contentOf(infos[0].Bytes())}, "-")
	if err != nil || len(got) != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

// contentOf opens the same whatever is named.
func contentOf(b []byte) func(string) (io.ReadCloser, error) {
	return func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// TestOldSource: RouterInfos that are too old for anything.
func TestOldSource(t *testing.T) {
	infos := routers(t, 1, 2, 2)
	later := func() time.Time { return time.Now().AddDate(0, 2, 0) }
	report, got, err := Source(t.Context(), Config{Now: later, Open: contentOf(infos[0].Bytes())}, "-")
	if err == nil || len(got) > 0 || report.Rejected["older than 30 days"] != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

func FuzzParseServer(f *testing.F) {
	f.Add("https://reseed.example.org/")
	f.Add("https://reseed.example.org:8443/x/i2pseeds.su3?netid=2#y")
	f.Add("http://[324:71e:281a:9ed3::ace]:7070/")
	f.Fuzz(func(t *testing.T, text string) {
		server, err := ParseServer(text)
		if err != nil {
			return
		}
		again, err := ParseServer(server)
		if err != nil || again != server || !strings.HasSuffix(server, "/") {
			t.Fatalf("%q is %q, and then %q, %v", text, server, again, err)
		}
		if _, err := newRequest(Config{NetID: 2}, server); err != nil {
			t.Fatalf("%q: %v", server, err)
		}
	})
}
