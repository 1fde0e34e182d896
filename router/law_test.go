// Random rights and random operations: what a session learns and changes is what a
// reference says that knows nothing but lists, a small world of addresses and Match.

package router_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// world is every address of up to four segments a, ab and z, of which patterns name only
// the first two: where one pattern reaches further than another, it has an address there.
var world = func() (all []string) {
	level := []string{""}
	for range 4 {
		var next []string
		for _, prefix := range level {
			next = append(next, prefix+"/a", prefix+"/ab", prefix+"/z")
		}
		all, level = append(all, next...), next
	}
	slices.Sort(all)
	return all
}()

// law is the reference.
type law struct{ read, write, emit, subscribe []string }

func matches(pattern, addr string) bool {
	p, err := address.Compile(pattern)
	return err == nil && p.Match(addr)
}

func (law) at(list []string, addr string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return matches(p, addr) })
}

func (law) within(list []string, pattern string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		return !slices.ContainsFunc(world, func(addr string) bool { return matches(pattern, addr) && !matches(p, addr) })
	})
}

// may says whether an operation is allowed at an address or a pattern.
func (l law) may(operation, at string) bool {
	switch operation {
	case "get":
		return l.at(l.read, at)
	case "set", "timeline", "announce":
		return l.at(l.write, at)
	case "event", "stream", "gesture":
		return l.at(l.emit, at) || l.at(l.write, at)
	case "subscribe":
		return l.within(l.read, at) || l.within(l.subscribe, at)
	default: // replay
		return l.within(l.read, at)
	}
}

// drama is one session under a law, a friend who sees everything, and what both must have
// heard.
type drama struct {
	law
	c, friend     caller
	subscriptions []string
	announced     []string
	heard, seen   []string // by c and by its friend since the last look
}

func (d *drama) told(line, addr string) {
	d.seen = append(d.seen, line+" "+addr)
	if d.at(d.subscriptions, addr) {
		d.heard = append(d.heard, line+" "+addr)
	}
}

// done is what an operation of c on one address leaves behind when it is allowed.
func (d *drama) done(operation, addr string) {
	switch operation {
	case "set":
		d.told("SET", addr)
	case "event", "stream", "gesture", "timeline":
		d.seen = append(d.seen, "PUBLISH "+addr)
	}
}

func (d *drama) payload(t *testing.T, operation, at string) []byte {
	switch operation {
	case "get":
		return getPayload(at)
	case "set":
		return setPayload(at, 1.0)
	case "timeline":
		return timelinePayload(t, at, 1.0)
	case "event":
		return publishPayload(t, wire.Event, at)
	case "stream":
		return publishPayload(t, wire.Stream, at)
	case "gesture":
		return publishPayload(t, wire.Gesture, at)
	case "announce":
		return announcePayload(at)
	case "subscribe":
		return subscribePayload(at)
	case "query":
		return queryPayload(at)
	default:
		return replayPayload(at)
	}
}

// shown is a line that lists the addresses of the world for which wanted holds.
func shown(line string, wanted func(addr string) bool) string {
	for _, addr := range world {
		if wanted(addr) {
			line += " " + addr
		}
	}
	return line
}

// answer notes what c must hear about an operation of its own.
func (d *drama) answer(operation, at string) {
	var line string
	switch allowed := operation == "query" || d.may(operation, at); {
	case !allowed:
		line = "ERROR 301 " + at
	case operation == "get":
		line = "SNAPSHOT " + at
	case operation == "subscribe":
		if !slices.Contains(d.subscriptions, at) {
			d.subscriptions = append(d.subscriptions, at)
		}
		line = strings.TrimSuffix(shown("SNAPSHOT", func(addr string) bool { return matches(at, addr) }), "SNAPSHOT")
	case operation == "query":
		var found []string
		for _, addr := range world {
			if !matches(at, addr) || !d.may("get", addr) {
				continue
			}
			access := "r"
			if d.may("set", addr) {
				access = "rw"
			}
			found = append(found, addr+":"+access)
			if slices.Contains(d.announced, addr) {
				found = append(found, addr+":")
			}
		}
		slices.Sort(found)
		line = strings.Join(append([]string{"RESULT"}, found...), " ")
	case operation == "replay":
		line = "ERROR 501"
	default:
		if operation == "announce" && !slices.Contains(d.announced, at) {
			d.announced = append(d.announced, at)
		}
		d.done(operation, at)
		line = "ACK"
	}
	if line != "" {
		d.heard = append(d.heard, line)
	}
}

