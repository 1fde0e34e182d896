// The parsers over bytes as the peers send them: whole, cut in any place, wrong, and how
// fast they are.

package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/router/wire"
)

// spoken is what a peer sends.
type spoken struct {
	name  string
	speak func() protocol
	begin []byte // before anything else
	// delivery is a message with a payload, as a peer sends it to a subscriber.
	delivery func(payload []byte) []byte
	// others are messages that carry no payload, with what a scan is to find in them.
	others []other
	// wrong cannot go on, and cannot be taken for anything else.
	wrong [][]byte
}

type other struct {
	bytes                 []byte
	acks, pongs, subs, to int // to: bytes of a reply
}

// fromServer is a WebSocket message without a mask.
func fromServer(first byte, body []byte) []byte {
	if len(body) < 126 {
		return append([]byte{first, byte(len(body))}, body...)
	}
	return append([]byte{first, 126, byte(len(body) >> 8), byte(len(body))}, body...)
}

func claspFrame(t testing.TB, payload []byte) []byte {
	frame, err := wire.AppendFrame(nil, wire.Confirm, payload)
	if err != nil {
		t.Fatal(err)
	}
	return fromServer(wsBinary, frame)
}

// text is a payload as a value of CLASP.
func text(payload []byte) wire.Value {
	return wire.Value{Code: wire.StringCode, Data: append([]byte{0, byte(len(payload))}, payload...)}
}

// protoBytes is a field of a protobuf message.
func protoBytes(number int, value []byte) []byte {
	return append(binary.AppendUvarint([]byte{protoField(number, 2)}, uint64(len(value))), value...)
}

// replies is a WebSocket message with replies of centrifuge.
func replies(bodies ...[]byte) []byte {
	var all []byte
	for _, b := range bodies {
		all = append(binary.AppendUvarint(all, uint64(len(b))), b...)
	}
	return fromServer(wsBinary, all)
}

