package ws_test

// ANNOUNCE and QUERY: protocol section 8.

import (
	"fmt"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

func announce(namespace string, signals ...wire.SignalInfo) []byte {
	b := wire.BeginAnnounce(nil, []byte(namespace))
	for _, s := range signals {
		b = wire.AppendAnnounceSignal(b, s)
	}
	wire.SetAnnounceCount(b, len(signals))
	return b
}

func info(addr string, signal wire.Signal, datatype, access string) wire.SignalInfo {
	return wire.SignalInfo{
		Address: []byte(addr), Signal: signal,
		HasDatatype: datatype != "", Datatype: []byte(datatype), HasAccess: access != "", Access: []byte(access),
	}
}

// result asks and returns the one RESULT, as "signal address datatype access".
func (c *client) result(t testing.TB, pattern string) []string {
	t.Helper()
	c.send(t, wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: []byte(pattern)}))
	m := must(t, c.expect(t, wire.TypeResult), wire.DecodeResult)
	all := []string{}
	for s, ok := m.Next(); ok; s, ok = m.Next() {
		all = append(all, fmt.Sprintf("%v %s %s %s", s.Signal, s.Address, s.Datatype, s.Access))
	}
	return all
}

// query counts what a QUERY finds.
func (c *client) query(t testing.TB, pattern string) int {
	t.Helper()
	return len(c.result(t, pattern))
}

func equal(t testing.TB, got []string, want ...string) {
	t.Helper()
	count := make(map[string]int)
	for _, s := range got {
		count[s]++
	}
	for _, s := range want {
		count[s]--
	}
	for s, n := range count {
		if n != 0 {
			t.Fatalf("got %q, want %q (%q)", got, want, s)
		}
	}
}

// "ANNOUNCE registers the signals of the session, and they go with the session. QUERY answers: announced signals and live
// params that match the pattern (datatype from the value; access `rw`, `r` or `w` as this session's rights allow)."
func TestAnnounceAndQuery(t *testing.T) {
	g := start(t)
	c, other := g.join(t), g.join(t)
	equal(t, c.result(t, "/**"))

	meta := info("/lights/1", wire.Param, "f64", "rw")
	meta.HasMeta, meta.Meta = true, wire.Meta{HasUnit: true, Unit: []byte("%"), HasRange: true, Max: 1, HasDefault: true, Default: val(0.5)}
	other.send(t, wire.Confirm, announce("/lights", meta, info("/lights/cue", wire.Event, "", "w")))
	other.expectAck(t, "/lights")
	c.set(t, "/lights/2", 1.5)
	c.set(t, "/sound/1", "on")
	c.send(t, wire.Confirm, timeline("/lights/t", 1))
	c.expectAck(t, "/lights/t")

	equal(t, c.result(t, "/lights/*"), "param /lights/1 f64 rw", "event /lights/cue  w", "param /lights/2 f64 rw", "timeline /lights/t map rw")
	equal(t, c.result(t, "/lights/1"), "param /lights/1 f64 rw")
	equal(t, c.result(t, "/nothing/**"))

	// A signal that is announced and live is told of once, as announced.
	c.set(t, "/lights/1", "text")
	equal(t, c.result(t, "/lights/1"), "param /lights/1 f64 rw")
	// Announced a second time: the last counts.
	other.send(t, wire.Fire, announce("", info("/lights/1", wire.Param, "i64", "r")))
	other.quiet(t)
	equal(t, c.result(t, "/lights/1"), "param /lights/1 i64 r")

	other.drop()
	eventually(t, "what was announced to go with its session", func() bool { return c.query(t, "/lights/cue") == 0 })
	equal(t, c.result(t, "/lights/**"), "param /lights/1 string rw", "param /lights/2 f64 rw", "timeline /lights/t map rw")
}

