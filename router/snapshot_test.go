package router_test

// Snapshots on their way to clients that cannot take every frame (protocol section 12), and what happens meanwhile. Time is
// that of synctest: what a session rests is seen to the microsecond, and costs none.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

var (
	microcontroller = router.Peer{Transport: "test", MaxSnapshot: 252, Plain: true}
	datagrams       = router.Peer{Transport: "test", MaxSnapshot: 1204, MaxFrame: 1204}
)

// limited is a client that cannot take every frame. While it is shut, the write that comes waits.
type limited struct {
	sink
	session *router.Session

	mu     sync.Mutex
	shut   chan struct{} // closed when it is open
	writes []written
}

type written struct {
	at     time.Time
	frames []byte
}

// enterAs joins a client with an open door.
func enterAs(t *testing.T, r *router.Router, p router.Peer) *limited {
	t.Helper()
	c := openAs(t, r, p)
	close(c.shut)
	c.say(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test")}))
	c.read(t)
	return c
}

// openAs makes a connection whose door is shut.
func openAs(t *testing.T, r *router.Router, p router.Peer) *limited {
	t.Helper()
	c := &limited{shut: make(chan struct{})}
	s, ok := r.Open(c, p)
	if !ok {
		t.Fatal("the router is closing")
	}
	c.session = s
	t.Cleanup(func() { s.Closed(router.ReasonClientClosed) })
	return c
}

func (c *limited) Write(b []byte) error {
	c.mu.Lock()
	shut := c.shut
	c.mu.Unlock()
	<-shut
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = append(c.writes, written{time.Now(), bytes.Clone(b)})
	return nil
}

// close shuts the door for the writes to come, and returns what opens it for the one that waits.
func (c *limited) close() (open func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	shut := c.shut
	c.shut = make(chan struct{})
	return func() { close(shut) }
}

// say hands messages to the session, in one turn of its reader.
func (c *limited) say(t *testing.T, q wire.QoS, payloads ...[]byte) {
	t.Helper()
	for _, p := range payloads {
		c.session.Receive(frameOf(t, q, p))
	}
	c.session.Idle()
}

// settled waits until nothing has been written for a second, so that no rest is longer, and returns the writes.
func (c *limited) settled() []written {
	for n := -1; ; {
		synctest.Wait()
		c.mu.Lock()
		all := c.writes
		c.mu.Unlock()
		if len(all) == n {
			return all
		}
		n = len(all)
		time.Sleep(time.Second)
	}
}

// read returns what the client has got since, as "SET /x 1" with address and revision; a SNAPSHOT is one for each param.
func (c *limited) read(t *testing.T) (got []string) {
	t.Helper()
	c.settled()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.writes {
		for rest := w.frames; len(rest) > 0; {
			f, after, err := wire.ReadFrame(rest)
			if err != nil {
				t.Fatal(err)
			}
			rest = after
			kind := wire.Type(f.Payload[0])
			switch kind {
			case wire.TypeSet:
				m, err := wire.DecodeSet(f.Payload)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("SET %s %d", m.Address, m.Revision))
			case wire.TypeSnapshot:
				m, err := wire.DecodeSnapshot(f.Payload)
				if err != nil {
					t.Fatal(err)
				}
				for e, ok := m.Next(); ok; e, ok = m.Next() {
					got = append(got, fmt.Sprintf("SNAPSHOT %s %d", e.Address, e.Revision))
				}
			case wire.TypeError:
				m, err := wire.DecodeError(f.Payload)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("ERROR %d %s: %s", m.Code, m.Address, m.Message))
			case wire.TypeAck: // the writes of the client itself
			default:
				got = append(got, kind.String())
			}
		}
	}
	c.writes = nil
	return got
}

// about returns the words about an address.
func about(got []string, address string) (words []string) {
	for _, g := range got {
		if strings.Contains(g, " "+address+" ") {
			words = append(words, strings.Replace(g, " "+address, "", 1))
		}
	}
	return words
}

func expectAbout(t *testing.T, got []string, address string, want ...string) {
	t.Helper()
	if words := about(got, address); !slices.Equal(words, want) {
		t.Errorf("%s: got %q, want %q", address, words, want)
	}
}

