// The checks of numbered SETs have to notice what they are there for.

package main

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

var testSets = numbered{1000}

func TestNumberedVisitsEveryParam(t *testing.T) {
	for _, s := range []scale{fullScale, quickScale} {
		for _, count := range []int{s.active, s.params} {
			k, seen := numbered{uint64(count)}, make([]bool, count)
			for n := range k.count {
				if p := k.param(n); seen[p] {
					t.Fatalf("of %d params, %d comes twice", count, p)
				} else {
					seen[p] = true
				}
			}
		}
	}
}

func TestNumberedFillsMessages(t *testing.T) {
	message := testSets.template(new(link), wire.Confirm)
	testSets.fill(message, 123456)
	frame, _, err := wire.ReadFrame(message[2+maskSize:])
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.DecodeSet(frame.Payload)
	if err != nil || !bytes.Equal(m.Address, testSets.address(nil, 123456)) {
		t.Fatalf("%+v, %v", m, err)
	}
	if n, err := testSets.check(m.Address, m.Value, testSets.revision(123456)); n != 123456 || err != nil {
		t.Errorf("it is taken for number %d: %v", n, err)
	}
}

// numberedAck is the ACK of a number, as it has revision.
func numberedAck(n, revision uint64) []byte {
	return wire.AppendAck(nil, wire.Ack{HasAddress: true, Address: testSets.address(nil, n), HasRevision: true, Revision: revision})
}

func TestNumberedChecksACKs(t *testing.T) {
	for name, test := range map[string]struct {
		p  []byte
		ok bool
	}{
		"right":    {numberedAck(5001, 6), true},
		"revision": {numberedAck(5001, 7), false},
		"address":  {numberedAck(5002, 6), false},
		"other":    {wire.AppendPong(nil), false},
	} {
		if err := testSets.checkAck(test.p, 5001); err == nil != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// numberedSet is a number's SET as a router sends it.
func numberedSet(n, revision uint64) []byte {
	v := testSets.value(nil, n)
	return wire.AppendSet(nil, wire.Set{
		Address: testSets.address(nil, n), Value: wire.Value{Code: v[0], Data: v[1:]}, HasRevision: true, Revision: revision,
	})
}

// numberedSnapshot is a SNAPSHOT of numbers.
func numberedSnapshot(numbers ...uint64) []byte {
	p := wire.BeginSnapshot(nil)
	for _, n := range numbers {
		v := testSets.value(nil, n)
		p = wire.AppendSnapshotEntry(p, wire.SnapshotEntry{
			Address: testSets.address(nil, n), Value: wire.Value{Code: v[0], Data: v[1:]}, Revision: testSets.revision(n),
		})
	}
	wire.SetSnapshotCount(p, len(numbers))
	return p
}

func TestViewNoticesRepeatsAndOrder(t *testing.T) {
	for name, test := range map[string]struct {
		payloads [][]byte
		want     string // part of the error
	}{
		"rising":           {[][]byte{numberedSnapshot(0, 1001), numberedSet(1000, 2), numberedSet(3001, 4)}, ""},
		"SET first":        {[][]byte{numberedSet(1000, 2), numberedSnapshot(1, 2)}, ""},
		"twice":            {[][]byte{numberedSet(1000, 2), numberedSet(1000, 2)}, "repeated"},
		"snapshot repeats": {[][]byte{numberedSet(1000, 2), numberedSnapshot(1, 1000)}, "repeated"},
		"backwards":        {[][]byte{numberedSet(5000, 6), numberedSet(4000, 5)}, "backwards"},
		"old snapshot":     {[][]byte{numberedSet(5000, 6), numberedSnapshot(0)}, "backwards"},
		"revision":         {[][]byte{numberedSet(5000, 7)}, "belongs to"},
		"other message":    {[][]byte{wire.AppendPing(nil)}, "unexpected"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &view{sets: testSets, newest: make([]uint64, testSets.count)}
			var err error
			for _, p := range test.payloads {
				if err = v.take(p); err != nil {
					break
				}
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestViewWaitsForTheLastValues(t *testing.T) {
	v := &view{sets: testSets, newest: make([]uint64, testSets.count)}
	for n := range uint64(1500) {
		if err := v.take(numberedSet(n, testSets.revision(n))); err != nil {
			t.Fatal(err)
		}
	}
	if v.seen != testSets.count {
		t.Errorf("%d params seen, want %d", v.seen, testSets.count)
	}
	if v.uptodate(0) {
		t.Error("it is done before it knows how many there are")
	}
	if !v.uptodate(1500) {
		t.Error("all of 1500 numbers are here, and it goes on waiting")
	}
	if v.uptodate(1501) {
		t.Error("the last of 1501 numbers is missing, and it does not wait for it")
	}
}

// A message that does not fit into the buffer is read all the same, the largest too.
func TestLinkReadsLargeMessages(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	l := &link{Conn: client}
	const size = wire.MaxPayload
	frame, err := wire.AppendFrame(nil, wire.Fire, append([]byte{byte(wire.TypeSnapshot)}, make([]byte, size-1)...))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = server.Write(append([]byte{wsBinary, 127, 0, 0, 0, 0, 0, 1, 0, 3}, frame...)) // the reader says what is missing
		server.Close()
	}()
	if p, err := l.await(wire.TypeSnapshot); err != nil || len(p) != size {
		t.Errorf("%d bytes, %v; want %d", len(p), err, size)
	}
}