func languages(t testing.TB) []spoken {
	published := func(payload []byte) wire.Publish {
		return wire.Publish{Signal: wire.Event, Address: []byte("/bench/a/12"), HasValue: true, Value: text(payload)}
	}
	snapshot := wire.BeginSnapshot(nil)
	wire.SetSnapshotCount(snapshot, 0)
	id := []byte{protoField(commandID, 0), 0x81, 0x01} // 129
	push := func(payload []byte) []byte {
		return protoBytes(replyPush, append(protoBytes(2, []byte("bench:a:12")), protoBytes(pushPub, append(protoBytes(pubData, payload), protoField(6, 0), 7))...))
	}
	wsWrong := [][]byte{
		fromServer(wsClose, []byte("\x03\xe8bye")), {wsBinary, wsMasked | 4, 1, 2, 3, 4, 5, 6, 7, 8}, {0x81, 2, 'h', 'i'},
		{wsBinary, 127, 0xff, 0, 0, 0, 0, 0, 0, 0}, {0x02, 1, 'x'},
	}
	return []spoken{
		{
			name: "clasp", speak: speakCLASP,
			delivery: func(p []byte) []byte { return claspFrame(t, wire.AppendPublish(nil, published(p))) },
			others: []other{
				{bytes: claspFrame(t, wire.AppendAck(nil, wire.Ack{})), acks: 1},
				{bytes: claspFrame(t, wire.AppendPong(nil)), pongs: 1},
				{bytes: claspFrame(t, snapshot)},
				{bytes: fromServer(wsPing, []byte("alive?")), to: 2 + maskSize + 6},
				{bytes: fromServer(wsPong, nil)},
			},
			wrong: append(wsWrong, claspFrame(t, wire.AppendError(nil, wire.ErrorMessage{Code: 429, Message: []byte("too many")})),
				fromServer(wsBinary, []byte("no frame")), claspFrame(t, []byte{byte(wire.TypePublish)}),
				claspFrame(t, wire.AppendSet(nil, wire.Set{Address: []byte("/a"), Value: wire.Value{Code: wire.NullCode}}))),
		},
		{
			name: "clasp params", speak: speakCLASP,
			delivery: func(p []byte) []byte {
				return claspFrame(t, wire.AppendSet(nil, wire.Set{Address: []byte("/bench/a/12"), Value: text(p), HasRevision: true, Revision: 3}))
			},
		},
		{
			name: "clasp snapshots", speak: speakCLASP,
			delivery: func(p []byte) []byte {
				b := wire.AppendSnapshotEntry(wire.BeginSnapshot(nil), wire.SnapshotEntry{Address: []byte("/bench/a/12"), Value: text(p), Revision: 1})
				wire.SetSnapshotCount(b, 1)
				return claspFrame(t, b)
			},
		},
		{
			name: "nats", speak: speakNATS,
			delivery: func(p []byte) []byte { return fmt.Appendf(nil, "MSG bench.a.12 1 %d\r\n%s\r\n", len(p), p) },
			others: []other{
				{bytes: []byte("PONG\r\n"), pongs: 1}, {bytes: []byte("+OK\r\n")}, {bytes: []byte("PING\r\n"), to: 6}, {bytes: []byte("INFO {}\r\n")},
				{bytes: []byte("MSG _INBOX.x 0 26\r\n{\"stream\":\"BENCH\",\"seq\":7}\r\n"), acks: 1},
			},
			wrong: [][]byte{
				[]byte("-ERR 'Slow Consumer'\r\n"), []byte("MSG bench.a.12 1 x\r\n"), []byte("\n"), []byte("MSG bench.a.12 1 2\r\nabcd\r\n"),
				[]byte("MSG _INBOX.x 0 13\r\n{\"error\":\"no\"}\r\n"), bytes.Repeat([]byte{'x'}, natsLineLimit+1), []byte("MSG\r\n"), []byte("MSG a 1 99999999999\r\n"),
			},
		},
		{
			name: "redis", speak: speakRedis,
			delivery: func(p []byte) []byte {
				return fmt.Appendf(nil, "*3\r\n$7\r\nmessage\r\n$10\r\nbench:a:12\r\n$%d\r\n%s\r\n", len(p), p)
			},
			others: []other{
				{bytes: []byte("+PONG\r\n"), pongs: 1}, {bytes: []byte("*2\r\n$4\r\npong\r\n$0\r\n\r\n"), pongs: 1}, {bytes: []byte(":12\r\n")},
				{bytes: []byte("+OK\r\n"), acks: 1}, {bytes: []byte("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"), subs: 1},
			},
			wrong: [][]byte{
				[]byte("-ERR no\r\n"), []byte("*9\r\n"), []byte("*2\r\n+no\r\n"), []byte("*2\r\n$9999999999\r\n"), []byte("?\r\n"), []byte("\r\n"),
				[]byte("*2\r\n$4\r\nwhat\r\n$1\r\na\r\n"), bytes.Repeat([]byte{'+'}, 2000), []byte("*\r\n"), []byte("*1\r\n$4\r\npong\r\n"),
			},
		},
		{
			name: "redis patterns", speak: speakRedis,
			delivery: func(p []byte) []byte {
				return fmt.Appendf(nil, "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$10\r\nbench:a:12\r\n$%d\r\n%s\r\n", len(p), p)
			},
		},
		{
			name: "mqtt", speak: speakMQTT,
			delivery: func(p []byte) []byte { return mqttMessage(nil, mqttPublish, "/bench/a/12", p) },
			others: []other{
				{bytes: []byte{mqttPong, 0}, pongs: 1}, {bytes: []byte{mqttSubAck, 3, 0, 1, 0}, subs: 1}, {bytes: []byte{mqttConnAck, 2, 0, 0}},
			},
			wrong: [][]byte{
				{mqttConnAck, 2, 0, 5}, {mqttSubAck, 3, 0, 1, 0x80}, {mqttPublish, 1, 0}, {mqttPublish, 2, 0, 9}, {0xf0, 0},
				{mqttPublish, 0xff, 0xff, 0xff, 0xff, 1}, {mqttPublish, 0xff, 0xff, 0xff, 0x7f}, {mqttPublish | 2, 2, 0, 0},
			},
		},
		{
			name: "centrifuge", speak: speakCentrifuge,
			delivery: func(p []byte) []byte { return replies(push(p)) },
			others: []other{
				{bytes: replies(append(slices.Clone(id), protoBytes(replyRPC, nil)...)), pongs: 1},
				{bytes: replies(append(slices.Clone(id), protoBytes(replySubscribe, []byte{})...), append(slices.Clone(id), protoBytes(8, nil)...)), subs: 1},
				{bytes: replies(nil), to: 2 + maskSize + 1},
				{bytes: fromServer(wsPing, nil), to: 2 + maskSize},
			},
			wrong: append(wsWrong, replies(append(slices.Clone(id), protoBytes(replyError, []byte("\x08\x67"))...)), fromServer(wsBinary, []byte{5, 0x22}),
				replies([]byte{protoField(replyPush, 2), 9}), replies([]byte{protoField(9, 7)}), replies([]byte{protoField(9, 1), 0}),
				replies(protoBytes(replyPush, protoBytes(pushDisconnect, nil))), replies([]byte{protoField(9, 0), 0xff}), fromServer(wsBinary, []byte{0x80})),
		},
		{
			name: "raw", speak: speakRaw, begin: []byte{'t'},
			delivery: bytes.Clone,
		},
	}
}

