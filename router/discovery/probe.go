// The answers to UDP discovery probes (protocol section 12). No socket here.

package discovery

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

const (
	probeText = "CLASP-DISCOVER"
	probeName = "Discovery" // in a HELLO without features
	// maxProbe is the longest packet that is looked at, in bytes. The HELLO of the public
	// client has 20.
	maxProbe = 512

	repliesPerSource = 2 // a second
	repliesInAll     = 20
)

// Responder answers discovery probes. It may be used by several goroutines.
//
// It is no amplifier worth the name. A HELLO probe of 20 bytes is answered with some 90, the
// text of 14 with some 180, since an answer has to hold a name and an ID; neither is ever
// longer than 1000. So what counts is that there are at most 20 replies a second whatever
// is sent, and those only to hosts on the network of the address they asked.
type Responder struct {
	now   func() time.Time
	links network

	mu      sync.Mutex
	info    Info
	limit   limit
	replies Replies
}

// Replies counts the answers given.
type Replies struct{ Hello, Text uint64 }

// ResponderOptions are for tests and for routers that listen at one address only; the zero
// value is good for others.
type ResponderOptions struct {
	Now   func() time.Time       // nil = time.Now
	Links func() ([]Link, error) // nil = all links of this machine
}

// NewResponder makes a responder that tells i.
func NewResponder(i Info, o ResponderOptions) *Responder {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Links == nil {
		o.Links = everywhere
	}
	r := &Responder{
		now: o.Now, links: network{list: o.Links, now: o.Now},
		limit: newLimit(repliesPerSource, repliesInAll),
	}
	r.Tell(i)
	return r
}

// Tell replaces what the responder tells.
func (r *Responder) Tell(i Info) {
	i.ID, i.Name = cut(i.ID, maxName), cut(i.Name, maxName)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info = i
}

func everywhere() ([]Link, error) { return Links(netip.Addr{}) }

// Local returns the address of this machine that an answer to from must leave from, given
// the destination of the packet and the index of the interface it came in on, or what is
// known of them: a destination that is a broadcast address is as good as none, and index 0
// is any interface. It is zero when from is on no directly attached network.
func (r *Responder) Local(from, destination netip.Addr, index int) netip.Addr {
	from, destination = from.Unmap(), destination.Unmap()
	var guess netip.Addr
	for _, link := range r.links.current() {
		if index != 0 && index != link.Index {
			continue
		}
		for _, prefix := range link.Prefixes {
			switch ours := prefix.Addr(); {
			case !attached(prefix, from):
			case ours == destination:
				return ours
			case !guess.IsValid():
				guess = ours
			}
		}
	}
	return guess
}

// Answer returns the reply to a packet if it is a probe. to is where the packet arrived:
// the address of this machine that the reply leaves from, as Local finds it, or none where
// the system does not say. The reply is nil, and nothing is to be sent, when the source is
// on no network of that address, is nobody's address, or has been answered often enough. A
// packet that is a probe never opens a session, answered or not.
func (r *Responder) Answer(packet []byte, from, to netip.AddrPort) (answer []byte, probe bool) {
	text, hello := isProbe(packet)
	if !text && !hello {
		return nil, false
	}
	source, local := from.Addr().Unmap(), to.Addr().Unmap()
	if !local.IsValid() || local.IsUnspecified() {
		local = r.Local(source, local, 0)
	}
	if from.Port() == 0 || !local.IsValid() || r.Local(source, local, 0) != local {
		return nil, true
	}
	r.mu.Lock()
	info := r.info
	allowed := r.limit.allow(source, r.now())
	if allowed && text {
		r.replies.Text++
	} else if allowed {
		r.replies.Hello++
	}
	r.mu.Unlock()
	switch {
	case !allowed:
		return nil, true
	case text:
		return info.description(local), true
	default:
		return info.welcome(r.now()), true
	}
}

// Replies returns how many probes of each kind have been answered.
func (r *Responder) Replies() Replies {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.replies
}

// isProbe tells the two kinds of probe from everything else.
func isProbe(packet []byte) (text, hello bool) {
	if len(packet) > maxProbe {
		return false, false
	}
	if line, _ := bytes.CutSuffix(packet, []byte("\n")); string(bytes.TrimSuffix(line, []byte("\r"))) == probeText {
		return true, false
	}
	frame, rest, err := wire.ReadFrame(packet)
	if err != nil || len(rest) > 0 {
		return false, false
	}
	payload := frame.Payload
	if wire.IsLegacy(payload) {
		if payload, err = wire.Transcode(nil, payload); err != nil {
			return false, false
		}
	}
	m, err := wire.DecodeHello(payload)
	return false, err == nil && string(m.Name) == probeName && m.Features == 0
}

// description answers a text probe.
func (i Info) description(host netip.Addr) []byte {
	text, err := json.Marshal(described{
		Name: i.Name, Host: host.String(), Port: i.Port, Version: wire.Version, Secure: i.Secure,
		ID: i.ID, Auth: i.Auth, QUIC: i.QUIC, UDP: i.UDP, TCP: i.TCP,
	})
	if err != nil {
		return nil // cannot be: strings and numbers
	}
	return text
}

// welcome answers a HELLO probe. The session is the router's ID, so that a client can tell
// that it has found the same router twice; nothing is opened.
func (i Info) welcome(now time.Time) []byte {
	payload := wire.AppendWelcome(nil, wire.Welcome{
		Version: wire.Version, Features: allFeatures, Time: uint64(now.UnixMicro()),
		Session: []byte(i.ID), Name: []byte(i.Name),
	})
	frame, err := wire.AppendFrame(nil, wire.Fire, payload)
	if err != nil {
		return nil // cannot be: it is short
	}
	return frame
}