// crowded sets params of 150 bytes that fill a session's outbox more than twice, and arrays before and behind them.
func crowded(t *testing.T, r *router.Router) *limited {
	t.Helper()
	w := enterAs(t, r, router.Peer{Transport: "test"})
	for i := range 10 {
		w.say(t, wire.Fire, setPayload(fmt.Sprintf("/a/%d", i), []any{1}), setPayload(fmt.Sprintf("/z/%d", i), []any{1}))
	}
	text := strings.Repeat("x", 150)
	for i := range 1000 {
		w.say(t, wire.Fire, setPayload(fmt.Sprintf("/m/%03d", i), text))
	}
	return w
}

func subscribeUnder(id uint32, pattern string) []byte {
	return wire.AppendSubscribe(nil, wire.Subscribe{ID: id, Pattern: []byte(pattern), Types: 0xff})
}

func signalPayload(signal wire.Signal, address, text string) []byte {
	data := append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...)
	return wire.AppendPublish(nil, wire.Publish{Signal: signal, Address: []byte(address),
		HasValue: true, Value: wire.Value{Code: wire.StringCode, Data: data}})
}

// TestLeftParamsChange: what a snapshot leaves for its end may change meanwhile, and the subscriber be told so. Then the end
// does not show it again (section 7: revisions strictly rise, snapshot included).
func TestLeftParamsChange(t *testing.T) {
	array := setPayload("/a/5", []any{2})
	for name, change := range map[string]func(t *testing.T, w, c *limited){
		"by another": func(t *testing.T, w, _ *limited) { w.say(t, wire.Fire, array) },
		"by the subscriber": func(t *testing.T, _, c *limited) {
			c.say(t, wire.Confirm, array)
		},
		"while it is slow": func(t *testing.T, w, _ *limited) {
			event := signalPayload(wire.Event, "/e", strings.Repeat("x", 60_000))
			w.say(t, wire.Fire, event, event, array)
		},
		"to a number": func(t *testing.T, w, _ *limited) { w.say(t, wire.Fire, setPayload("/a/5", 2.0)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := openWith(t, router.Limits{})
				w := crowded(t, r)
				c := enterAs(t, r, microcontroller)
				c.close()
				c.say(t, wire.Fire, subscribePayload("/**"))
				synctest.Wait() // the first 64 KiB are being written, and no more fits
				change(t, w, c)
				close(c.shut)
				got := c.read(t)
				expectAbout(t, got, "/a/5", "SET 2")
				for i := range 10 {
					if i != 5 {
						expectAbout(t, got, fmt.Sprintf("/a/%d", i), "SNAPSHOT 1")
					}
					expectAbout(t, got, fmt.Sprintf("/z/%d", i), "SNAPSHOT 1")
				}
				for i := range 1000 {
					expectAbout(t, got, fmt.Sprintf("/m/%03d", i), "SNAPSHOT 1")
				}
			})
		})
	}
}

// TestLeftParamsAndUnsubscribe: a snapshot that is given up has not shown what it had left for its end. What another
// subscription is owed of that stays owed (promise 2: everybody ends on the newest value).
func TestLeftParamsAndUnsubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{})
		w := crowded(t, r)
		c := enterAs(t, r, microcontroller)
		c.say(t, wire.Fire, subscribePayload("/a/*"))
		expectAbout(t, c.read(t), "/a/5", "SNAPSHOT 1")
		c.close()
		event := signalPayload(wire.Event, "/a/e", strings.Repeat("x", 60_000))
		w.say(t, wire.Fire, event)
		synctest.Wait() // the event is being written
		w.say(t, wire.Fire, event, event, setPayload("/a/5", []any{2}))
		// The first write ends, and the second begins: the outbox is empty, and the new value still to be queued.
		c.close()()
		synctest.Wait()
		c.say(t, wire.Fire, subscribeUnder(2, "/**"), wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: 2}))
		close(c.shut)
		expectAbout(t, c.read(t), "/a/5", "SET 2")
	})
}

// TestLeftParamsOfBundles: a first snapshot shows the params of a bundle as it left them. Those left for the end are shown
// once; what is behind the cursor is shown again, at once, so that no frame shows one half of the bundle without the other.
func TestLeftParamsOfBundles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{WelcomeSnapshot: 10_000})
		w := crowded(t, r)
		c := openAs(t, r, microcontroller)
		c.say(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test")}))
		synctest.Wait()
		w.say(t, wire.Fire,
			bundlePayload(t, setPayload("/a/5", []any{2}), setPayload("/z/5", []any{2}), setPayload("/m/999", "new")),
			bundlePayload(t, setPayload("/m/000", []any{2}), setPayload("/m/998", "new")))
		close(c.shut)
		got := c.read(t)
		expectAbout(t, got, "/a/5", "SNAPSHOT 2")
		expectAbout(t, got, "/z/5", "SNAPSHOT 2")
		expectAbout(t, got, "/m/999", "SNAPSHOT 2")
		expectAbout(t, got, "/m/000", "SNAPSHOT 1", "SNAPSHOT 2")
		expectAbout(t, got, "/m/998", "SNAPSHOT 2")
		if slices.Index(got, "SNAPSHOT /m/000 2") > slices.Index(got, "SNAPSHOT /m/998 2") {
			t.Error("a frame shows one half of a bundle as it was before, and the other as it is")
		}
	})
}