// scanned is what came of bytes that were given to a new connection in pieces.
type scanned struct {
	payloads                   []string
	acks, pongs, subs, replied int
	left                       int // bytes that are not whole
	err                        error
}

// feed gives a protocol what the lengths say at once, as Conn does: what is not whole stays
// in front of what comes next.
func feed(t *testing.T, proto protocol, b []byte, pieces func(left int) int) (got scanned) {
	t.Helper()
	var have []byte
	for len(b) > 0 {
		n := pieces(len(b))
		have = append(have, b[:n]...)
		b = b[n:]
		in := input{payload: func(p []byte) { got.payloads = append(got.payloads, string(p)) }}
		taken, err := proto.scan(have, &in)
		if taken < 0 || taken > len(have) {
			t.Fatalf("%d of %d bytes taken", taken, len(have))
		}
		have = have[taken:]
		got.acks += in.acks
		got.pongs += in.pongs
		got.subs += in.subs
		got.replied += len(in.reply)
		if err != nil {
			got.err = err
			break
		}
	}
	got.left = len(have)
	return got
}

func (s scanned) equal(other scanned) bool {
	return slices.Equal(s.payloads, other.payloads) && s.acks == other.acks && s.pongs == other.pongs && s.subs == other.subs &&
		s.replied == other.replied && s.left == other.left && (s.err == nil) == (other.err == nil)
}

func atOnce(left int) int { return left }

// stream is a little of everything, and what is to be found in it.
func (l spoken) stream() (b []byte, want scanned) {
	b = bytes.Clone(l.begin)
	want.pongs = len(l.begin)
	for i := range 5 {
		payload := Stamp{Publisher: 1, Sequence: uint64(i)}.Append(nil)
		b = append(b, l.delivery(payload)...)
		want.payloads = append(want.payloads, string(payload))
		for _, o := range l.others {
			b = append(b, o.bytes...)
			want.acks += o.acks
			want.pongs += o.pongs
			want.subs += o.subs
			want.replied += o.to
		}
	}
	return b, want
}

