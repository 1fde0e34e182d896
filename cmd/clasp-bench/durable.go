// Workload durable: clients write params at commit, and each waits for the ACK, which
// says that the value is on disk. In turns with them, the same records go to the same
// disk through bbolt.Batch and through a plain log (yardstick.go), without a network.

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// durableClients is how many clients write at the same time, when it is not one.
	durableClients = 64
	// durableParams is how many params each client writes in turn. They are its own.
	durableParams = 16
	// durableRounds is how often the contenders take turns in a run.
	durableRounds = 5
)

func runDurable(ctx context.Context, r rig) (result, error) {
	p, err := r.start(ctx, persistTo(r.dir)...)
	if err != nil {
		return result{}, err
	}
	defer p.Stop()
	clients := make([]*committer, durableClients)
	for i := range clients {
		l, err := r.dial(p, "")
		if err != nil {
			return result{}, p.Explain(err)
		}
		defer l.Close()
		if err := l.SetDeadline(time.Now().Add(10*r.scale.duration + patience)); err != nil {
			return result{}, err
		}
		clients[i] = newCommitter(l, i)
	}
	batch, err := openBatchStick(filepath.Join(r.dir, "batch.db"))
	if err != nil {
		return result{}, err
	}
	defer func() { _ = batch.close() }() // it is thrown away
	log, err := openLogStick(filepath.Join(r.dir, "plain.log"))
	if err != nil {
		return result{}, err
	}
	defer func() { _ = log.close() }() // this too
	through := func(s yardstick) func(int) error {
		sent := make([]uint64, durableClients)
		records := make([][]byte, durableClients)
		return func(i int) error {
			key := durableAddress(nil, i, sent[i])
			records[i] = storedRecord(records[i][:0], key, sent[i])
			sent[i]++
			return s.put(key, records[i])
		}
	}
	asks := []func(int) error{func(i int) error { return clients[i].commit() }, through(batch), through(log)}
	contest := func(tallies []tally, d time.Duration) error {
		for i, ask := range asks {
			if err := tallies[2*i].closedLoop(1, d, ask); err != nil {
				return p.Explain(err)
			}
			if err := tallies[2*i+1].closedLoop(durableClients, d, ask); err != nil {
				return p.Explain(err)
			}
		}
		return ctx.Err()
	}
	// Files grow and buffers fill.
	if err := contest(make([]tally, 2*len(asks)), r.scale.duration/(2*durableRounds)); err != nil {
		return result{}, err
	}
	tallies := make([]tally, 2*len(asks))
	for range durableRounds {
		if err := contest(tallies, r.scale.duration/durableRounds); err != nil {
			return result{}, err
		}
	}
	one, many, batchOne, batchMany, logOne, logMany := &tallies[0], &tallies[1], &tallies[2], &tallies[3], &tallies[4], &tallies[5]
	return result{values: []float64{
		one.rate(), quantile(one.waits, 0.5), quantile(one.waits, 0.99),
		many.rate(), quantile(many.waits, 0.5), quantile(many.waits, 0.99),
		batchOne.rate(), one.rate() / batchOne.rate(), batchMany.rate(), many.rate() / batchMany.rate(),
		logOne.rate(), one.rate() / logOne.rate(), logMany.rate(), many.rate() / logMany.rate(),
	}}, nil
}

// committer is a client with params of its own. It numbers its SETs from 0: number n is
// the value of its param n%durableParams and makes revision n/durableParams+1.
type committer struct {
	*link
	i            int
	sent         uint64
	address, out []byte
}

func newCommitter(l *link, i int) *committer { return &committer{link: l, i: i} }

// commit writes a param and returns when the router says that it is on disk.
func (c *committer) commit() error {
	n := c.sent
	c.sent++
	c.address = durableAddress(c.address[:0], c.i, n)
	value := binary.BigEndian.AppendUint64(nil, n)
	c.out = appendMessage(c.out[:0], wire.Commit, wire.AppendSet(nil, wire.Set{
		Address: c.address, Value: wire.Value{Code: wire.I64Code, Data: value},
	}))
	if _, err := c.Write(c.out); err != nil {
		return err
	}
	p, err := c.await(wire.TypeAck)
	if err != nil {
		return err
	}
	ack, err := wire.DecodeAck(p)
	if err != nil {
		return err
	}
	if !bytes.Equal(ack.Address, c.address) || ack.Revision != n/durableParams+1 {
		return fmt.Errorf("number %d got an ACK for %s at revision %d, want %s at %d", n, ack.Address, ack.Revision, c.address, n/durableParams+1)
	}
	return nil
}

// storedRecord appends what the yardsticks store for number n. It is as large as the
// router's own record of such a write (router/store, record.go): besides address and
// value, 47 bytes of fixed fields and the session id of the writer, which is a UUID.
func storedRecord(dst, address []byte, n uint64) []byte {
	var rest [47 + 36]byte
	dst = append(append(dst, rest[:]...), address...)
	return binary.BigEndian.AppendUint64(append(dst, wire.I64Code), n)
}

// durableAddress appends the address of what client i writes as number n.
func durableAddress(dst []byte, i int, n uint64) []byte {
	return fmt.Appendf(dst, "/bench/durable/%02d/%02d", i, n%durableParams)
}
