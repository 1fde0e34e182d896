// The public clients against the real router: the JavaScript one under Node and in Chromium, the Python one under CPython. One
// scenario serves all three, with a Go peer at the other end that sees the types on the wire. What the clients have no method
// for is in interop_raw_test.go.

package main_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

func TestInteropNode(t *testing.T)     { interop(t, javaScriptClient, startNode) }
func TestInteropChromium(t *testing.T) { interop(t, javaScriptClient, startChromium) }
func TestInteropPython(t *testing.T)   { interop(t, pythonClient, startPython) }

// traits are where the public clients differ from each other, and so what a test expects of them.
type traits struct {
	number      string        // the wire type of a whole number
	noPayload   string        // what an event without payload carries
	gestureTail string        // what the client adds to a gesture's map, for phase and id
	inSegment   bool          // matches * inside a segment
	zeroDepth   bool          // matches zero segments with **
	reconnect   time.Duration // waits before it reconnects
	resubscribe bool          // and subscribes again by itself
	raw         bool          // its codec is exported
}

var (
	javaScriptClient = traits{
		number: "f64", noPayload: "null null", gestureTail: `,"phase":%q,"gestureId":%d`,
		inSegment: true, reconnect: 200 * time.Millisecond, resubscribe: true, raw: true,
	}
	// The Python client tries to reconnect exactly once, so the router must be back by then.
	pythonClient = traits{number: "i64", noPayload: "none", zeroDepth: true, reconnect: 5 * time.Second}
)

// stage is a router, a foreign agent with one client, and a Go peer that receives everything the client writes.
type stage struct {
	traits
	router *routerProcess
	agent  *agent
	peer   *peer
	fences int
}

// client is the name of the agent's client that is there all along.
const client = "main"

func interop(t *testing.T, traits traits, start func(*testing.T) *agent) {
	t.Parallel()
	s := &stage{traits: traits, agent: start(t), router: startRouter(t)}
	s.peer = newPeer(t, s.router.url)
	s.peer.subscribe(t, 1, "/**")
	session := s.open(t, client)

	t.Run("connect", func(t *testing.T) {
		if len(session) != len(`"00000000-0000-0000-0000-000000000000"`) {
			t.Errorf("the client was given the session id %s, want a UUID", session)
		}
	})
	t.Run("values", s.values)
	t.Run("command line", s.commandLine)
	t.Run("wildcards", s.wildcards)
	t.Run("own set", s.ownSet)
	t.Run("unsubscribe", s.unsubscribe)
	t.Run("maxRate and epsilon", s.limits)
	t.Run("events", s.events)
	t.Run("streams", s.streams)
	t.Run("gestures", s.gestures)
	t.Run("timelines", s.timelines)
	t.Run("bundles", s.bundles)
	t.Run("late joiner", s.lateJoiner)
	if s.raw {
		t.Run("raw", s.rawFrames)
	} else {
		t.Run("ttl", s.ttl)
		t.Run("query", s.query)
	}
	t.Run("restart", s.restart) // last: the router forgets everything
}

// open connects a client of the agent and subscribes it to the fences that received waits for.
func (s *stage) open(t *testing.T, client string) (session string) {
	t.Helper()
	session = s.agent.do(t, client, "open", arguments{"url": s.router.url, "reconnect": s.reconnect.Milliseconds()})
	s.agent.do(t, client, "subscribe", arguments{"sub": "fence", "pattern": "/fence/*"})
	s.sent(t, client)
	s.received(t, client)
	return session
}

func (s *stage) subscribe(t *testing.T, client, sub, pattern string) {
	t.Helper()
	s.agent.do(t, client, "subscribe", arguments{"sub": sub, "pattern": pattern})
	s.sent(t, client)
}

func (s *stage) set(t *testing.T, address, value string) {
	t.Helper()
	s.agent.do(t, client, "set", arguments{"address": address, "value": json.RawMessage(value)})
}

// fence returns an address that no test has used yet.
func (s *stage) fence() string {
	s.fences++
	return fmt.Sprintf("/fence/%d", s.fences)
}

// sent returns what the peer received up to now of what the agent's client wrote. The router handles the messages of a session
// in order, so once the peer sees the last of them it has seen them all; and a subscription before it is in force.
func (s *stage) sent(t *testing.T, client string) []string {
	t.Helper()
	fence := s.fence()
	s.agent.do(t, client, "set", arguments{"address": fence, "value": true})
	return s.peer.until(t, "set "+fence+" ")
}

