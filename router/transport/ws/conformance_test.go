package ws_test

// RFC 6455, in the order and under the numbers of the cases of Autobahn|Testsuite, whose client needs a Python that is no
// longer to be had (TestAutobahn runs it where there is one). Its cases wait for an echo. Here a session that is subscribed to
// what it writes gives one: a binary message is a SET, and comes back with its value. A text message, which CLASP does not
// have, is answered with one ERROR 100 (protocol section 5.1).
//
// Not here: group 6 (UTF-8 in text messages: nothing of them is read, so nothing can be wrong with it), and 12 and 13 (the
// extension permessage-deflate, which is not offered).

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// exchange is what a client sends, frame by frame, and what has to come back, in this order. What starts with "?" may also be
// missing: when the connection has to be failed nobody waits for answers to what came before. Unless the last that comes is a
// close frame, the client ends with one, which has to be answered with its like.
type exchange struct {
	number string // of the case, or of the first of its kind
	name   string
	frames [][]byte
	want   []string
}

const (
	rejected   = "ERROR 100"
	badWS      = "close 1002"
	tooBig     = "close 1009"
	goodbye    = "close 1000"
	echoed     = "echo"
	helloWorld = "Hello, world!"
)

func text(payload string) []byte        { return wsFrame(fin|opText, true, []byte(payload)) }
func ping(payload string) []byte        { return wsFrame(fin|opPing, true, []byte(payload)) }
func pong(payload string) []byte        { return wsFrame(fin|opPong, true, []byte(payload)) }
func bye(payload ...byte) []byte        { return wsFrame(fin|opClose, true, payload) }
func byeCode(code uint16) []byte        { return bye(binary.BigEndian.AppendUint16(nil, code)...) }
func times(n int, x ...string) []string { return slices.Repeat(x, n) }

// sized returns n bytes that are SETs, as a binary message.
func sized(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		size := min(n-len(b), 50_000)
		bare := len(claspFrame(wire.Fire, set("/echo/0", "")))
		b = append(b, claspFrame(wire.Fire, set(fmt.Sprintf("/echo/%d", i), letters(size-bare)))...)
	}
	return b
}

// letters returns n letters, of which no two stretches are alike.
func letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + i*i/7%26)
	}
	return string(b)
}

// cut returns a message in frames of a size, the first with its opcode.
func cut(op byte, message []byte, size int) (frames [][]byte) {
	chunks := slices.Collect(slices.Chunk(message, size))
	for i, chunk := range chunks {
		if i == len(chunks)-1 {
			op |= fin
		}
		frames = append(frames, wsFrame(op, true, chunk))
		op = opContinuation
	}
	return frames
}

// between puts something behind every frame but the last.
func between(frames [][]byte, more ...[]byte) (all [][]byte) {
	for i, frame := range frames {
		all = append(all, frame)
		if i < len(frames)-1 {
			all = append(all, more...)
		}
	}
	return all
}