// TestEndOfSnapshotAndBundles is the same, for a bundle that comes when a part of what was left has been shown.
func TestEndOfSnapshotAndBundles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{WelcomeSnapshot: 10_000})
		w := enterAs(t, r, router.Peer{Transport: "test"})
		long := []any{strings.Repeat("x", 150)}
		for i := range 1000 {
			w.say(t, wire.Fire, setPayload(fmt.Sprintf("/a/%03d", i), long))
		}
		c := openAs(t, r, microcontroller)
		c.say(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test")}))
		synctest.Wait()
		w.say(t, wire.Fire, bundlePayload(t, setPayload("/a/000", []any{2}), setPayload("/a/999", []any{2})))
		close(c.shut)
		got := c.read(t)
		expectAbout(t, got, "/a/000", "SNAPSHOT 1", "SNAPSHOT 2")
		expectAbout(t, got, "/a/999", "SNAPSHOT 2")
		for i := 1; i < 999; i++ {
			expectAbout(t, got, fmt.Sprintf("/a/%03d", i), "SNAPSHOT 1")
		}
	})
}

// numbers sets so many params of some 70 bytes in a snapshot.
func numbers(t *testing.T, r *router.Router, n int) {
	t.Helper()
	w := enterAs(t, r, router.Peer{Transport: "test"})
	for i := range n {
		w.say(t, wire.Fire, setPayload(fmt.Sprintf("/n/%05d", i), float64(i)))
	}
}

// TestSmallPiecesManyAtOnce: a snapshot in small frames goes out in no more turns than one in large frames, give or take what
// the frames' own bytes are.
func TestSmallPiecesManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const params = 20_000
		r := openWith(t, router.Limits{})
		numbers(t, r, params)
		turns := make(map[string]int)
		for name, p := range map[string]router.Peer{"large": {Transport: "test"}, "small": microcontroller} {
			c := enterAs(t, r, p)
			c.say(t, wire.Fire, subscribePayload("/n/*"))
			writes := c.settled()
			turns[name] = len(writes)
			for _, w := range writes[1:] { // the reader itself begins, and may go on as long as there is room
				if len(w.frames) > 62<<10 {
					t.Errorf("%s: a turn of %d bytes", name, len(w.frames))
				}
			}
			if got := c.read(t); len(got) != params {
				t.Errorf("%s: %d params of %d", name, len(got), params)
			}
		}
		if turns["small"] > 2*turns["large"] || turns["large"] < 10 {
			t.Errorf("%d turns in small frames, %d in large ones", turns["small"], turns["large"])
		}
	})
}

// TestDatagramsComeInBursts: a snapshot does not overflow what a client's socket holds by default, some 90 datagrams, as
// long as the client takes it in at 10 MB/s; be it the one behind WELCOME, or several asked for at once.
func TestDatagramsComeInBursts(t *testing.T) {
	const params, most = 20_000, 33<<10 + 1204
	check := func(t *testing.T, c *limited, began time.Time, shown int) {
		t.Helper()
		waits, all := 0, 0 // bytes in the client's socket, and in all
		last := began
		for _, w := range c.settled() {
			waits = max(0, waits-int(w.at.Sub(last)*10/time.Microsecond))
			last = w.at
			waits += len(w.frames)
			all += len(w.frames)
			if waits > most {
				t.Fatalf("%d bytes wait in its socket after %d", waits, all)
			}
		}
		if rate := float64(all) / last.Sub(began).Seconds(); rate < 5e6 {
			t.Errorf("%.0f bytes a second", rate)
		}
		got := slices.DeleteFunc(c.read(t), func(s string) bool { return !strings.HasPrefix(s, "SNAPSHOT /n/") })
		if len(got) != shown {
			t.Errorf("%d params shown, want %d", len(got), shown)
		}
	}
	t.Run("WELCOME", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := openWith(t, router.Limits{WelcomeSnapshot: params})
			numbers(t, r, params)
			c, began := openAs(t, r, datagrams), time.Now()
			close(c.shut)
			c.say(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test")}))
			check(t, c, began, params)
		})
	})
	t.Run("several SUBSCRIBEs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := openWith(t, router.Limits{})
			numbers(t, r, params)
			c, began := enterAs(t, r, datagrams), time.Now()
			for id := range uint32(5) {
				c.say(t, wire.Fire, subscribeUnder(id, "/n/*"))
			}
			check(t, c, began, 5*params)
		})
	})
	t.Run("small ones", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := openWith(t, router.Limits{})
			numbers(t, r, params)
			c, began := enterAs(t, r, datagrams), time.Now()
			for id := range uint32(params / 10) {
				c.say(t, wire.Fire, subscribeUnder(id, fmt.Sprintf("/n/%04d*", id)))
				synctest.Wait() // each is answered in one frame, or its answer waits
			}
			check(t, c, began, params)
		})
	})
}

