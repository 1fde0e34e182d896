package router

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// helloTimeout is how long a connection may take to say HELLO (protocol section 5.2).
const helloTimeout = 10 * time.Second

// maxHello is how many bytes a message may have before HELLO has been taken: it holds a name and
// a token, and peers that nobody knows yet must not cost more.
const maxHello = 32 << 10

// features are the signal types this router serves.
const features = wire.FeatureParam | wire.FeatureEvent | wire.FeatureStream | wire.FeatureGesture | wire.FeatureTimeline

var everything = mustCompile("/**")

func mustCompile(pattern string) *address.Pattern {
	p, err := address.Compile(pattern)
	if err != nil {
		panic(err) // a constant of this package
	}
	return p
}

// greet takes the first message of a connection, which has to be HELLO.
func (s *Session) greet(b *batch, payload []byte) {
	if wire.Type(payload[0]) != wire.TypeHello {
		if err := wire.Check(payload); err != nil {
			s.badBytes(b, err)
			return
		}
		s.end(b, ReasonNotGreeted, wire.CodeUnauthenticated, fmt.Sprintf("%s before HELLO: send HELLO first", wire.Type(payload[0])))
		return
	}
	m, err := wire.DecodeHello(payload)
	if err != nil {
		s.badBytes(b, err)
		return
	}
	if m.Version != wire.Version {
		s.end(b, ReasonVersion, wire.CodeVersion, fmt.Sprintf("version %d is not spoken here: this router speaks version %d", m.Version, wire.Version))
		return
	}
	s.name = harmless(m.Name)
	s.said.Store(true)
	s.id = NewID()
	if !s.pair(b, m.Token) {
		s.judge(b, m.Token)
	}
}

// judge lets in who has a token of an issuer's, or needs none.
func (s *Session) judge(b *batch, token []byte) {
	if len(token) > 0 && !s.patience(b) {
		return
	}
	grant, err := s.router.authenticate(token, b.since)
	if err != nil {
		s.turnAway(b, len(token) == 0, err)
		return
	}
	s.admit(grant)
	if s.endBanned(b) {
		return
	}
	s.welcome(b, "")
	s.join(b)
	s.endBanned(b)  // if it has been banned since
	s.endRevoked(b) // if a reload has put its token on the deny list since it was judged
	s.firstSnapshot(b)
}

// welcome answers HELLO. token is what the client has just become a device with, if it has.
func (s *Session) welcome(b *batch, token string) {
	s.greeted.Store(true)
	s.respond(b, wire.Fire, func(dst []byte) []byte {
		return wire.AppendWelcome(dst, wire.Welcome{
			Version: wire.Version, Features: features, Time: uint64(time.Now().UnixMicro()),
			Session: []byte(s.id), Name: []byte(s.router.name), Token: []byte(token),
		})
	})
}

// join makes a session that has its rights one of the others. It comes after WELCOME, which is
// always the first frame.
func (s *Session) join(b *batch) {
	s.router.sessions.greet(s)
	s.countJoined()
	if s.token != nil {
		s.router.expiries.note(s.token.expires) // from now on the clock finds it
	}
	s.logStart()
}

// firstSnapshot sends what the session may read, unasked (protocol section 5.3).
func (s *Session) firstSnapshot(b *batch) {
	// All params count, whatever the session may read of them: to count those would be to
	// go through all.
	limit := s.router.limits.Load().WelcomeSnapshot
	if n := s.router.params.Len(); n > limit {
		s.respond(b, wire.Fire, wire.BeginSnapshot)
		return
	}
	c := &cursor{pattern: everything, types: wire.MaskParam | wire.MaskTimeline}
	s.router.welcoming.add(s, c)
	s.startSnapshot(b, c)
}

// logStart logs the new session on a goroutine of its own: the reader lives as long
// as the session, and formatting a log line would double its stack for good (measured
// with 10,000 idle sessions: 15.3 KiB each, 11.6 KiB this way).
func (s *Session) logStart() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.router.log.Info("session started", s.attrs()...)
	}()
	<-done
}

// NewID returns a random UUID (RFC 9562 section 5.4), as sessions and routers have.
func NewID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails (crypto/rand)
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// harmless is a name that can be shown wherever logs are: whatever would draw over other text or
// turn it round is gone. Some clients say none.
func harmless(name []byte) string {
	if len(name) == 0 {
		return ""
	}
	return pairing.Clean(string(name))
}
