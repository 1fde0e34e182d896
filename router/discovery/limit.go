// Limits of how often is answered: those counts are all that a probe leaves behind.

package discovery

import (
	"net/netip"
	"time"
)

// limit allows so many replies within any second, in all and to one source. It holds as
// many entries as it allows replies, so sources cannot use up memory.
type limit struct {
	perSource int
	recent    []reply // the latest, a ring
	oldest    int
}

type reply struct {
	at time.Time
	to netip.Addr
}

func newLimit(perSource, total int) limit {
	return limit{perSource: perSource, recent: make([]reply, total)}
}

// allow counts a reply to an address, or refuses it.
func (l *limit) allow(to netip.Addr, now time.Time) bool {
	same := 0
	for _, r := range l.recent {
		if r.to == to && now.Sub(r.at) < time.Second {
			same++
		}
	}
	oldest := &l.recent[l.oldest]
	if same >= l.perSource || oldest.to.IsValid() && now.Sub(oldest.at) < time.Second {
		return false
	}
	*oldest = reply{now, to}
	l.oldest = (l.oldest + 1) % len(l.recent)
	return true
}