// TestRefusals: a client is told of what is too large for it, at the first one and then at most every 10 s with their number
// (as section 9 has it), so that a stream of them is no stream of errors. What it has asked for is refused each time.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{})
		w := enterAs(t, r, router.Peer{Transport: "test"})
		c := enterAs(t, r, datagrams)
		c.say(t, wire.Fire, subscribePayload("/**"))
		text := strings.Repeat("x", 5000)
		expect := func(what string, want ...string) {
			t.Helper()
			if got := c.read(t); !slices.Equal(got, want) { // which takes a second
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		const why = "%s of %d bytes is over the 1204 that a frame to this client may have: not sent"
		w.say(t, wire.Fire, setPayload("/set", text))
		expect("the first", "ERROR 503 /set: "+fmt.Sprintf(why, "SET", 5022))
		for range 100 {
			w.say(t, wire.Fire, setPayload("/set", text), signalPayload(wire.Stream, "/stream", text), signalPayload(wire.Event, "/event", text))
		}
		expect("the next 300")
		c.say(t, wire.Fire, getPayload("/set"), getPayload("/set"))
		answer := "ERROR 503 /set: " + fmt.Sprintf(why, "SNAPSHOT", 5071)
		expect("what it asks for", answer, answer)
		time.Sleep(10 * time.Second)
		w.say(t, wire.Fire, signalPayload(wire.Stream, "/stream", text))
		expect("10 s later", "ERROR 503 /stream: "+fmt.Sprintf(why, "PUBLISH", 5019)+", nor were 300 others since this was last told")
		w.say(t, wire.Fire, setPayload("/small", 1.0))
		expect("what fits", "SET /small 1")
	})
}

// TestSubscribeIsAnswered: each SUBSCRIBE is told of a param that is too large for the client, however often others were.
func TestSubscribeIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{})
		w := enterAs(t, r, router.Peer{Transport: "test"})
		c := enterAs(t, r, datagrams)
		text := strings.Repeat("x", 3000)
		for i := range 5 {
			w.say(t, wire.Fire, setPayload(fmt.Sprintf("/big/%d", i), text))
		}
		for i := range 3 {
			addr := fmt.Sprintf("/big/%d", i)
			c.say(t, wire.Fire, subscribeUnder(uint32(i), addr))
			got := c.read(t)
			if len(got) != 1 || !strings.HasPrefix(got[0], "ERROR 503 "+addr+": SNAPSHOT of ") {
				t.Errorf("SUBSCRIBE %s is answered with %q", addr, got)
			}
		}
		// One for all of them; the second told by the way, as the first that is.
		c.say(t, wire.Fire, subscribeUnder(9, "/big/*"))
		if got := c.read(t); len(got) != 2 || !strings.HasPrefix(got[0], "ERROR 503 /big/0: ") {
			t.Errorf("SUBSCRIBE /big/* is answered with %q", got)
		}
		c.say(t, wire.Fire, subscribeUnder(10, "/big/*"))
		if got := c.read(t); len(got) != 1 || !strings.HasPrefix(got[0], "ERROR 503 /big/0: ") {
			t.Errorf("SUBSCRIBE /big/* once more is answered with %q", got)
		}
	})
}

