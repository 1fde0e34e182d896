// Codes that are over: whoever still sends one is told so, and loses no attempt.

package pairing

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"
)

// spent is a code, or an invite's secret, that is over: used, expired or burned.
type spent struct {
	sum    [sha256.Size]byte
	until  time.Time // forgotten then
	used   bool
	burned bool      // guessed at too often
	by     caller    // who used it,
	device string    // and which device that made,
	knock  string    // or which knock, if the operator has to agree too
	resume time.Time // until then the same caller may come again with it
	invite string    // the ID of its invite, "" for a code of another kind
}

// spend remembers a code that is over. The text itself is not kept.
func (r *Registry) spend(now time.Time, text string) *spent {
	r.spent = append(r.spent, &spent{sum: r.sum(text), until: now.Add(spentFor)})
	return r.spent[len(r.spent)-1]
}

// spentCode finds a code that is over, the latest of that text.
func (r *Registry) spentCode(text string) *spent {
	sum := r.sum(text)
	for i := len(r.spent) - 1; i >= 0; i-- {
		if subtle.ConstantTimeCompare(r.spent[i].sum[:], sum[:]) == 1 {
			return r.spent[i]
		}
	}
	return nil
}

// sum is a hash that is of use to this process only.
func (r *Registry) sum(text string) [sha256.Size]byte {
	return sha256.Sum256(append(r.salt[:len(r.salt):len(r.salt)], text...))
}
