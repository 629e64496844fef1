//go:build !linux

package clitest

import (
	"errors"
	"os"
)

func openPTY() (ours, theirs *os.File, err error) { return nil, nil, errors.ErrUnsupported }