// TestLargeEcho: to a writer whose own SET is too large to come back the ACK is the answer, and nothing says that the value
// has not been applied.
func TestLargeEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{})
		c := enterAs(t, r, datagrams)
		c.say(t, wire.Fire, subscribePayload("/**"))
		for range 2 {
			c.say(t, wire.Confirm, setPayload("/big", strings.Repeat("x", 3000)))
			writes := c.settled()
			if got := c.read(t); len(writes) != 1 || wire.Type(writes[0].frames[wire.HeaderSize]) != wire.TypeAck || len(got) > 0 {
				t.Errorf("%d writes with %q, want an ACK", len(writes), got)
			}
		}
	})
}

// TestLargeAnswers: an answer of any kind that is too large for the client is refused each time, for the client waits for it.
func TestLargeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{})
		c := enterAs(t, r, router.Peer{Transport: "test", MaxSnapshot: 252, MaxFrame: 252})
		for range 3 {
			c.say(t, wire.Fire, getPayload("/"+strings.Repeat("x", 300)))
			if got := c.read(t); len(got) != 1 || !strings.HasPrefix(got[0], "ERROR 503 : ERROR of ") {
				t.Errorf("GET of what is not there is answered with %q", got)
			}
		}
	})
}

// TestEchoAheadOfSnapshot: a subscriber that writes where its snapshot has not come to is told at once, before the ACK. The
// snapshot does not show that revision again (section 7), but a newer one.
func TestEchoAheadOfSnapshot(t *testing.T) {
	number := func(addr string) []byte { return setPayload(addr, 2.0) }
	rated := func(id uint32, pattern string) []byte {
		return wire.AppendSubscribe(nil, wire.Subscribe{ID: id, Pattern: []byte(pattern), Types: 0xff, HasMaxRate: true, MaxRate: 1000})
	}
	for name, test := range map[string]struct {
		subscribe []byte
		write     func(t *testing.T, w, c *limited)
		want      []string // of /z/5
	}{
		"by itself": {subscribePayload("/**"), func(t *testing.T, _, c *limited) {
			c.say(t, wire.Confirm, number("/z/5"))
		}, []string{"SET 2"}},
		"through a filter": {rated(1, "/**"), func(t *testing.T, _, c *limited) {
			c.say(t, wire.Confirm, number("/z/5"))
		}, []string{"SET 2"}},
		"an array": {subscribePayload("/**"), func(t *testing.T, _, c *limited) {
			c.say(t, wire.Confirm, setPayload("/z/5", []any{2}))
		}, []string{"SET 2"}},
		"twice": {subscribePayload("/**"), func(t *testing.T, _, c *limited) {
			c.say(t, wire.Confirm, number("/z/5"), number("/z/5"))
		}, []string{"SET 2", "SET 3"}},
		"and then by another": {subscribePayload("/**"), func(t *testing.T, w, c *limited) {
			c.say(t, wire.Confirm, number("/z/5"))
			w.say(t, wire.Confirm, number("/z/5"))
		}, []string{"SET 2", "SNAPSHOT 3"}},
		"at fire": {subscribePayload("/**"), func(t *testing.T, _, c *limited) {
			c.say(t, wire.Fire, number("/z/5"))
		}, []string{"SNAPSHOT 2"}},
		"in a bundle": {subscribePayload("/**"), func(t *testing.T, _, c *limited) {
			c.say(t, wire.Confirm, bundlePayload(t, number("/z/4"), number("/z/5")))
		}, []string{"SET 2"}},
		"and a SUBSCRIBE that waits": {subscribePayload("/**"), func(t *testing.T, _, c *limited) {
			c.say(t, wire.Confirm, subscribeUnder(2, "/z/5"), number("/z/5"))
		}, []string{"SET 2"}},
		"and a SUBSCRIBE behind it": {subscribePayload("/**"), func(t *testing.T, _, c *limited) {
			c.say(t, wire.Confirm, number("/z/5"), subscribeUnder(2, "/z/5"))
		}, []string{"SET 2", "SNAPSHOT 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, p := range []router.Peer{{Transport: "test"}, microcontroller} {
				synctest.Test(t, func(t *testing.T) {
					r := openWith(t, router.Limits{})
					w := crowded(t, r)
					numbers(t, r, 5000)
					c := enterAs(t, r, p)
					c.close()
					c.say(t, wire.Fire, test.subscribe)
					synctest.Wait() // the first 64 KiB are being written, and no more fits
					test.write(t, w, c)
					close(c.shut)
					got := c.read(t)
					expectAbout(t, got, "/z/5", test.want...)
					expectAbout(t, got, "/z/6", "SNAPSHOT 1")
				})
			}
		})
	}
}