// received returns what the agent's client received up to now of what the peer wrote.
func (s *stage) received(t *testing.T, client string) []string {
	t.Helper()
	fence := s.fence()
	s.peer.set(t, fence, "true")
	s.peer.until(t, "set "+fence+" ") // what it wrote came back to the peer as well
	lines := s.agent.journal(client).until(t, "fence "+fence+" ")
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "fence ") })
}

// expect compares whole lists: what is missing, doubled, added or out of order is an error.
func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// examples has a value of every type. A number is an i64 from a client that has integers, else an f64.
var examples = []struct{ name, kind, json string }{
	{"null", "null", `null`},
	{"true", "bool", `true`},
	{"false", "bool", `false`},
	{"zero", "number", `0`},
	{"integer", "number", `42`},
	{"negative", "number", `-7`},
	{"largest exact float", "number", `9007199254740991`},
	{"largest integer", "i64", `9223372036854775807`},
	{"fraction", "f64", `0.1`},
	{"tiny", "f64", `5e-324`},
	{"not a number", "f64", `{"$float":"NaN"}`},
	{"infinity", "f64", `{"$float":"-Infinity"}`},
	{"no text", "string", `""`},
	{"text", "string", `"Grüße, 灯 🎛️ \" \\ \n"`},
	{"no bytes", "bytes", `{"$bytes":""}`},
	{"bytes", "bytes", `{"$bytes":"00ff53"}`},
	{"empty array", "array", `[]`},
	{"array", "array", `[1,-0.5,"é",null,true,{"$bytes":"01"},[[]],{"$float":"NaN"}]`},
	{"empty map", "map", `{}`},
	{"map", "map", `{"z":1,"a":{"b":[false,{"c":"ü"}]},"":null}`},
}

// values goes both ways with every type: the client sets and the peer looks, the peer sets and the client looks.
func (s *stage) values(t *testing.T) {
	s.subscribe(t, client, "values", "/values/*")
	for i, example := range examples {
		if example.kind == "i64" && s.number != "i64" {
			continue // this client has no integers
		}
		kind := example.kind
		if kind == "number" {
			kind = s.number
		}
		t.Run(example.name, func(t *testing.T) {
			address := fmt.Sprintf("/values/%d", i)
			s.set(t, address, example.json)
			expect(t, "the peer received", s.sent(t, client), "set "+address+" "+kind+" "+example.json)
			expect(t, "the writer received", s.received(t, client), "values "+address+" "+example.json)

			s.peer.get(t, address)
			s.peer.until(t, "snapshot "+address+" "+kind+" "+example.json)

			address += "-back"
			s.peer.set(t, address, example.json)
			expect(t, "the client received", s.received(t, client), "values "+address+" "+example.json)

			s.open(t, "reader")
			defer s.agent.do(t, "reader", "close", nil)
			if got := s.agent.do(t, "reader", "get", arguments{"address": address}); got != example.json {
				t.Errorf("another client's get returned %s, want %s", got, example.json)
			}
		})
	}
}

// commandLine checks that clasp set and clasp get are at one with the public clients.
func (s *stage) commandLine(t *testing.T) {
	const nested = `{"scene":"öffnen","levels":[0.25,true,null]}`
	s.set(t, "/cli/out", nested)
	s.sent(t, client)
	environ := []string{"CLASP_URL=" + s.router.url}
	if out, words, code := clasp(t, environ, "get", "/cli/out"); out != nested+"\n" || code != 0 {
		t.Errorf("clasp get printed %q and %q, exit code %d, want %s", out, words, code, nested)
	}
	s.subscribe(t, client, "cli", "/cli/in")
	if _, words, code := clasp(t, environ, "set", "/cli/in", nested); code != 0 {
		t.Fatalf("clasp set: exit code %d, %s", code, words)
	}
	expect(t, "the client received", s.received(t, client), "cli /cli/in "+nested)
}

