package ws_test

// Reading along in a race: what a subscriber is told, held against the first three promises of ARCHITECTURE.md.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// watch is what one session has been told of params.
type watch struct {
	seen       map[string]known
	contiguous bool // it is so quick a reader that no revision may be missing
	frames     int
	acks       int
}

type known struct {
	revision uint64
	value    uint64
}

// done is the address of the event that says that the last write has been made.
const done = "/done"

// follow reads until done has come and all addresses in want have got there; until then want may be nil. each is called
// before every read, and may stop the reading with an error.
func (c *client) follow(w *watch, want <-chan map[string]known, each func() error) error {
	over := false
	var last map[string]known
	for {
		if over {
			missing := ""
			for addr, k := range last {
				if w.seen[addr] != k {
					missing = fmt.Sprintf("%s is at %+v, the last is %+v", addr, w.seen[addr], k)
					break
				}
			}
			if missing == "" {
				return nil
			}
			// What it has not got yet has to come.
			_ = c.SetReadDeadline(time.Now().Add(patience))
			if err := c.take(w); err != nil {
				return fmt.Errorf("%s: %w", missing, err)
			}
			continue
		}
		if each != nil {
			if err := each(); err != nil {
				return err
			}
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		switch err := c.take(w); {
		case errors.Is(err, errDone):
			over, last = true, <-want
		case err != nil:
			return err
		}
	}
}

var errDone = errors.New("the last write has been made")

// take reads one frame into w.
func (c *client) take(w *watch) error {
	f, err := c.read()
	if err != nil {
		return err
	}
	w.frames++
	switch f.kind {
	case wire.TypeSet:
		m, err := wire.DecodeSet(f.payload)
		if err != nil {
			return err
		}
		return w.note(m.Address, m.Value, m.Revision, true)
	case wire.TypeSnapshot:
		m, err := wire.DecodeSnapshot(f.payload)
		if err != nil {
			return err
		}
		for e, ok := m.Next(); ok; e, ok = m.Next() {
			if err := w.note(e.Address, e.Value, e.Revision, false); err != nil {
				return err
			}
		}
	case wire.TypePublish:
		m, err := wire.DecodePublish(f.payload)
		if err != nil {
			return err
		}
		if string(m.Address) == done {
			return errDone
		}
	case wire.TypeAck:
		w.acks++
	case wire.TypePong, wire.TypeWelcome:
	default:
		return fmt.Errorf("got %v", f)
	}
	return nil
}

// note holds one value against what was known: a SET is of a greater revision, a snapshot may say the same one again.
func (w *watch) note(addr []byte, v wire.Value, revision uint64, live bool) error {
	stamp, ok := stampOf(v)
	if !ok {
		return nil // part of the scenery
	}
	old := w.seen[string(addr)]
	now := known{revision, stamp}
	switch {
	case revision < old.revision, live && revision == old.revision:
		how := "SNAPSHOT"
		if live {
			how = "SET"
		}
		return fmt.Errorf("%s of %s says revision %d after %d", how, addr, revision, old.revision)
	case revision == old.revision && now != old:
		return fmt.Errorf("%s has two values at revision %d: %d and %d", addr, revision, old.value, now.value)
	case w.contiguous && live && revision != old.revision+1:
		return fmt.Errorf("%s goes from revision %d to %d", addr, old.revision, revision)
	}
	if w.seen == nil {
		w.seen = make(map[string]known)
	}
	w.seen[string(addr)] = now
	return nil
}

// burst sends messages at confirm in one write and waits for the last ACK. What comes before it is noted.
func (c *client) burst(w *watch, payloads [][]byte) error {
	var b []byte
	for _, p := range payloads {
		b = append(b, message(wire.Confirm, p)...)
	}
	if err := c.write(b); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for left := len(payloads); left > 0; {
		acks := w.acks
		if err := c.take(w); err != nil {
			return err
		}
		left -= w.acks - acks
	}
	return nil
}

// finish says that the last write has been made, and tells what everyone has to end on. c is not subscribed.
func (c *client) finish(t testing.TB, want chan<- map[string]known, readers int, addresses []string) {
	t.Helper()
	last := make(map[string]known)
	for _, addr := range addresses {
		c.send(t, wire.Fire, get(addr))
		e := c.expectSnapshot(t)[0]
		stamp, _ := stampOf(e.Value)
		last[addr] = known{e.Revision, stamp}
	}
	for range readers {
		want <- last
	}
	c.send(t, wire.Confirm, publish(wire.Event, done, 1))
	c.expectAck(t, done)
}

// filler is a value that no watch looks at.
var filler = strings.Repeat("x", 40)

// large is a value of n bytes that tells a number.
func large(i, n int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, n), uint64(i))[:n] }

// stampOf returns the number that a value tells, if it does.
func stampOf(v wire.Value) (uint64, bool) {
	switch {
	case v.Code == wire.I64Code:
		return number(v), true
	case v.Code == wire.BytesCode && len(v.Data) >= 10:
		return binary.BigEndian.Uint64(v.Data[2:]), true
	}
	return 0, false
}
