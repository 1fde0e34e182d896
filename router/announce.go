package router

import (
	"fmt"
	"iter"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// What a session may announce: so many signals (protocol section 8), with so many
// bytes of text in all.
const (
	maxAnnounced      = 10_000
	maxAnnouncedBytes = 4 << 20
)

// announced holds the signals that sessions have announced, as long as they live.
type announced struct {
	sync.RWMutex
	bySession map[*Session]*announcements
}

type announcements struct {
	signals map[signalKey]*announcement
	bytes   int
}

type signalKey struct {
	address string
	signal  wire.Signal
}

// announcement is one signal, told of in RESULT.
type announcement struct {
	address          string
	pattern          *address.Pattern // an announced address may have wildcards
	signal           wire.Signal
	datatype, access []byte
}

// onAnnounce does ANNOUNCE: all of its signals are registered, or none.
func (s *Session) onAnnounce(b *batch, q wire.QoS, payload []byte) error {
	m, err := wire.DecodeAnnounce(payload)
	if err != nil {
		return err
	}
	namespace := append([]byte(nil), m.Namespace...)
	var list []*announcement
	for {
		info, ok := m.Next()
		if !ok {
			break
		}
		p, err := address.Compile(string(info.Address))
		if err != nil {
			s.fail(b, wire.CodeBadAddress, info.Address, err.Error())
			return nil
		}
		if !s.rights.MayAnnounce(p) {
			s.failErr(b, info.Address, s.deny(toAnnounce))
			return nil
		}
		if len(list) >= maxAnnounced {
			break // over the limit whatever else comes
		}
		list = append(list, &announcement{
			address: p.String(), pattern: p, signal: info.Signal,
			datatype: append([]byte(nil), info.Datatype...), access: append([]byte(nil), info.Access...),
		})
	}
	if len(list) < m.Count || !s.router.announced.add(s, list) {
		s.fail(b, wire.CodeLimit, namespace, fmt.Sprintf("over the limit of %d announced signals or %d bytes a session: none of these is registered", maxAnnounced, maxAnnouncedBytes))
		return nil
	}
	if q != wire.Fire {
		ack := wire.Ack{HasAddress: true, Address: namespace}
		s.respond(b, wire.Fire, func(dst []byte) []byte { return wire.AppendAck(dst, ack) })
	}
	return nil
}

// add registers signals, or none when the session would have too many.
func (a *announced) add(s *Session, list []*announcement) bool {
	a.Lock()
	defer a.Unlock()
	mine := a.bySession[s]
	if mine == nil {
		mine = &announcements{signals: make(map[signalKey]*announcement, len(list))}
	}
	fresh := make(map[signalKey]*announcement, len(list))
	count, bytes := len(mine.signals), mine.bytes
	for _, n := range list {
		key := signalKey{n.address, n.signal}
		for _, known := range []*announcement{fresh[key], mine.signals[key]} {
			if known != nil { // announced again
				count--
				bytes -= known.size()
				break
			}
		}
		fresh[key] = n
		count++
		bytes += n.size()
	}
	if count > maxAnnounced || bytes > maxAnnouncedBytes {
		return false
	}
	maps.Copy(mine.signals, fresh)
	mine.bytes = bytes
	if a.bySession == nil {
		a.bySession = make(map[*Session]*announcements)
	}
	a.bySession[s] = mine
	return true
}

func (n *announcement) size() int { return len(n.address) + len(n.datatype) + len(n.access) }

func (a *announced) drop(s *Session) {
	a.Lock()
	defer a.Unlock()
	delete(a.bySession, s)
}

// find returns the announced signals that a query asks for, each address and type
// once: those whose own text matches, and for a query without wildcards those whose
// wildcards cover it.
func (a *announced) find(query *address.Pattern) map[signalKey]*announcement {
	found := make(map[signalKey]*announcement)
	a.RLock()
	defer a.RUnlock()
	for _, mine := range a.bySession {
		for key, n := range mine.signals {
			if query.Match(n.address) || query.Literal() && n.pattern.Match(query.String()) {
				found[key] = n
			}
		}
	}
	return found
}

// onQuery does QUERY. One RESULT answers it, unless it does not fit one frame; the
// Python client takes the next RESULT as its own, so queries are answered in order.
func (s *Session) onQuery(b *batch, payload []byte) error {
	m, err := wire.DecodeQuery(payload)
	if err != nil {
		return err
	}
	query, err := address.Compile(string(m.Pattern))
	if err != nil {
		s.fail(b, wire.CodeBadPattern, m.Pattern, err.Error())
		return nil
	}
	if deep(query) > maxBehindDeep {
		s.fail(b, wire.CodeLimit, m.Pattern, tooDeep)
		return nil
	}
	b.pause()
	res := s.newResult(b)
	signals := s.router.announced.find(query)
	for _, n := range signals {
		if !s.rights.MayReplay(n.pattern) {
			continue
		}
		res.add(wire.SignalInfo{
			Address: []byte(n.address), Signal: n.signal,
			HasDatatype: len(n.datatype) > 0, Datatype: n.datatype,
			HasAccess: len(n.access) > 0, Access: n.access,
		})
	}
	for piece := range s.queryParams(b, query) {
		for _, l := range piece {
			if signals[signalKey{l.address, l.signal}] == nil {
				res.add(wire.SignalInfo{
					Address: []byte(l.address), Signal: l.signal,
					HasDatatype: true, Datatype: []byte(wire.Value{Code: l.code}.TypeName()), HasAccess: true, Access: s.access(l.address),
				})
			}
		}
	}
	res.send(true)
	return nil
}

// live is a param that a query asks for.
type live struct {
	address string
	signal  wire.Signal
	code    byte
}

// queryParams goes through the live params a query asks for, in pieces, so that the
// index is never held for long.
func (s *Session) queryParams(b *batch, query *address.Pattern) iter.Seq[[]live] {
	return func(yield func([]live) bool) {
		prefix := query.Prefix()
		var piece []live
		for next, more := prefix, true; more; {
			piece = piece[:0]
			looks, began := 0, time.Now()
			s.router.params.Ascend(next, func(p *paramEntry) bool {
				if !strings.HasPrefix(p.Address, prefix) {
					more = false
					return false
				}
				if looks++; looks > pieceLooks || looks%32 == 0 && time.Since(began) > pieceTime {
					return false
				}
				next = p.Address + "\x00"
				if query.Match(p.Address) && s.mayRead(p.Address) {
					p.Lock()
					if p.Exists(b.now) {
						piece = append(piece, live{p.Address, signalOf(p), p.Value[0]})
					}
					p.Unlock()
				}
				return true
			}, func(all bool) { more = more && !all })
			if !yield(piece) {
				return
			}
		}
	}
}

// result is a RESULT in the making, cut into frames.
type result struct {
	s     *Session
	b     *batch
	buf   []byte
	start int
	count int
}

func (s *Session) newResult(b *batch) *result {
	r := &result{s: s, b: b}
	r.open()
	return r
}

func (r *result) open() {
	r.buf = r.b.reply.begin(wire.Fire)
	r.start = len(r.buf)
	r.buf = wire.BeginResult(r.buf)
	r.count = 0
}

func (r *result) add(info wire.SignalInfo) {
	before := len(r.buf)
	r.buf = wire.AppendResultSignal(r.buf, info)
	if payloadSize(r.buf) <= r.s.peer.payload() && r.count < 65535 {
		r.count++
		return
	}
	if before == r.start+3 {
		r.buf = r.buf[:before] // announced with texts that fit no frame: left out
		return
	}
	r.buf = r.buf[:before]
	r.send(false)
	r.add(info)
}

// send queues the frame and, unless it is the last, opens another.
func (r *result) send(last bool) {
	wire.SetResultCount(r.buf[r.start:], r.count)
	if r.b.reply.end(r.buf) == nil {
		r.s.out.Lock()
		r.s.queueLocked(r.b, r.b.reply.bytes(r.s.peer.Framing))
		r.s.out.Unlock()
	}
	if !last {
		r.s.waitForRoom(r.b)
		r.open()
	}
}
