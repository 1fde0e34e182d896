//go:build !linux

// Elsewhere nothing is shown on a terminal.

package main

import (
	"context"
	"errors"
	"os/exec"
	"sync/atomic"
	"time"
)

type seat struct {
	count atomic.Uint64
	told  time.Time
}

func openTerminal(_, _ uint16) (*seat, error) { return nil, errors.ErrUnsupported }

func (*seat) until(context.Context, string) error { return errors.ErrUnsupported }
func (*seat) types(string) error                  { return errors.ErrUnsupported }
func (*seat) of(*exec.Cmd)                        {}
func (*seat) close()                              {}