// wildcards has one session for each pattern, so that every message it receives is one the router matched to that pattern.
func (s *stage) wildcards(t *testing.T) {
	addresses := []string{"/w", "/w/a", "/w/a/x", "/w/b/x", "/w/a/z", "/w/a/b/c/z", "/w/zone1", "/wide/a"}
	patterns := []struct {
		pattern   string
		inSegment bool
		matches   []string
		zeroDepth []string // also, if the client itself matches ** with nothing
	}{
		{pattern: "/w/a", matches: []string{"/w/a"}},
		{pattern: "/w/*", matches: []string{"/w/a", "/w/zone1"}},
		{pattern: "/w/*/x", matches: []string{"/w/a/x", "/w/b/x"}},
		{pattern: "/w/**", zeroDepth: []string{"/w"},
			matches: []string{"/w/a", "/w/a/x", "/w/b/x", "/w/a/z", "/w/a/b/c/z", "/w/zone1"}},
		{pattern: "/w/a/**/z", zeroDepth: []string{"/w/a/z"}, matches: []string{"/w/a/b/c/z"}},
		{pattern: "/w/zone*", inSegment: true, matches: []string{"/w/zone1"}},
		{pattern: "**", matches: addresses},
	}
	for i, p := range patterns {
		if !p.inSegment || s.inSegment {
			s.open(t, fmt.Sprint("wild", i))
			s.subscribe(t, fmt.Sprint("wild", i), "wild", p.pattern)
			s.received(t, fmt.Sprint("wild", i)) // the values ** found
		}
	}
	for i, address := range addresses {
		s.peer.set(t, address, fmt.Sprint(i))
	}
	for i, p := range patterns {
		if p.inSegment && !s.inSegment {
			continue
		}
		t.Run(strings.ReplaceAll(p.pattern, "/", "|"), func(t *testing.T) {
			var want []string
			for j, address := range addresses {
				if slices.Contains(p.matches, address) || s.zeroDepth && slices.Contains(p.zeroDepth, address) {
					want = append(want, fmt.Sprintf("wild %s %d", address, j))
				}
			}
			got := s.received(t, fmt.Sprint("wild", i))
			got = slices.DeleteFunc(got, func(line string) bool { return strings.HasPrefix(line, "wild /fence/") })
			expect(t, "the client received", got, want...)
			s.agent.do(t, fmt.Sprint("wild", i), "close", nil)
		})
	}
}

// ownSet: the Python client stops receiving for good when it meets a binary ACK (protocol section 5).
func (s *stage) ownSet(t *testing.T) {
	s.subscribe(t, client, "own", "/own/*")
	s.set(t, "/own/a", `"mine"`)
	s.sent(t, client)
	s.peer.set(t, "/own/a", `"yours"`)
	expect(t, "the client received", s.received(t, client), `own /own/a "mine"`, `own /own/a "yours"`)
}

func (s *stage) unsubscribe(t *testing.T) {
	s.subscribe(t, client, "gone", "/gone")
	s.peer.set(t, "/gone", "1")
	expect(t, "while subscribed", s.received(t, client), "gone /gone 1")
	s.agent.do(t, client, "unsubscribe", arguments{"sub": "gone"})
	s.sent(t, client)
	s.peer.set(t, "/gone", "2")
	expect(t, "once unsubscribed", s.received(t, client))
}

// limits: the options of a subscription.
func (s *stage) limits(t *testing.T) {
	s.agent.do(t, client, "subscribe",
		arguments{"sub": "coarse", "pattern": "/coarse", "options": arguments{"epsilon": 0.5}})
	s.agent.do(t, client, "subscribe",
		arguments{"sub": "slow", "pattern": "/slow", "options": arguments{"maxRate": 2}})
	s.sent(t, client)
	for _, value := range []string{"0.25", "0.5", "1.25", "1.5", "-1"} {
		s.peer.set(t, "/coarse", value)
	}
	expect(t, "with epsilon 0.5", s.received(t, client), "coarse /coarse 0.25", "coarse /coarse 1.25", "coarse /coarse -1")
	for value := range 20 {
		s.peer.set(t, "/slow", fmt.Sprint(value))
	}
	if before := s.agent.journal(client).until(t, "slow /slow 19"); len(before) > 15 {
		t.Errorf("with maxRate 2, of 20 values at once %d came before the last", len(before))
	}
	s.received(t, client)
}

func (s *stage) events(t *testing.T) {
	s.subscribe(t, client, "events", "/events/**")
	s.agent.do(t, client, "emit", arguments{"address": "/events/cue", "value": arguments{"id": "intro"}})
	s.agent.do(t, client, "emit", arguments{"address": "/events/bare"})
	expect(t, "the peer received", s.sent(t, client),
		`event /events/cue map {"id":"intro"}`, "event /events/bare "+s.noPayload)

	s.peer.publish(t, wire.Event, 0, 0, "/events/cue", `{"n":[1,"two"]}`)
	expect(t, "the client received", s.received(t, client), `events /events/cue {"n":[1,"two"]}`)
}

