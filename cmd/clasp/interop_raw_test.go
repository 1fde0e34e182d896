// What the public clients have no method for, over a bare WebSocket with the public JavaScript codec: frames that it makes, and
// every frame of the router as it reads it.

package main_test

import (
	"regexp"
	"strings"
	"testing"
)

// volatile is what differs from run to run in a frame: times, and the wording of errors.
var volatile = regexp.MustCompile(`,"(message|timestamp|time|t2|t3)":("(\\.|[^"\\])*"|\d+)`)

// message is one that the public codec encodes, by its own field names.
type message = map[string]any

// rawSession is a bare connection of the agent, greeted.
type rawSession struct {
	stage   *stage
	client  string
	session string // its id
}

func (s *stage) rawOpen(t *testing.T, client string) *rawSession {
	t.Helper()
	if got := s.agent.do(t, client, "rawOpen", arguments{"url": s.router.url}); got != `"clasp"` {
		t.Errorf("the subprotocol is %s, want clasp", got)
	}
	r := &rawSession{stage: s, client: client}
	hello := message{"type": "HELLO", "version": 1, "name": client, "features": []string{"param", "event"}}
	got := r.exchange(t, 0, hello)
	id := regexp.MustCompile(`^qos 0 \{"type":"WELCOME","version":1,"session":"([0-9a-f-]{36})"`).FindStringSubmatch(first(got))
	if id == nil || !strings.HasPrefix(first(got[1:]), `qos 0 {"type":"SNAPSHOT"`) {
		t.Fatalf("HELLO was answered %q, want WELCOME and SNAPSHOT", got)
	}
	r.session = id[1]
	return r
}

func first(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}

// exchange sends one message and returns the frames that came before the PONG to the PING behind it.
func (r *rawSession) exchange(t *testing.T, qos int, m message) []string {
	t.Helper()
	return r.pinged(t, arguments{"message": m, "qos": qos})
}

// exchangeHex is exchange for bytes that no codec would make.
func (r *rawSession) exchangeHex(t *testing.T, hex string) []string {
	t.Helper()
	return r.pinged(t, arguments{"hex": hex})
}

func (r *rawSession) pinged(t *testing.T, args arguments) []string {
	t.Helper()
	r.stage.agent.do(t, r.client, "rawSend", args)
	r.stage.agent.do(t, r.client, "rawSend", arguments{"message": message{"type": "PING"}, "qos": 0})
	lines := r.stage.agent.journal(r.client).until(t, `qos 0 {"type":"PONG"}`)
	for i, line := range lines {
		lines[i] = volatile.ReplaceAllString(line, "")
	}
	return lines
}

