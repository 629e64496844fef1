package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, programs)
}

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestManPage(t *testing.T) { clitest.ManPage(t, program()) }
