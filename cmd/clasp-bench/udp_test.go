// What workload udp says of loss has to be true.

package main

import (
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

// testSpray is a spray at a router of this process.
func testSpray(t *testing.T) *spray {
	t.Helper()
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	to, port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	end, err := serving{udp: true, udpPort: port}.open(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	u, err := newSpray(rig{way: connect}, &process{addr: addr}, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.close)
	return u
}

// bursts has so many sent in each burst.
func bursts(sizes ...int) func(int) (int, error) {
	return func(burst int) (int, error) {
		if burst == len(sizes) {
			return 0, nil
		}
		return sizes[burst], nil
	}
}

func TestSprayCounts(t *testing.T) {
	u := testSpray(t)
	if s, err := u.send(bursts(1, udpBatch, udpBatch+1)); err != nil || s.sent != 2*udpBatch+2 || s.arrived != s.sent {
		t.Errorf("%+v, %v", s, err)
	}
	u.batch[1].Buffers[0][0]++ // no frame
	if s, err := u.send(bursts(2, 1, 3)); err != nil || s.sent != 6 || s.arrived != 4 {
		t.Errorf("two of six are lost: %+v, %v", s, err)
	}
}

func TestSprayNoticesRepetition(t *testing.T) {
	u := testSpray(t)
	_, err := u.send(func(burst int) (int, error) {
		if burst > 0 {
			return 0, nil
		}
		if _, err := u.witness.Write(u.sets.template(u.witness, wire.Confirm)); err != nil {
			return 0, err
		}
		_, err := u.witness.await(wire.TypeAck)
		return 1, err
	})
	if err == nil || !strings.Contains(err.Error(), "applied twice") {
		t.Errorf("one datagram and two revisions: %v", err)
	}
}
