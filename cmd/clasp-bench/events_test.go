// The checks that make a run void have to notice what they are there for.

package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// eventPayload returns the CLASP payload of an event.
func eventPayload(number uint64) []byte {
	message := eventMessage(new(link))
	stamp(message, number, 0)
	return message[2+maskSize+wire.HeaderSize:]
}

func TestFollowNoticesLossAndOrder(t *testing.T) {
	for name, test := range map[string]struct {
		numbers []uint64
		ok      bool
	}{
		"complete": {[]uint64{0, 1, 2, 3}, true},
		"lost":     {[]uint64{0, 1, 3}, false},
		"twice":    {[]uint64{0, 1, 1}, false},
		"swapped":  {[]uint64{0, 2, 1}, false},
		"first":    {[]uint64{1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			received := 0
			take := follow(func(uint64, time.Duration) { received++ })
			var err error
			for _, n := range test.numbers {
				if err = take(eventPayload(n)); err != nil {
					break
				}
			}
			if ok := err == nil && received == len(test.numbers); ok != test.ok {
				t.Errorf("numbers %v: %d received, error %v", test.numbers, received, err)
			}
		})
	}
}

// setPayload is a SET as a router sends it.
func setPayload(param byte, value int64, revision uint64) []byte {
	v, err := wire.AppendAny(nil, value)
	if err != nil {
		panic(err)
	}
	addr := []byte(setAddress)
	addr[len(addr)-1] += param
	return wire.AppendSet(nil, wire.Set{Address: addr, Value: wire.Value{Code: v[0], Data: v[1:]}, HasRevision: true, Revision: revision})
}

func TestSubscriberNoticesLossAndOrder(t *testing.T) {
	for name, test := range map[string]struct {
		payloads [][]byte
		want     string // part of the error
	}{
		"rising":         {[][]byte{setPayload(0, 0, 1), setPayload(1, 1, 1), setPayload(0, 100, 2)}, ""},
		"conflated":      {[][]byte{setPayload(0, 0, 1), setPayload(0, 500, 6)}, ""},
		"falling":        {[][]byte{setPayload(0, 500, 6), setPayload(0, 400, 5)}, "after 500"},
		"twice":          {[][]byte{setPayload(0, 500, 6), setPayload(0, 500, 6)}, "after 500"},
		"wrong revision": {[][]byte{setPayload(0, 500, 7)}, "revision 7"},
		"wrong value":    {[][]byte{setPayload(0, 501, 6)}, "value 501"},
		"other message":  {[][]byte{wire.AppendPong(nil)}, "unexpected"},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			s := &subscriber{link: &link{Conn: client}, failed: make(chan error, 1)}
			go func() {
				for _, p := range test.payloads {
					_, _ = server.Write(appendMessage(nil, wire.Confirm, p)) // ends early when refused
				}
				server.Close()
			}()
			s.run()
			err := <-s.failed
			if test.want == "" {
				test.want = "EOF"
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestSubscriberWaitsForTheLastValues(t *testing.T) {
	s := &subscriber{}
	for i := range s.newest {
		s.newest[i] = uint64(100 + i)
	}
	arrived := func(sets uint64) bool {
		select {
		case <-s.has(sets):
			return true
		default:
			return false
		}
	}
	if !arrived(200) {
		t.Error("all values of 200 SETs are here, and it goes on waiting")
	}
	if arrived(201) {
		t.Error("the last of 201 SETs is missing, and it does not wait for it")
	}
}

// A message is found wherever the reads cut it.
func TestLinkReassembles(t *testing.T) {
	t.Run("WebSocket", func(t *testing.T) { testReassembles(t, new(link), []byte{0x89, 0}) }) // a ping before each
	t.Run("bare", func(t *testing.T) { testReassembles(t, &link{bare: true}, nil) })
}

func testReassembles(t *testing.T, l *link, before []byte) {
	client, server := net.Pipe()
	defer client.Close()
	l.Conn = client
	long := wire.AppendSubscribe(nil, wire.Subscribe{Pattern: []byte("/" + strings.Repeat("x", 300))})
	want := [][]byte{eventPayload(7), wire.AppendPing(nil), long, eventPayload(8)}
	go func() {
		for _, p := range want {
			for _, b := range l.message(before, wire.Fire, p) {
				_, _ = server.Write([]byte{b}) // the reader says what is missing
			}
		}
		server.Close()
	}()
	for i := range want {
		got, err := l.await(wire.Type(want[i][0]))
		if err != nil || string(got) != string(want[i]) {
			t.Fatalf("message %d is % x, %v; want % x", i, got, err, want[i])
		}
	}
}
