// The subscriber of workload late, a process of its own: takes the snapshot of all params
// and every change, and checks that nothing is missed and nothing goes backwards.

package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/clasp-studio/clasp/router/wire"
)

// What it says on stdout, a line each.
const (
	joinSubscribing = "subscribing" // it asks for the params
	joinComplete    = "complete"    // it has a value of every param
	joinRight       = "right"       // it has the last value of every param
)

// joinPatience is how long the snapshot may take, on the slowest machine.
const joinPatience = time.Minute

func newJoinCommand() *cobra.Command {
	return &cobra.Command{
		Use: "join ADDRESS PARAMS", Hidden: true, Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			params, err := strconv.ParseUint(args[1], 10, 32)
			if err != nil {
				return err
			}
			return join(args[0], params, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

// join subscribes to all params, says when it has them all, then reads from stdin how
// many numbers were written in all, and ends when it has the last value of each param.
func join(addr string, params uint64, stdin io.Reader, stdout io.Writer) error {
	l, err := dialRouter(addr, "")
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.SetReadDeadline(time.Now().Add(joinPatience)); err != nil {
		return err
	}
	v := &view{sets: numbered{params}, newest: make([]uint64, params)}
	if _, err := fmt.Fprintln(stdout, joinSubscribing); err != nil {
		return err
	}
	_, err = l.Write(appendMessage(nil, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte(numberedPattern), Types: 0xff})))
	if err != nil {
		return err
	}
	if err := v.follow(l, func() bool { return v.seen == params }); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, joinComplete); err != nil {
		return err
	}
	var total atomic.Uint64
	go awaitTotal(l, stdin, &total)
	if err := v.follow(l, func() bool { return v.uptodate(total.Load()) }); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, joinRight)
	return err
}

// awaitTotal reads how many numbers there are, and then has the router send something, so
// that the reader wakes up even if everything has come.
func awaitTotal(l *link, stdin io.Reader, total *atomic.Uint64) {
	line, err := bufio.NewReader(stdin).ReadString('\n')
	n, parseErr := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
	if err != nil || parseErr != nil {
		_ = l.Close() // whoever started this has ended
		return
	}
	total.Store(n)
	_ = l.SetReadDeadline(time.Now().Add(patience))
	_, _ = l.Write(appendMessage(nil, wire.Fire, wire.AppendPing(nil))) // the reader meets the same error
}

// view is what a subscriber knows of the params.
type view struct {
	sets   numbered
	newest []uint64 // of each param the number that made its value, plus 1; 0 = not seen
	seen   uint64   // how many params
}

// follow takes what comes until done says so; it is asked when all that has been read is taken.
func (v *view) follow(l *link, done func() bool) error {
	for {
		p, err := l.next()
		switch {
		case err != nil:
			return err
		case p != nil:
			err = v.take(p)
		case done():
			return nil
		default:
			err = l.fill()
		}
		if err != nil {
			return err
		}
	}
}

// take notes a message.
func (v *view) take(p []byte) error {
	switch wire.Type(p[0]) {
	case wire.TypePong:
		return nil
	case wire.TypeSet:
		m, err := wire.DecodeSet(p)
		if err != nil {
			return err
		}
		return v.note(m.Address, m.Value, m.Revision)
	case wire.TypeSnapshot:
		m, err := wire.DecodeSnapshot(p)
		for e, ok := m.Next(); ok && err == nil; e, ok = m.Next() {
			err = v.note(e.Address, e.Value, e.Revision)
		}
		return err
	default:
		return unexpected(p)
	}
}

func (v *view) note(address []byte, value wire.Value, revision uint64) error {
	n, err := v.sets.check(address, value, revision)
	if err != nil {
		return err
	}
	newest := &v.newest[v.sets.param(n)]
	switch {
	case *newest == 0:
		v.seen++
	case n < *newest: // 1 is added to newest, so the same once more is meant too
		return fmt.Errorf("%s is number %d after %d: repeated or backwards", address, n, *newest-1)
	}
	*newest = n + 1
	return nil
}

// uptodate says whether every param has its last value, when there are so many numbers;
// 0 is not known yet.
func (v *view) uptodate(total uint64) bool {
	if total == 0 {
		return false
	}
	for _, newest := range v.newest {
		if newest+v.sets.count <= total {
			return false
		}
	}
	return true
}
