package control

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	built := func(version string, settings ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{Main: debug.Module{Version: version}}
		for i := 0; i < len(settings); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return info
	}
	const commit = "403669a1b2c3d4e5f60718293a4b5c6d7e8f9012"
	for want, info := range map[string]*debug.BuildInfo{
		"1.2.3":                             built("v1.2.3", "vcs.revision", commit, "vcs.modified", "false"),
		"1.2.3+dirty":                       built("v1.2.3+dirty", "vcs.revision", commit, "vcs.modified", "true"),
		release + "-dev":                    built(""),
		release + "-dev+403669a1b2c3":       built("v0.0.0-20261126040831-403669a1b2c3", "vcs.revision", commit, "vcs.modified", "false"),
		release + "-dev+403669a1b2c3.dirty": built("(devel)", "vcs.revision", commit, "vcs.modified", "true"),
	} {
		if got := versionOf(info); got != want {
			t.Errorf("%+v: %s, expected %s", info, got, want)
		}
	}
	if Version() == "" {
		t.Error("there is no version")
	}
}
