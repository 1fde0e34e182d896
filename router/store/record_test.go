package store

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func sampleRecords() []Record {
	return []Record{
		{Address: []byte("/a"), Value: []byte{2, 1}, Revision: 1},
		{
			Address: []byte("/lights/front/3/dimmer"), Value: bytes.Repeat([]byte{0xAB}, 300), Revision: 1<<62 - 1,
			Writer: []byte("session-1"), Written: 1_700_000_000_000_000, TTL: 0x8000_0005, Expires: 1_700_000_005_000_000,
			Strategy: 3, Timeline: true,
		},
		{Address: []byte("/empty"), Value: []byte{}, Writer: []byte{}},
		{Address: []byte("/gone"), Value: nil, Revision: 77, Writer: []byte("w")},
	}
}

// same compares records, for which no writer is an empty one.
func same(a, b Record) bool {
	if len(a.Writer) == 0 && len(b.Writer) == 0 {
		a.Writer, b.Writer = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func TestRecordRoundTrip(t *testing.T) {
	var all []byte
	for _, r := range sampleRecords() {
		all = appendRecord(all, &r, 7)
	}
	rest := all
	for _, want := range sampleRecords() {
		var got Record
		var err error
		if got, rest, err = readRecord(rest, 7); err != nil {
			t.Fatal(err)
		}
		if !same(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if len(rest) != 0 {
		t.Errorf("%d bytes left", len(rest))
	}
}

func TestRecordCountsEpochs(t *testing.T) {
	b := appendRecord(nil, &Record{Address: []byte("/a"), Value: []byte{0}, Revision: 5}, 7)
	for now, want := range map[uint32]uint64{7: 5, 8: 5 + 1<<20, 4103: 5 + 4096<<20} {
		if r, _, err := readRecord(b, now); err != nil || r.Revision != want {
			t.Errorf("in epoch %d: revision %d, %v, want %d", now, r.Revision, err, want)
		}
	}
	if r, _, err := readRecord(b, 6); !errors.Is(err, errRecord) {
		t.Errorf("a record of a later epoch is read as %+v, %v", r, err)
	}
	b = appendRecord(nil, &Record{Address: []byte("/a"), Value: []byte{0}, Revision: 1 << 63}, 0)
	if r, _, err := readRecord(b, 0); !errors.Is(err, errRecord) {
		t.Errorf("a revision that cannot be is read as %+v, %v", r, err)
	}
}

func TestRecordTruncatedAnywhere(t *testing.T) {
	for _, r := range sampleRecords() {
		b := appendRecord(nil, &r, 1)
		for n := range b {
			if got, _, err := readRecord(b[:n:n], 1); !errors.Is(err, errRecord) {
				t.Fatalf("%d of %d bytes are read as %+v, %v", n, len(b), got, err)
			}
		}
	}
}

func TestRecordFlippedAnywhere(t *testing.T) {
	for _, r := range sampleRecords() {
		b := appendRecord(nil, &r, 1)
		for bit := range 8 * len(b) {
			b[bit/8] ^= 1 << (bit % 8)
			if got, _, err := readRecord(b, 1); !errors.Is(err, errRecord) {
				t.Fatalf("with bit %d flipped it is read as %+v, %v", bit, got, err)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func FuzzReadRecord(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte, now uint32) {
		r, rest, err := readRecord(b, now)
		if err != nil {
			return
		}
		// What is read and written again is the same, but for the epoch it counts from.
		again, left, err := readRecord(appendRecord(nil, &r, now), now)
		if r.Revision < 1<<63 && (err != nil || len(left) != 0 || !same(again, r)) {
			t.Errorf("%+v comes back as %+v, %v", r, again, err)
		}
		if len(rest) >= len(b) {
			t.Errorf("%d bytes of %d are left", len(rest), len(b))
		}
	})
}
