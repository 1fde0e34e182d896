// Workload durable: writers that each wait until the peer says that their value is on disk.

package versus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/barelog"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

const (
	// durableWriters is how many write at the same time, when it is not one.
	durableWriters = 64
	// durableAddresses is how many addresses each writes in turn. They are its own.
	durableAddresses = 16
)

var durable = workload{
	name:  "durable",
	title: "Acknowledged when it is on disk",
	about: "Each writer sends a value of 32 bytes, waits until the peer acknowledges that it is on disk, and sends the next: " +
		"clasp at QoS commit, nats to a JetStream with sync_interval always, redis with appendfsync always. " +
		"One writer first, then 64. In turns with that, the same bytes go into a bare log on the same disk, in process and without a network: " +
		"appended, and synced with fdatasync, with one sync for all that wait.",
	needs: peer.Durable,
	disk:  true,
	numbers: []number{
		{"one", "1 writer", perSecond, higher},
		{"one50", "1 writer, p50", millis, lower},
		{"one99", "1 writer, p99", millis, lower},
		{"one_share", "1 writer, of a bare log", percent, neither},
		{"many", "64 writers", perSecond, higher},
		{"many50", "64 writers, p50", millis, lower},
		{"many99", "64 writers, p99", millis, lower},
		{"many_share", "64 writers, of a bare log", percent, neither},
		{cpuNumber.key, "64 writers, server CPU an ACK", micros, lower},
		serverBusyNumber, loadBusyNumber,
	},
	run: runDurable,
}

func runDurable(ctx context.Context, r *rig) (res result, err error) {
	s, err := r.start(ctx, true)
	if err != nil {
		return result{}, err
	}
	defer end(s, &err)
	writers := make([]*durableWriter, durableWriters)
	for i := range writers {
		c, err := r.peer.Dial(ctx, s.Addr())
		if err != nil {
			return result{}, err
		}
		defer abandon(c)
		if err := c.SetDeadline(time.Now().Add(3*r.duration + process.Patience)); err != nil {
			return result{}, err
		}
		writers[i] = newDurableWriter(c, i)
	}
	log, err := barelog.Open(filepath.Join(r.dir, "bare.log"))
	if err != nil {
		return result{}, err
	}
	defer func() { _ = log.Close() }() // it is thrown away
	record := bytes.Repeat([]byte{'.'}, len(durableAddress(0, 0))+peer.PayloadSize)
	bare := func(int) error { return log.Put(record) }
	write := func(i int) error { return writers[i].write() }

	for _, put := range []func(int) error{write, bare} { // files grow and buffers fill
		if _, _, err := persist(durableWriters, r.duration/10, put); err != nil {
			return result{}, err
		}
	}
	for _, of := range []struct {
		key     string
		writers int
	}{{"one", 1}, {"many", durableWriters}} {
		m := measure(s)
		waits, rate, err := persist(of.writers, r.duration/2, write)
		if err != nil {
			return result{}, err
		}
		u := m.stop()
		_, limit, err := persist(of.writers, r.duration/4, bare)
		if err != nil {
			return result{}, err
		}
		res.keep(of.key, waits)
		res.set(of.key, rate)
		res.set(of.key+"50", inMillis(waits.quantile(0.5)))
		res.set(of.key+"99", inMillis(waits.quantile(0.99)))
		res.set(of.key+"_share", 100*rate/limit)
		if of.writers > 1 {
			u.add(&res, r.at, waits.total)
		}
	}
	return res, ctx.Err()
}

// persist lets so many write for as long as d, each of them one value after another, and
// returns how long each took and how many there were a second.
func persist(writers int, d time.Duration, write func(i int) error) (waits *histogram, rate float64, err error) {
	var (
		mu   sync.Mutex
		done sync.WaitGroup
	)
	waits = new(histogram)
	start := time.Now()
	for i := range writers {
		done.Go(func() {
			var own histogram
			var failed error
			for now := start; failed == nil && now.Sub(start) < d; {
				before := now
				failed = write(i)
				now = time.Now()
				own.add(now.Sub(before))
			}
			mu.Lock()
			defer mu.Unlock()
			waits.merge(&own)
			if failed != nil {
				err = errors.Join(err, fmt.Errorf("writer %d: %w", i, failed))
			}
		})
	}
	done.Wait()
	return waits, float64(waits.total) / time.Since(start).Seconds(), err
}

// durableWriter is a client with addresses of its own.
type durableWriter struct {
	*peer.Conn
	number       uint32
	addresses    [durableAddresses]string
	sent         uint64
	out, payload []byte
}

func newDurableWriter(c *peer.Conn, i int) *durableWriter {
	w := &durableWriter{Conn: c, number: uint32(i)}
	for k := range w.addresses {
		w.addresses[k] = durableAddress(i, k)
	}
	return w
}

// durableAddress is what writer i writes as its k-th.
func durableAddress(i, k int) string { return fmt.Sprintf("/bench/durable/%02d/%02d", i, k) }

// write returns when the peer says that a value is on disk.
func (w *durableWriter) write() error {
	w.payload = peer.Stamp{Publisher: w.number, Sequence: w.sent}.Append(w.payload[:0])
	w.out = w.AppendDurable(w.out[:0], w.addresses[w.sent%durableAddresses], w.payload)
	w.sent++
	if _, err := w.Write(w.out); err != nil {
		return err
	}
	for {
		switch n, err := w.ReadAcks(nil); {
		case err != nil:
			return err
		case n == 1:
			return nil
		case n > 1:
			return fmt.Errorf("%d ACKs for one write", n)
		}
	}
}