// joined makes the pieces of a snapshot one: where they are cut is a matter of time.
func joined(lines []string) (whole []string) {
	for _, line := range lines {
		if rest, more := strings.CutPrefix(line, "SNAPSHOT"); more && len(whole) > 0 && strings.HasPrefix(whole[len(whole)-1], "SNAPSHOT") {
			whole[len(whole)-1] += rest
			continue
		}
		whole = append(whole, line)
	}
	return whole
}

// look compares what was heard with what must have been.
func (d *drama) look(t *testing.T, what string) {
	t.Helper()
	for _, ear := range []struct {
		who  string
		got  []string
		want *[]string
	}{{"the session", d.c.heard(t), &d.heard}, {"its friend", d.friend.heard(t), &d.seen}} {
		if !slices.Equal(joined(ear.got), *ear.want) {
			t.Fatalf("%+v: %s: %s heard\n%q, want\n%q", d.law, what, ear.who, ear.got, *ear.want)
		}
		*ear.want = nil
	}
}

func TestLaw(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	pattern := func() string {
		text := ""
		for range 1 + random.IntN(3) {
			text += "/" + []string{"a", "ab", "*", "**", "a*"}[random.IntN(5)]
		}
		return text
	}
	patterns := func() (list []string) {
		for range random.IntN(4) {
			list = append(list, pattern())
		}
		return list
	}
	addr := func() string { return world[random.IntN(len(world))] }

	settings := guarded(t, true)
	settings.Limits.MaxSubscriptions = 0
	for range 60 {
		d := &drama{law: law{patterns(), patterns(), patterns(), patterns()}}
		r := openGuarded(t, router.Options{Settings: settings})
		d.friend, _ = enter(t, r, sign(t, secret, rights("/**", "/**", "", "")))
		for _, addr := range world {
			d.friend.send(t, wire.Fire, setPayload(addr, 0.0))
		}
		d.friend.ask(t, wire.Fire, subscribePayload("/**"))
		join := func(list []string) string { return strings.Join(list, " ") }
		var greeting []string
		d.c, greeting = enter(t, r, sign(t, secret, rights(join(d.read), join(d.write), join(d.emit), join(d.subscribe))))
		if want := shown("SNAPSHOT", func(addr string) bool { return d.may("get", addr) }); !slices.Equal(joined(greeting), []string{want}) {
			t.Fatalf("%+v: greeted with %q, want %s", d.law, greeting, want)
		}
		for range 60 {
			at := addr()
			switch operation := []string{"get", "set", "set", "timeline", "event", "stream", "gesture", "announce", "subscribe", "query", "replay", "bundle", "friend"}[random.IntN(13)]; operation {
			case "friend":
				d.friend.send(t, wire.Fire, setPayload(at, 1.0))
				d.told("SET", at)
				d.friend.send(t, wire.Fire, publishPayload(t, wire.Event, at))
				if d.at(d.subscriptions, at) {
					d.heard = append(d.heard, "PUBLISH "+at)
				}
				d.look(t, "its friend at "+at)
			case "bundle":
				first, second := []string{"set", "event", "timeline"}[random.IntN(3)], []string{"set", "event"}[random.IntN(2)]
				other := addr()
				d.c.send(t, wire.Confirm, bundlePayload(t, d.payload(t, first, at), d.payload(t, second, other)))
				switch {
				case !d.may(first, at):
					d.heard = append(d.heard, "ERROR 301 "+at)
				case !d.may(second, other):
					d.heard = append(d.heard, "ERROR 301 "+other)
				default:
					d.done(first, at)
					d.done(second, other)
					d.heard = append(d.heard, "ACK")
				}
				d.look(t, first+" "+at+" and "+second+" "+other+" in a bundle")
			default:
				if operation == "subscribe" || operation == "query" || operation == "replay" {
					at = pattern()
				}
				d.c.send(t, wire.Confirm, d.payload(t, operation, at))
				d.answer(operation, at)
				d.look(t, operation+" "+at)
			}
		}
		d.c.leave()
		d.friend.leave()
	}
}