func (s *stage) rawFrames(t *testing.T) {
	one, two := s.rawOpen(t, "one"), s.rawOpen(t, "two")
	const fire, confirm, commit = 0, 1, 2
	set := func(address string, value any, more ...message) message {
		m := message{"type": "SET", "address": address, "value": value}
		for _, extra := range more {
			for name, value := range extra {
				m[name] = value
			}
		}
		return m
	}

	t.Run("acknowledgement", func(t *testing.T) {
		expect(t, "at fire", one.exchange(t, fire, set("/raw/ack", 1)))
		expect(t, "at confirm", one.exchange(t, confirm, set("/raw/ack", 2)), `qos 0 {"type":"ACK","address":"/raw/ack","revision":2}`)
		expect(t, "at commit", one.exchange(t, commit, set("/raw/ack", 3)), `qos 0 {"type":"ACK","address":"/raw/ack","revision":3}`)
		event := message{"type": "PUBLISH", "signal": "event", "address": "/raw/event", "value": 1}
		expect(t, "an event at fire", one.exchange(t, fire, event))
		if got := one.exchange(t, confirm, event); len(got) != 1 || !strings.Contains(got[0], `"type":"ACK"`) {
			t.Errorf("an event at confirm was answered %q, want one ACK", got)
		}
	})
	t.Run("expected revision", func(t *testing.T) {
		at := func(revision int) message { return message{"revision": revision} }
		expect(t, "creating", one.exchange(t, confirm, set("/raw/rev", 1, at(0))), `qos 0 {"type":"ACK","address":"/raw/rev","revision":1}`)
		expect(t, "creating again", one.exchange(t, confirm, set("/raw/rev", 2, at(0))), `qos 0 {"type":"ERROR","code":400,"address":"/raw/rev"}`)
		expect(t, "the current one", two.exchange(t, confirm, set("/raw/rev", 3, at(1))), `qos 0 {"type":"ACK","address":"/raw/rev","revision":2}`)
		expect(t, "a past one, at fire", one.exchange(t, fire, set("/raw/rev", 4, at(1))), `qos 0 {"type":"ERROR","code":400,"address":"/raw/rev"}`)
	})
	t.Run("lock", func(t *testing.T) {
		lock, unlock := message{"lock": true}, message{"unlock": true}
		refused := `qos 0 {"type":"ERROR","code":401,"address":"/raw/lock"}`
		expect(t, "taking it", one.exchange(t, confirm, set("/raw/lock", 1, lock)),
			`qos 0 {"type":"ACK","address":"/raw/lock","revision":1,"locked":true,"holder":"`+one.session+`"}`)
		expect(t, "another's write", two.exchange(t, confirm, set("/raw/lock", 2)), refused)
		expect(t, "another's unlock", two.exchange(t, confirm, set("/raw/lock", 2, unlock)), refused)
		got := one.exchange(t, confirm, set("/raw/lock", 3, unlock))
		if len(got) != 1 || !strings.HasPrefix(got[0], `qos 0 {"type":"ACK","address":"/raw/lock","revision":2,"locked":false`) {
			t.Errorf("the holder's unlock was answered %q, want an ACK with revision 2 and locked false", got)
		}
		expect(t, "another's write now", two.exchange(t, confirm, set("/raw/lock", 4)), `qos 0 {"type":"ACK","address":"/raw/lock","revision":3}`)

		three := s.rawOpen(t, "three")
		three.exchange(t, confirm, set("/raw/lock", 5, lock))
		expect(t, "a write while it is held", two.exchange(t, confirm, set("/raw/lock", 6)), refused)
		s.agent.do(t, three.client, "rawClose", nil)
		s.agent.journal(three.client).until(t, "disconnect")
		// The close is one thing for the client and another for the router, so ask until it is through.
		for range 1000 {
			if got := two.exchange(t, confirm, set("/raw/lock", 7)); first(got) != refused {
				expect(t, "once the holder has gone", got, `qos 0 {"type":"ACK","address":"/raw/lock","revision":5}`)
				return
			}
		}
		t.Error("the lock outlived its holder")
	})
	t.Run("subscribe", func(t *testing.T) {
		subscribe := message{"type": "SUBSCRIBE", "id": 1, "pattern": "/raw/sub/*"}
		expect(t, "at confirm with nothing there", one.exchange(t, confirm, subscribe))
		expect(t, "own set, echoed before its ACK", one.exchange(t, confirm, set("/raw/sub/a", "x")),
			`qos 1 {"type":"SET","address":"/raw/sub/a","value":"x","revision":1}`,
			`qos 0 {"type":"ACK","address":"/raw/sub/a","revision":1}`)
		expect(t, "with one param there", two.exchange(t, confirm, subscribe),
			`qos 0 {"type":"SNAPSHOT","params":[{"address":"/raw/sub/a","value":"x","revision":1,"writer":"`+one.session+`"}]}`)
	})
	t.Run("get", func(t *testing.T) {
		expect(t, "what is not there", one.exchange(t, fire, message{"type": "GET", "address": "/raw/none"}),
			`qos 0 {"type":"ERROR","code":201,"address":"/raw/none"}`)
		expect(t, "what is there", one.exchange(t, fire, message{"type": "GET", "address": "/raw/sub/a"}),
			`qos 0 {"type":"SNAPSHOT","params":[{"address":"/raw/sub/a","value":"x","revision":1,"writer":"`+one.session+`"}]}`)
	})
	t.Run("sync", func(t *testing.T) {
		expect(t, "the answer", one.exchange(t, fire, message{"type": "SYNC", "t1": 123456789}), `qos 0 {"type":"SYNC","t1":123456789}`)
	})
	t.Run("announce and query", func(t *testing.T) {
		announce := message{"type": "ANNOUNCE", "namespace": "/raw/lamp", "signals": []message{
			{"address": "/raw/lamp/level", "type": "param", "datatype": "float", "access": "rw", "meta": message{"unit": "%", "range": []int{0, 1}}},
			{"address": "/raw/lamp/flash", "type": "event"},
		}}
		expect(t, "the announcement", one.exchange(t, confirm, announce), `qos 0 {"type":"ACK","address":"/raw/lamp"}`)
		got := two.exchange(t, fire, message{"type": "QUERY", "pattern": "/raw/lamp/*"})
		if len(got) != 1 {
			t.Fatalf("the query was answered %q, want one RESULT", got)
		}
		for _, want := range []string{
			`qos 0 {"type":"RESULT"`, `{"address":"/raw/lamp/level","type":"param","datatype":"float"`, `"address":"/raw/lamp/flash","type":"event"`,
		} {
			if !strings.Contains(got[0], want) {
				t.Errorf("the query was answered %s, want %s in it", got[0], want)
			}
		}
	})
	t.Run("bundle", func(t *testing.T) {
		bundle := func(addresses ...string) message {
			var inner []message
			for _, address := range addresses {
				inner = append(inner, set(address, 1))
			}
			return message{"type": "BUNDLE", "messages": inner}
		}
		expect(t, "a good one at commit", one.exchange(t, commit, bundle("/raw/bundle/a", "/raw/bundle/b")),
			`qos 0 {"type":"ACK","revision":1}`)
		got := one.exchange(t, fire, bundle("/raw/bundle/c", "/raw/*/d"))
		if len(got) != 1 || !strings.HasPrefix(got[0], `qos 0 {"type":"ERROR","code":200`) {
			t.Errorf("a bad one was answered %q, want one ERROR 200", got)
		}
		expect(t, "what the bad one set", one.exchange(t, fire, message{"type": "GET", "address": "/raw/bundle/c"}),
			`qos 0 {"type":"ERROR","code":201,"address":"/raw/bundle/c"}`)
	})
	t.Run("errors keep the session", func(t *testing.T) {
		code := func(what string, got []string, code string) {
			t.Helper()
			if len(got) != 1 || !strings.HasPrefix(got[0], `qos 0 {"type":"ERROR","code":`+code) {
				t.Errorf("%s was answered %q, want one ERROR %s", what, got, code)
			}
		}
		code("a second HELLO", one.exchange(t, fire, message{"type": "HELLO", "version": 1, "name": "again", "features": []string{}}), "100")
		code("a wrong magic", one.exchangeHex(t, "5401000141"), "100")
		code("a frame cut short", one.exchangeHex(t, "5301000541"), "100")
		code("QoS 3", one.exchangeHex(t, "53c1000141"), "100")
		code("an unknown type", one.exchangeHex(t, "530100017f"), "101")
		code("a message cut short", one.exchangeHex(t, "530100032105ff"), "101")
		code("an address with an empty segment", one.exchange(t, fire, set("/raw//x", 1)), "200")
		code("a pattern without a slash", one.exchange(t, fire, message{"type": "SUBSCRIBE", "id": 9, "pattern": "raw/*"}), "202")
		code("a write to the router's own addresses", one.exchange(t, fire, set("/_clasp/x", 1)), "301")
		code("REPLAY without a journal", one.exchangeHex(t, "53010008240000032f2a2aff"), "501")
	})
	s.sent(t, client)
	for _, r := range []*rawSession{one, two} {
		s.agent.do(t, r.client, "rawClose", nil)
	}
}