func exchanges() (all []exchange) {
	add := func(number, name string, want []string, frames ...[]byte) {
		all = append(all, exchange{number, name, frames, want})
	}
	is := func(want ...string) []string { return want }

	// 1: messages of any size.
	for _, n := range []int{0, 125, 126, 127, 128, 65535, 65536} {
		add("1.1", fmt.Sprintf("text of %d bytes", n), is(rejected), text(strings.Repeat("*", n)))
		if n > 0 {
			add("1.2", fmt.Sprintf("binary of %d bytes", n), times((n+49_999)/50_000, echoed), wsFrame(fin|opBinary, true, sized(n)))
		}
	}
	add("1.2", "binary of nothing", is(rejected), wsFrame(fin|opBinary, true, nil))

	// 2: pings and pongs.
	full := strings.Repeat("\xfe", 125)
	for name, payload := range map[string]string{"nothing": "", "text": helloWorld, "bytes": "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", "125 bytes": full} {
		add("2.1", "ping of "+name, is("pong "+payload), ping(payload))
		add("2.7", "unasked pong of "+name, is(), pong(payload))
		add("2.9", "unasked pong of "+name+", and a ping", is("pong x"), pong(payload), ping("x"))
	}
	add("2.5", "ping of 126 bytes", is(badWS), ping(full+"x"))
	var pings [][]byte
	var pongs []string
	for i := range 10 {
		pings, pongs = append(pings, ping(fmt.Sprint(i))), append(pongs, fmt.Sprintf("pong %d", i))
	}
	add("2.10", "ten pings", pongs, pings...)

	// 3 and 4: reserved bits and opcodes, alone or behind something good; what follows is not heard.
	for rsv := byte(0x10); rsv <= 0x70; rsv += 0x10 {
		for name, op := range map[string]byte{"text": opText, "binary": opBinary, "ping": opPing, "close": opClose} {
			add("3", fmt.Sprintf("reserved bits %d in %s", rsv>>4, name), is("?"+rejected, badWS), text(helloWorld), wsFrame(fin|rsv|op, true, nil), ping(""))
		}
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, payload := range []string{"", helloWorld} {
			bad := wsFrame(fin|op, true, []byte(payload))
			add("4", fmt.Sprintf("opcode %d with %d bytes", op, len(payload)), is(badWS), bad, ping(""))
			add("4", fmt.Sprintf("opcode %d with %d bytes behind a text", op, len(payload)), is("?"+rejected, badWS), text(helloWorld), bad, ping(""))
		}
	}

	// 5: fragments.
	value := sized(100)
	add("5.1", "ping in fragments", is(badWS), cut(opPing, []byte("fragments"), 5)...)
	add("5.2", "pong in fragments", is(badWS), cut(opPong, []byte("fragments"), 5)...)
	for _, size := range []int{1, 7, 50} {
		for _, kind := range []struct {
			name    string
			op      byte
			message []byte
			answer  string
		}{{"text", opText, []byte(strings.Repeat("*", 100)), rejected}, {"binary", opBinary, value, echoed}} {
			frames := cut(kind.op, kind.message, size)
			name := fmt.Sprintf("%s in %d fragments", kind.name, len(frames))
			add("5.3", name, is(kind.answer), frames...)
			add("5.6", name+" with pings between", append(times(len(frames)-1, "pong x"), kind.answer), between(frames, ping("x"))...)
			add("5.19", name+" with two pings and a pong between", append(times(2*len(frames)-2, "pong y"), kind.answer), between(frames, ping("y"), pong("z"), ping("y"))...)
			add("5.3", name+" and empty ones", is(kind.answer), between(frames, wsFrame(opContinuation, true, nil))...)
			add("5.15", name+", and a continuation of nothing", is("?"+kind.answer, badWS), append(frames, wsFrame(opContinuation, true, []byte("x")), text("y"))...)
			add("5.18", name+", the second one not as a continuation", is(badWS), frames[0], wsFrame(fin|kind.op, true, kind.message))
		}
	}
	for name, f := range map[string]byte{"last": fin, "not the last": 0} {
		add("5.9", "continuation of nothing, "+name, is(badWS), wsFrame(f|opContinuation, true, []byte("x")), text(helloWorld))
	}

	// 7: closing.
	add("7.1.1", "a message and close", is("?"+rejected, goodbye), text(helloWorld), byeCode(1000))
	add("7.1.2", "close, twice", is(goodbye), byeCode(1000), byeCode(1000))
	add("7.1.3", "a ping behind close", is(goodbye), byeCode(1000), ping(""))
	add("7.1.4", "a message behind close", is(goodbye), byeCode(1000), text(helloWorld))
	add("7.1.5", "close within a message", is(goodbye), wsFrame(opText, true, []byte("fragment1")), byeCode(1000), wsFrame(fin|opContinuation, true, []byte("fragment2")))
	add("7.1.6", "256 KiB, a message, close and a ping", is("?"+rejected, "?"+rejected, goodbye), text(strings.Repeat("*", 256<<10)), text(helloWorld), byeCode(1000), ping(""))
	add("7.3.1", "close with nothing", is("close"), bye())
	add("7.3.2", "close with one byte", is("close"), bye('a')) // no code, so none comes back: it may be 1002 as well
	reason := func(n int) []byte { return bye(append([]byte{3, 232}, strings.Repeat("*", n)...)...) }
	add("7.3.4", "close with a reason", is(goodbye), reason(13))
	add("7.3.5", "close with the longest reason", is(goodbye), reason(123))
	add("7.3.6", "close with one longer", is(badWS), reason(124))
	add("7.5.1", "close with a reason that is not UTF-8", is(badWS), bye(append([]byte{3, 232}, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"...)...))
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		add("7.7", fmt.Sprintf("close with %d", code), is(fmt.Sprintf("close %d", code)), byeCode(code))
	}
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535} {
		add("7.9", fmt.Sprintf("close with %d", code), is(badWS), byeCode(code))
	}

	// 9: size. A binary message has the limit of the router, and then the connection ends with the reason; text is passed over.
	for _, n := range []int{64 << 10, 256 << 10, 4 << 20} {
		long := bytes.Repeat([]byte{'*'}, n)
		for _, size := range []int{1300, n} {
			name := fmt.Sprintf("%d KiB in frames of %d", n>>10, size)
			add("9.1", "text of "+name, is(rejected), cut(opText, long, size)...)
			if n == 64<<10 {
				add("10.1.1", "binary of "+name, times(2, echoed), cut(opBinary, sized(n), size)...)
			} else {
				add("9.2", "binary of "+name, is(rejected, tooBig), cut(opBinary, long, size)...)
			}
		}
	}
	many := slices.Repeat([][]byte{wsFrame(fin|opBinary, true, sized(60)), text("*")}, 500)
	add("9.7", "a thousand messages", times(500, echoed, rejected), many...)
	return all
}

func TestConformance(t *testing.T) {
	g := start(t)
	for _, e := range exchanges() {
		size := 0
		for _, frame := range e.frames {
			size += len(frame)
		}
		ways := map[string][][]byte{
			"in one": {bytes.Join(e.frames, nil)},
			"by 997": slices.Collect(slices.Chunk(bytes.Join(e.frames, nil), 997)),
		}
		if len(e.frames) <= 1000 {
			ways["by frames"] = e.frames
		}
		if size < 500 {
			ways["by octets"] = slices.Collect(slices.Chunk(bytes.Join(e.frames, nil), 1))
		}
		for name, chops := range ways {
			t.Run(e.number+" "+e.name+" "+name, func(t *testing.T) {
				c := g.join(t)
				c.send(t, wire.Fire, subscribe(1, "/echo/*", 0))
				c.fence(t) // the snapshot
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					for _, chop := range chops {
						if c.write(chop) != nil {
							return // the connection is being failed
						}
					}
				}()
				c.converse(t, e.want, sent)
			})
		}
	}
}

