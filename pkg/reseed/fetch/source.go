package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/su3"
)

// sourceMaxAge is how old the RouterInfos of a source may be: who gives us a file may have no
// newer one, and old ones are better than none.
const sourceMaxAge = 30 * 24 * time.Hour

// Source reads a su3 file, whose signature counts; or a zip, a netDb directory or a RouterInfo,
// which whoever names them vouches for. The error is an *Error where something was read.
func Source(ctx context.Context, cfg Config, path string) (Report, []*routerinfo.RouterInfo, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return Report{Server: path}, nil, err
	}
	o := begin(cfg, path)
	if info, err := os.Stat(path); path != "-" && err == nil && (info.IsDir() || info.Mode().IsRegular() && isZip(path)) {
		return o.netDb(ctx)
	}
	body, err := readSource(cfg, path)
	if err != nil {
		return o.unread(err)
	}
	o.report.Bytes = int64(len(body))
	o.file(body)
	return o.end()
}

// unread is the end of a source that cannot be read at all.
func (o *outcome) unread(err error) (Report, []*routerinfo.RouterInfo, error) {
	o.report.Result, o.report.Reason = Local, innermost(err).Error()
	return o.report, nil, fmt.Errorf("fetch: %w", err)
}

func readSource(cfg Config, path string) ([]byte, error) {
	f, err := cfg.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, reseed.MaxBundle+1)) // one more: OpenBundle refuses it
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// file tells by its beginning what was read.
func (o *outcome) file(body []byte) {
	open := reseed.OpenConfig{Trust: o.cfg.Trust, Now: o.begun, NetID: o.cfg.NetID, MaxAge: sourceMaxAge}
	switch result, text := explainBody(body, nil); {
	case result == "":
		o.open(body, open)
		if o.report.Result == Hostile { // whoever named the file means well
			o.report.Result = Malformed
		}
	case su3.IsZip(body):
		open.Own = true
		o.open(body, open)
	default:
		ri, err := routerinfo.Parse(body)
		if err != nil {
			if result == NotSU3 && len(body) > 0 {
				text = "neither a su3 file, nor a zip, nor a RouterInfo"
			}
			o.fail(result, text, err)
			return
		}
		o.report.Found = 1
		if err := o.judge(ri); err != nil {
			o.reject(err.Error(), 1)
			o.accept(nil)
			return
		}
		o.accept([]*routerinfo.RouterInfo{ri})
	}
}

// judge applies to a single RouterInfo what reseed.OpenBundle applies to those of a bundle.
func (o *outcome) judge(ri *routerinfo.RouterInfo) error {
	switch age := o.begun.Sub(ri.Published().Time()); {
	case ri.NetID() != o.cfg.NetID:
		return fmt.Errorf("network %d, expected %d", ri.NetID(), o.cfg.NetID)
	case age > sourceMaxAge:
		return fmt.Errorf("older than %s", span(sourceMaxAge))
	case age < -maxAhead:
		return errors.New("from the future")
	case ri.Verify() != nil:
		return errors.New("bad signature")
	}
	return nil
}

// isZip looks at a file's beginning.
func isZip(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	n, _ := io.ReadFull(f, magic[:])
	return su3.IsZip(magic[:n])
}

// netDb reads a netDb directory, or a zip of one, whatever else is in it.
func (o *outcome) netDb(ctx context.Context) (Report, []*routerinfo.RouterInfo, error) {
	var infos []*routerinfo.RouterInfo
	loaded, err := netdbdir.Load(ctx, o.report.Server, netdbdir.LoadConfig{}, func(ri *routerinfo.RouterInfo) {
		o.report.Bytes += int64(len(ri.Bytes()))
		if err := o.judge(ri); err != nil {
			o.reject(err.Error(), 1)
			return
		}
		infos = append(infos, ri)
	})
	var file *fs.PathError
	switch {
	case errors.As(err, &file) || ctx.Err() != nil:
		return o.unread(err)
	case err != nil:
		o.fail(Malformed, strings.TrimPrefix(err.Error(), "netdbdir: "), err)
		return o.end()
	}
	o.report.Found = loaded.Files
	o.reject("no RouterInfo", loaded.Junk)
	o.reject("RouterInfo of another router than its name says", loaded.Misnamed)
	o.reject("too many files", loaded.Skipped)
	o.accept(infos)
	return o.end()
}
