// Workload match: what finding the subscribers of a message costs, when there are many
// other subscriptions.

package versus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

const (
	// matchVolley is how many messages go out in one write, and matchVolleys how many
	// volleys are under way at most: few, as some peers look at every subscription for
	// every message, and need seconds for more.
	matchVolley  = 16
	matchVolleys = 4
	// matchPatience is how long all subscribing may take, for one number of subscriptions.
	// After matchEarly it is over for who will not make it at the pace so far: more
	// subscriptions make nobody faster.
	matchPatience = time.Minute
	matchEarly    = 10 * time.Second
	// matchChunk is how many subscriptions are asked for between two round trips.
	matchChunk = 1000
)

// matchSizes are the numbers of subscriptions, and the ends of the keys of their columns.
var matchSizes = []struct {
	subscriptions int
	key, title    string
}{{1_000, "1k", "1,000"}, {10_000, "10k", "10,000"}, {100_000, "100k", "100,000"}, {1_000_000, "1m", "1,000,000"}}

var match = workload{
	name:  "match",
	title: "Matching among 1,000 to 1,000,000 subscriptions",
	about: "Ten sessions share the subscriptions evenly: five have single addresses, each of the other five patterns of a form of its own " +
		"with one to three wildcards. One publisher goes through all addresses in a scattered order, and each message matches one " +
		"subscription of every session, ten in all; closed loop, at most 64 messages under way. " +
		"Each number of subscriptions has a server of its own and a minute to be made; a peer that could not is not asked again (--quick stops at 10,000).",
	needs:   peer.Wildcards,
	placed:  true,
	numbers: matchNumbers(),
	run:     runMatch,
}

func matchNumbers() (all []number) {
	for _, size := range matchSizes {
		all = append(all, number{"cpu_" + size.key, size.title + ": server CPU a publish", micros, lower})
	}
	for _, size := range matchSizes {
		all = append(all, number{"rate_" + size.key, size.title + ": publishes", perSecond, higher})
	}
	return append(all,
		number{"memory", "memory (RSS) a subscription, of the most", bytesUnit, lower},
		number{"made", "subscriptions made, of the most", perSecond, neither})
}

func runMatch(ctx context.Context, r *rig) (res result, err error) {
	var reordered error
	for i, size := range matchSizes[:r.of(len(matchSizes), 2)] {
		if why := r.hasGivenUp("match " + size.key); why != "" {
			res.notes = append(res.notes, why)
			break
		}
		err := r.matchAmong(ctx, &res, size.subscriptions, size.key)
		if cannot := (unable{}); i > 0 && errors.As(err, &cannot) {
			res.notes = append(res.notes, cannot.why) // the smaller numbers stand
			r.giveUp("match "+size.key, cannot.why+" (not asked again)")
			break
		}
		if errors.As(err, new(disorder)) { // all have come, so the numbers stand
			reordered = err
			continue
		}
		if err != nil {
			return result{}, fmt.Errorf("%s subscriptions: %w", size.title, err)
		}
	}
	return res, reordered
}

// matchAmong measures with one number of subscriptions.
func (r *rig) matchAmong(ctx context.Context, res *result, subscriptions int, key string) (err error) {
	server, err := r.start(ctx, false)
	if err != nil {
		return err
	}
	defer end(server, &err)
	empty, err := server.RSS()
	if err != nil {
		return err
	}
	l := lightLoop{lights: subscriptions / lightSessions, pace: newLoop(matchVolley, matchVolleys, lightSessions)}
	for i := range l.lights {
		l.addresses = append(l.addresses, lightAddress(i))
	}
	begun := time.Now()
	l.audience, err = gatherBy(ctx, r, server, crowd{
		subscribers: lightSessions, subscribe: l.subscribe(begun), publishers: 1,
		tell: func(i int, s peer.Stamp, _ time.Duration) { l.pace.note(i, s.Sequence) },
	})
	if err != nil {
		return err
	}
	took := time.Since(begun)
	full, err := server.RSS()
	if err != nil {
		l.close()
		return err
	}
	l.messages = newMessages(l.publishers[0], 0, "")
	u, published, err := l.run(ctx, r.duration)
	err = l.verdict(err, func(int) map[uint32]uint64 { return map[uint32]uint64{0: l.messages.sent} })
	if err != nil && !errors.As(err, new(disorder)) {
		return err
	}
	if u.server > 0 {
		res.set("cpu_"+key, float64(u.server)/float64(time.Microsecond)/float64(published))
	}
	res.set("rate_"+key, float64(published)/u.wall.Seconds())
	res.set("memory", float64(full-empty)/float64(subscriptions))
	res.set("made", float64(subscriptions)/took.Seconds())
	return err
}

// lightLoop is a closed loop from one publisher to all lights.
type lightLoop struct {
	*audience
	pace      *loop
	lights    int
	addresses []string
	messages  *messages
}

// subscribe returns what subscribes a session to all its lights.
func (l *lightLoop) subscribe(begun time.Time) func(session int, c *peer.Conn) error {
	return func(session int, c *peer.Conn) error {
		var out []byte
		for i := range l.lights {
			out = c.AppendSubscribe(out, lightPattern(session, i))
			if (i+1)%matchChunk != 0 && i+1 < l.lights {
				continue
			}
			_, err := c.Write(out)
			if err == nil {
				err = c.RoundTrip()
			}
			out = out[:0]
			if err == nil {
				err = soonEnough(time.Since(begun), session*l.lights+i+1, l.lights*lightSessions)
			}
			if err != nil { // most often, it wants no more
				return unable{fmt.Sprintf("asked for %s, it had about %s, and then: %v",
					count(l.lights*lightSessions, "subscription"), count(session*l.lights+i+1, "subscription"), err)}
			}
		}
		return nil
	}
}

// soonEnough fails when so many of all subscriptions after so long will not be all in time.
func soonEnough(took time.Duration, made, all int) error {
	if took > matchEarly && float64(made)/float64(all) < took.Seconds()/matchPatience.Seconds() {
		return fmt.Errorf("after %v, it would not have all within %v", took.Round(time.Second), matchPatience)
	}
	return nil
}

// run publishes for as long as d, after a shorter time that does not count.
func (l *lightLoop) run(ctx context.Context, d time.Duration) (u usage, published uint64, err error) {
	add := func() {
		l.messages.address = l.addresses[l.messages.sent*lightStride%uint64(l.lights)]
		l.messages.add(0)
	}
	if _, err := l.pace.send(ctx, l.audience, l.messages, d/5, add); err != nil { // buffers grow, caches fill
		return usage{}, 0, err
	}
	m := measure(l.server)
	published, err = l.pace.send(ctx, l.audience, l.messages, d, add)
	return m.stop(), published, err
}