// RFC 6455 section 5.5.1: behind a close frame comes nothing, not even answers to what came just before the frame that breaks
// the rules, which are on their way at that moment.
func TestNothingBehindGoodbye(t *testing.T) {
	const messages = 80 // after 64 the router begins to answer
	g := start(t)
	b := slices.Concat(bytes.Repeat(wsFrame(fin|opBinary, true, sized(2000)), messages), wsFrame(fin|3, true, nil))
	for range 300 {
		c := g.join(t)
		c.send(t, wire.Fire, subscribe(1, "/echo/*", 0))
		c.fence(t)
		c.raw(t, b)
		c.converse(t, append(times(messages, "?"+echoed), badWS), nil)
		c.drop()
	}
}

// converse reads what comes and holds it against what has to, and says goodbye once everything is sent.
func (c *client) converse(t *testing.T, want []string, sent <-chan struct{}) {
	t.Helper()
	ends := len(want) > 0 && strings.HasPrefix(want[len(want)-1], "close")
	for _, w := range want {
		w, optional := strings.CutPrefix(w, "?")
		got := c.event(t)
		for optional && got != w {
			optional, w = false, want[len(want)-1]
		}
		if got != w {
			t.Fatalf("got %q, want %q of %q", short(got), short(w), want[max(0, len(want)-3):])
		}
		if strings.HasPrefix(got, "close") {
			break
		}
	}
	if !ends {
		<-sent
		c.raw(t, byeCode(1000))
		if got := c.event(t); got != goodbye {
			t.Fatalf("at last got %q, want %q", short(got), goodbye)
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if b, err := io.ReadAll(c.in); len(b) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %q, %v behind the close frame, want the end of the connection", b, err)
	}
}

func short(s string) string { return s[:min(len(s), 60)] }

// event returns what the router says next.
func (c *client) event(t *testing.T) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	op, payload, err := c.readWS()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	switch op {
	case opPong:
		return "pong " + string(payload)
	case opClose:
		if len(payload) < 2 {
			return "close"
		}
		return fmt.Sprintf("close %d", binary.BigEndian.Uint16(payload))
	}
	f, err := parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	switch f.kind {
	case wire.TypeError:
		return fmt.Sprintf("ERROR %d", must(t, f, wire.DecodeError).Code)
	case wire.TypeSet:
		m := must(t, f, wire.DecodeSet)
		if value, ok := m.Value.Any().(string); ok && len(value) > 0 {
			if value != letters(len(value)) {
				return fmt.Sprintf("%d bytes that nobody has sent", len(value))
			}
			return echoed
		}
	}
	return f.String()
}