func TestScan(t *testing.T) {
	for _, l := range languages(t) {
		t.Run(l.name, func(t *testing.T) {
			b, want := l.stream()
			if got := feed(t, l.speak(), b, atOnce); !got.equal(want) {
				t.Fatalf("at once: %+v\nwant %+v", got, want)
			}
			if got := feed(t, l.speak(), b, func(int) int { return 1 }); !got.equal(want) {
				t.Errorf("byte by byte: %+v\nwant %+v", got, want)
			}
			for cut := range b {
				first := true
				got := feed(t, l.speak(), b, func(left int) int {
					if first && cut > 0 {
						first = false
						return cut
					}
					return left
				})
				if !got.equal(want) {
					t.Errorf("cut after %d bytes: %+v\nwant %+v", cut, got, want)
				}
			}
			for seed := range uint64(50) {
				r := rand.New(rand.NewPCG(seed, 1))
				if got := feed(t, l.speak(), b, func(left int) int { return 1 + r.IntN(left) }); !got.equal(want) {
					t.Errorf("pieces of seed %d: %+v\nwant %+v", seed, got, want)
				}
			}
		})
	}
}

func TestScanWrong(t *testing.T) {
	for _, l := range languages(t) {
		for i, wrong := range l.wrong {
			b := append(bytes.Clone(l.begin), l.delivery([]byte("right"))...)
			got := feed(t, l.speak(), append(b, wrong...), atOnce)
			if got.err == nil || !slices.Equal(got.payloads, []string{"right"}) {
				t.Errorf("%s, %d (% .40x): payloads %q, error %v; want one and an error", l.name, i, wrong, got.payloads, got.err)
			}
		}
	}
	if got := feed(t, speakRaw(), []byte("xyz"), atOnce); got.err == nil {
		t.Error("a relay that answers x is right")
	}
}

// FuzzScan gives a parser anything: it ends, takes no more than there is, and finds the
// same whether it comes at once or in pieces.
func FuzzScan(f *testing.F) {
	all := languages(f)
	for i, l := range all {
		b, _ := l.stream()
		f.Add(i, b, uint64(1))
		for _, wrong := range l.wrong {
			f.Add(i, append(bytes.Clone(l.begin), wrong...), uint64(2))
		}
	}
	f.Fuzz(func(t *testing.T, which int, b []byte, seed uint64) {
		l := all[uint(which)%uint(len(all))]
		whole := feed(t, l.speak(), b, atOnce)
		r := rand.New(rand.NewPCG(seed, 2))
		pieces := feed(t, l.speak(), b, func(left int) int { return 1 + r.IntN(left) })
		if whole.err != nil || pieces.err != nil { // what there is to find before it is the same
			n := min(len(whole.payloads), len(pieces.payloads))
			if !slices.Equal(whole.payloads[:n], pieces.payloads[:n]) || whole.err == nil {
				t.Fatalf("%s: at once %+v, in pieces %+v", l.name, whole, pieces)
			}
			return
		}
		if !whole.equal(pieces) {
			t.Fatalf("%s: at once %+v, in pieces %+v", l.name, whole, pieces)
		}
	})
}

func TestStamp(t *testing.T) {
	const high = 1<<48 - 1
	for _, s := range []Stamp{{}, {Publisher: 1, Sequence: 2, At: 3 * time.Microsecond}, {Publisher: 1<<32 - 1, Sequence: high, At: high * time.Microsecond}, {Publisher: 0x12345678, Sequence: 0x9abcdef01234, At: 0x56789abcdef * time.Microsecond}} {
		payload := s.Append([]byte("before"))[len("before"):]
		if len(payload) != PayloadSize {
			t.Errorf("%+v has %d bytes", s, len(payload))
		}
		if got, err := ReadStamp(payload); err != nil || got != s {
			t.Errorf("%s is %+v, %v; want %+v", payload, got, err, s)
		}
	}
	if got := string(Stamp{Publisher: 0x01020304, Sequence: 0x0a0b0c0d0e0f, At: 0x112233445566 * time.Microsecond}.Append(nil)); got != "010203040a0b0c0d0e0f112233445566" {
		t.Errorf("the layout is %s", got)
	}
	for _, bad := range []string{"", "00", "0102030405060708090a0b0c0d0e0f1x", "0102030405060708090a0b0c0d0e0f1011"} {
		if s, err := ReadStamp([]byte(bad)); err == nil {
			t.Errorf("%q is %+v", bad, s)
		}
	}
}

