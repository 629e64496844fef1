package main

import (
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestInterrupt(t *testing.T) {
	const router = "DYNfK8Jw4dbPDCZzaEZ0GwtGUVv1ekySDJyB0pMSg3U="
	clitest.Interrupts(t, program(), nil, []string{"completion"},
		"-", "--json -", "--socket @router "+router, "--leaseset --socket @router "+router, "--socket @router --json "+router+" -")
}