func (s *stage) streams(t *testing.T) {
	s.subscribe(t, client, "streams", "/streams/*")
	var out, in []string
	for i := range 50 {
		s.agent.do(t, client, "stream", arguments{"address": "/streams/out", "value": float64(i) + 0.5})
		out = append(out, fmt.Sprintf("stream /streams/out f64 %d.5", i))
	}
	expect(t, "the peer received", s.sent(t, client), out...)
	for i := range 50 {
		s.peer.publish(t, wire.Stream, 0, 0, "/streams/in", fmt.Sprintf("%d.5", i))
		in = append(in, fmt.Sprintf("streams /streams/in %d.5", i))
	}
	expect(t, "the client received", s.received(t, client), in...)
}

// gestures: the router may leave out moves, but neither the start, nor the end, nor the last move before it.
func (s *stage) gestures(t *testing.T) {
	s.subscribe(t, client, "gestures", "/gestures/*")
	const moves = 5
	phases := append(append([]wire.Phase{wire.Start}, slices.Repeat([]wire.Phase{wire.Move}, moves)...), wire.End)
	var out, in []string
	for i, phase := range phases {
		s.agent.do(t, client, "gesture", arguments{
			"address": "/gestures/out", "gesture": 7, "phase": phase.String(), "value": arguments{"x": float64(i) + 0.5},
		})
		out = append(out, fmt.Sprintf(`gesture %s 7 /gestures/out map {"x":%d.5}`, phase, i))
	}
	expectGesture(t, "the peer received", s.sent(t, client), out)
	for i, phase := range phases {
		s.peer.publish(t, wire.Gesture, phase, 9, "/gestures/in", fmt.Sprintf(`{"x":%d.5}`, i))
		tail := ""
		if s.gestureTail != "" {
			tail = fmt.Sprintf(s.gestureTail, phase, 9)
		}
		in = append(in, fmt.Sprintf(`gestures /gestures/in {"x":%d.5%s}`, i, tail))
	}
	expectGesture(t, "the client received", s.received(t, client), in)
}

func expectGesture(t *testing.T, what string, got, all []string) {
	t.Helper()
	last := len(all) - 2
	want := slices.DeleteFunc(slices.Clone(all), func(line string) bool {
		return slices.Index(all, line) < last && line != all[0] && !slices.Contains(got, line)
	})
	expect(t, what, got, want...)
}

// timelines: the public clients drop the keyframes they send, but read the map they receive.
func (s *stage) timelines(t *testing.T) {
	const timeline = `{"keyframes":[{"time":0,"value":0.5,"easing":"linear"}],"loop":true}`
	s.subscribe(t, client, "timelines", "/timelines/*")
	s.peer.publish(t, wire.Timeline, 0, 0, "/timelines/a", timeline)
	expect(t, "the client received", s.received(t, client), "timelines /timelines/a "+timeline)
	s.open(t, "editor")
	defer s.agent.do(t, "editor", "close", nil)
	if got := s.agent.do(t, "editor", "get", arguments{"address": "/timelines/a"}); got != timeline {
		t.Errorf("get returned %s, want %s", got, timeline)
	}
}

// bundles: the JavaScript client sends them binary at commit, the Python client as MessagePack at fire.
func (s *stage) bundles(t *testing.T) {
	s.subscribe(t, client, "bundles", "/bundles/**")
	messages := func(prefix string) []any {
		return []any{
			arguments{"set": []any{"/bundles/" + prefix + "/a", 0.5}},
			arguments{"set": []any{"/bundles/" + prefix + "/b", []any{"Ü", true, nil}}},
			arguments{"emit": []any{"/bundles/" + prefix + "/done", arguments{"ok": true}}},
		}
	}
	applied := func(prefix string) []string {
		return []string{
			"set /bundles/" + prefix + "/a f64 0.5",
			"set /bundles/" + prefix + `/b array ["Ü",true,null]`,
			"event /bundles/" + prefix + `/done map {"ok":true}`,
		}
	}

	t.Run("now", func(t *testing.T) {
		s.agent.do(t, client, "bundle", arguments{"messages": messages("now")})
		expect(t, "the peer received", s.sent(t, client), applied("now")...)
		expect(t, "the sender received", s.received(t, client),
			"bundles /bundles/now/a 0.5", `bundles /bundles/now/b ["Ü",true,null]`)
	})
	t.Run("scheduled", func(t *testing.T) {
		const delay = 1_000_000 // µs
		at := s.agent.do(t, client, "bundle", arguments{"messages": messages("later"), "delay": delay})
		rest := applied("later")
		expect(t, "before the bundle the peer received", s.peer.until(t, rest[0]))
		var due int64
		if err := json.Unmarshal([]byte(at), &due); err != nil {
			t.Fatalf("the client scheduled it for %s: %v", at, err)
		}
		if early := due - time.Now().UnixMicro(); early > 1000 { // section 8: within 1 ms
			t.Errorf("the bundle ran %d µs before its time", early)
		}
		expect(t, "within the bundle the peer received", s.peer.until(t, rest[2]), rest[1])
		s.received(t, client)
	})
	t.Run("all or nothing", func(t *testing.T) {
		broken := append(messages("never"), arguments{"set": []any{"/bundles//never", 1}})
		s.agent.do(t, client, "bundle", arguments{"messages": broken})
		expect(t, "the peer received", s.sent(t, client))
		s.peer.get(t, "/bundles/never/a")
		s.peer.until(t, "error 201 /bundles/never/a")
		expect(t, "the sender received", s.received(t, client))
	})
}