// TestAppendAllocates: what is sent again and again costs no memory.
func TestAppendAllocates(t *testing.T) {
	payload := Stamp{Sequence: 1}.Append(nil)
	for _, l := range languages(t) {
		c := &Conn{proto: l.speak()}
		dst := c.AppendPublish(make([]byte, 0, 1<<20), "/bench/a/12", payload)
		if n := testing.AllocsPerRun(100, func() { dst = c.AppendPublish(dst[:0], "/bench/a/12", payload) }); n != 0 {
			t.Errorf("%s: %v allocations for a message", l.name, n)
		}
		var stamped [PayloadSize]byte
		if n := testing.AllocsPerRun(100, func() { _, _ = ReadStamp(Stamp{Sequence: 1}.Append(stamped[:0])) }); n != 0 {
			t.Errorf("%v allocations for a stamp", n)
		}
	}
}

// TestScanAllocates: what is received costs no memory.
func TestScanAllocates(t *testing.T) {
	for _, l := range languages(t) {
		b := bytes.Repeat(l.delivery(Stamp{}.Append(nil)), 10)
		proto, in := begun(t, l)
		if n := testing.AllocsPerRun(100, func() { _, _ = proto.scan(b, in) }); n != 0 {
			t.Errorf("%s: %v allocations for 10 deliveries", l.name, n)
		}
	}
}

// begun is a protocol that has taken its beginning.
func begun(t testing.TB, l spoken) (protocol, *input) {
	proto, in := l.speak(), &input{payload: func([]byte) {}}
	if taken, err := proto.scan(l.begin, in); err != nil || taken != len(l.begin) {
		t.Fatal(taken, errors.Join(err, errors.New("the beginning is not taken")))
	}
	return proto, in
}

// BenchmarkScan is how fast deliveries are taken apart, their stamps read: above 5 M/s the
// load is not what is measured.
func BenchmarkScan(b *testing.B) {
	for _, l := range languages(b) {
		b.Run(l.name, func(b *testing.B) {
			const each = 128
			var input []byte
			for i := range each {
				input = append(input, l.delivery(Stamp{Publisher: 1, Sequence: uint64(i)}.Append(nil))...)
			}
			proto, in := begun(b, l)
			var sum uint64
			in.payload = func(p []byte) {
				s, err := ReadStamp(p)
				if err != nil {
					b.Fatal(err)
				}
				sum += s.Sequence
			}
			n, before := 0, host.CPUTime(os.Getpid())
			for b.Loop() {
				if taken, err := proto.scan(input, in); err != nil || taken != len(input) {
					b.Fatal(taken, err)
				}
				n += each
			}
			if sum != uint64(n/each)*each*(each-1)/2 {
				b.Fatalf("the sequences add up to %d", sum)
			}
			if used := host.CPUTime(os.Getpid()) - before; used > 0 { // a busy machine is no slower by this clock
				b.ReportMetric(float64(n)/used.Seconds()/1e6, "M/s-of-a-core")
			}
		})
	}
}

// BenchmarkAppendPublish is how fast messages are made.
func BenchmarkAppendPublish(b *testing.B) {
	for _, l := range languages(b) {
		b.Run(l.name, func(b *testing.B) {
			c := &Conn{proto: l.speak()}
			var dst []byte
			var payload [PayloadSize]byte
			for i := 0; b.Loop(); i++ {
				dst = c.AppendPublish(dst[:0], "/bench/a/12", Stamp{Sequence: uint64(i)}.Append(payload[:0]))
			}
		})
	}
}