// Every value code has its name as datatype; narrow numbers are stored wide.
func TestQueryDatatypes(t *testing.T) {
	g := start(t)
	c := g.join(t)
	for name, v := range map[string]wire.Value{
		"null": val(nil), "bool": val(true), "i64": value(wire.I8Code, 1), "f64": value(wire.F32Code, 0, 0, 0, 0),
		"string": val(""), "bytes": val([]byte{}), "array": val([]any{}), "map": val(map[string]any{}),
	} {
		c.send(t, wire.Confirm, setWith("/type/"+name, v, nil))
		c.expectAck(t, "/type/"+name)
		equal(t, c.result(t, "/type/"+name), fmt.Sprintf("param /type/%s %s rw", name, name))
	}
}

// "QUERY answers exactly one RESULT unless it does not fit one frame, and queries are answered in order."
func TestQueriesInOrder(t *testing.T) {
	g := start(t)
	c := g.join(t)
	for i := range 10 {
		c.set(t, fmt.Sprintf("/p/%d", i), i)
	}
	var all []byte
	for i := range 50 {
		all = append(all, claspFrame(wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: fmt.Appendf(nil, "/p/%d", i%10)}))...)
	}
	c.binary(t, all)
	for i := range 50 {
		m := must(t, c.expect(t, wire.TypeResult), wire.DecodeResult)
		if s, _ := m.Next(); m.Count != 1 || string(s.Address) != fmt.Sprintf("/p/%d", i%10) {
			t.Fatalf("answer %d is of %d signals, the first %s", i, m.Count, s.Address)
		}
	}
	c.quiet(t)
}

// A RESULT that does not fit one frame is several.
func TestLargeResult(t *testing.T) {
	g := start(t)
	c := g.join(t)
	const params = 4000
	for i := range params {
		c.send(t, wire.Fire, set(fmt.Sprintf("/result/with/a/rather/long/address/%04d", i), i))
	}
	c.send(t, wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: []byte("/result/**")}))
	c.send(t, wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: []byte("/none")}))
	seen := make(map[string]bool)
	frames := 0
	for len(seen) < params {
		m := must(t, c.expect(t, wire.TypeResult), wire.DecodeResult)
		for s, ok := m.Next(); ok; s, ok = m.Next() {
			if seen[string(s.Address)] {
				t.Fatalf("%s is there twice", s.Address)
			}
			seen[string(s.Address)] = true
		}
		frames++
	}
	if frames > 5 {
		t.Errorf("%d frames for what fits 3 or 4", frames)
	}
	if m := must(t, c.expect(t, wire.TypeResult), wire.DecodeResult); m.Count != 0 {
		t.Errorf("the second query finds %d signals", m.Count)
	}
	c.quiet(t)
}

// Section 6: ERROR 202 for a bad pattern, 200 for a bad address. An announcement is registered whole or not at all.
func TestAnnounceRefused(t *testing.T) {
	g := start(t)
	c := g.join(t)
	c.send(t, wire.Confirm, announce("/n", info("/n/good", wire.Event, "", ""), info("n/bad", wire.Event, "", "")))
	c.expectErrorAbout(t, wire.CodeBadAddress, "n/bad")
	c.quiet(t)
	equal(t, c.result(t, "/**"))
	c.send(t, wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: []byte("/a**")}))
	c.expectErrorAbout(t, wire.CodeBadPattern, "/a**")
	c.quiet(t)
}

// "at most 10 000 a session"
func TestAnnounceLimit(t *testing.T) {
	g := start(t)
	c := g.join(t)
	many := func(from, n int) []byte {
		list := make([]wire.SignalInfo, n)
		for i := range list {
			list[i] = info(fmt.Sprintf("/%d", from+i), wire.Event, "", "")
		}
		return announce("", list...)
	}
	for from := 0; from < 10_000; from += 2500 {
		c.send(t, wire.Fire, many(from, 2500))
	}
	c.quiet(t)
	c.send(t, wire.Fire, many(9_999, 2))
	mention(t, c.expectError(t, wire.CodeLimit), "10000")
	c.quiet(t)
	equal(t, c.result(t, "/10000"))
	c.send(t, wire.Confirm, many(0, 10)) // known ones, once more
	if ack := must(t, c.expect(t, wire.TypeAck), wire.DecodeAck); len(ack.Address) != 0 {
		t.Errorf("ACK %+v, want the empty namespace", ack)
	}
}