func (s *stage) lateJoiner(t *testing.T) {
	s.set(t, "/late/a", `"first"`)
	s.peer.set(t, "/late/b", `{"x":[1]}`)
	s.sent(t, client)
	s.received(t, client)

	s.open(t, "late")
	defer s.agent.do(t, "late", "close", nil)
	for address, want := range map[string]string{"/late/a": `"first"`, "/late/b": `{"x":[1]}`} {
		if got := s.agent.do(t, "late", "get", arguments{"address": address}); got != want {
			t.Errorf("get of %s returned %s, want %s", address, got, want)
		}
	}
	s.received(t, "late") // its snapshot is complete
	s.subscribe(t, "late", "late", "/late/*")
	got := s.received(t, "late")
	slices.Sort(got) // a snapshot has no order
	expect(t, "on subscribing it received", got, `late /late/a "first"`, `late /late/b {"x":[1]}`)
	s.set(t, "/late/a", `"second"`)
	s.sent(t, client)
	expect(t, "live it received", s.received(t, "late"), `late /late/a "second"`)
}

// ttl: only the Python client can ask for one.
func (s *stage) ttl(t *testing.T) {
	s.agent.do(t, client, "set", arguments{"address": "/ttl", "value": 1, "ttl": 1, "absolute": true})
	s.sent(t, client)
	s.peer.get(t, "/ttl")
	expect(t, "at first the peer received", s.peer.until(t, "snapshot /ttl i64 1"))
	deadline := time.Now().Add(patience)
	for {
		s.peer.get(t, "/ttl")
		s.peer.set(t, "/ttl-fence", "0")
		answer := s.peer.until(t, "set /ttl-fence ")
		if slices.Contains(answer, "error 201 /ttl") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("with a ttl of 1 s it was still there after %v: %q", patience, answer)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// query: only the Python client can ask, as MessagePack.
func (s *stage) query(t *testing.T) {
	s.set(t, "/query/a", `"x"`)
	s.set(t, "/query/b", `0.5`)
	got := s.agent.do(t, client, "query", arguments{"pattern": "/query/*"})
	for _, want := range []string{`"address":"/query/a","type":"param"`, `"address":"/query/b","type":"param"`, `"access":"rw"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the query was answered %s, want %s in it", got, want)
		}
	}
	s.sent(t, client)
}

// restart: the router comes back on its port, the clients find it again.
func (s *stage) restart(t *testing.T) {
	s.subscribe(t, client, "again", "/again")
	s.router.restart(t)
	s.agent.journal(client).until(t, "disconnect")
	s.agent.journal(client).until(t, "connect")
	s.peer = newPeer(t, s.router.url)
	s.peer.subscribe(t, 1, "/**")
	want := []string{`again /again "back"`}
	if !s.resubscribe { // this client only remembers what it was subscribed to, and still calls those callbacks
		s.agent.do(t, client, "subscribe", arguments{"sub": "fence", "pattern": "/fence/*"})
		s.agent.do(t, client, "subscribe", arguments{"sub": "renewed", "pattern": "/again"})
		want = append(want, `renewed /again "back"`)
	}
	s.set(t, "/again", `"back"`)
	expect(t, "the peer received", s.sent(t, client), `set /again string "back"`)
	expect(t, "the client received", s.received(t, client), want...)
}