// TestEchoAndFirstSnapshot is the same for the snapshot behind WELCOME, which shows again what a bundle has changed behind it.
func TestEchoAndFirstSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{WelcomeSnapshot: 10_000})
		w := crowded(t, r)
		numbers(t, r, 5000)
		c := openAs(t, r, router.Peer{Transport: "test"})
		c.say(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test")}), subscribePayload("/*/5"))
		synctest.Wait()
		both := bundlePayload(t, setPayload("/a/5", 2.0), setPayload("/z/5", 2.0))
		c.say(t, wire.Confirm, both)
		w.say(t, wire.Fire, bundlePayload(t, setPayload("/a/6", 2.0), setPayload("/z/6", 2.0)))
		close(c.shut)
		got := c.read(t)
		expectAbout(t, got, "/a/5", "SNAPSHOT 1", "SET 2")
		expectAbout(t, got, "/z/5", "SET 2")
		expectAbout(t, got, "/a/6", "SNAPSHOT 1", "SNAPSHOT 2")
		expectAbout(t, got, "/z/6", "SNAPSHOT 2")
	})
}

// TestEchoOfASlowWriter: the echo comes before the ACK, however much waits, through a filter too.
func TestEchoOfASlowWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{})
		w := enterAs(t, r, router.Peer{Transport: "test"})
		c := enterAs(t, r, router.Peer{Transport: "test"})
		c.say(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte("/**"), Types: 0xff, HasEpsilon: true, Epsilon: 1}))
		c.close()
		event := signalPayload(wire.Event, "/e", strings.Repeat("x", 60_000))
		w.say(t, wire.Fire, event)
		synctest.Wait()
		w.say(t, wire.Fire, event, event)
		c.say(t, wire.Confirm, setPayload("/x", 1.0), getPayload("/x")) // the answer follows the ACK
		close(c.shut)
		expectAbout(t, c.read(t), "/x", "SET 1", "SNAPSHOT 1")
	})
}

// TestOtherTypesStayOwed: a snapshot passes over what its SUBSCRIBE does not ask for. What another is owed of that stays owed.
func TestOtherTypesStayOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openWith(t, router.Limits{})
		w := crowded(t, r)
		c := enterAs(t, r, router.Peer{Transport: "test"})
		c.say(t, wire.Fire, subscribePayload("/a/*"))
		c.read(t)
		c.close()
		event := signalPayload(wire.Event, "/a/e", strings.Repeat("x", 60_000))
		w.say(t, wire.Fire, event)
		synctest.Wait() // the event is being written
		w.say(t, wire.Fire, event, event, setPayload("/a/5", []any{2}))
		// The first write ends, and the second begins: the outbox is empty, and the new value still to be queued.
		c.close()()
		synctest.Wait()
		c.say(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 2, Pattern: []byte("/**"), Types: wire.MaskTimeline}))
		close(c.shut)
		expectAbout(t, c.read(t), "/a/5", "SET 2")
	})
}

// TestLeftParamsAreBounded: what a snapshot leaves takes no room in the outbox, and a client that does not read must not have
// the router remember all of it (promise 5). It is sent before the snapshot goes on.
func TestLeftParamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const params, most = 20_000, 400 << 10
		r := openWith(t, router.Limits{})
		w := enterAs(t, r, router.Peer{Transport: "test"})
		for i := range params {
			w.say(t, wire.Fire, setPayload(fmt.Sprintf("/a/%05d", i), []any{i}))
		}
		w.say(t, wire.Fire, setPayload("/z", 1.0))
		c := enterAs(t, r, microcontroller)
		c.close()
		before := kit.Heap()
		c.say(t, wire.Fire, subscribePayload("/**"))
		synctest.Wait()
		if grown := kit.Heap() - before; grown > most {
			t.Errorf("the heap has grown by %d bytes", grown)
		}
		w.say(t, wire.Fire, setPayload("/a/00003", []any{0}), setPayload("/a/19999", []any{0}))
		close(c.shut)
		got := c.read(t)
		if len(got) != params+2 {
			t.Errorf("%d messages, want %d", len(got), params+2)
		}
		if z := slices.Index(got, "SNAPSHOT /z 1"); z < params-2000 || z > params-1 {
			t.Errorf("/z comes at %d of %d: behind what was left before, and before what was left last", z, len(got))
		}
		expectAbout(t, got, "/a/00003", "SNAPSHOT 1", "SET 2")
		expectAbout(t, got, "/a/19999", "SNAPSHOT 2")
	})
}
