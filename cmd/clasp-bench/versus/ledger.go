// What one subscriber has got of each publisher, and so what was lost, repeated or out
// of order. Nothing of a run counts in which anything was.

package versus

// ledger is one subscriber's. Not for several goroutines.
type ledger struct {
	next map[uint32]*account
	last *account // of the publisher that the delivery before was of
	of   uint32   // its number

	repeated, disordered uint64
}

// account is what has come of one publisher, whose messages are numbered from 0.
type account struct {
	next uint64 // that is due
	// missing are those that were passed over. They are lost if they never come, and out
	// of order if they do.
	missing map[uint64]struct{}
	beyond  uint64 // of them that there was no room for
}

// missingRoom bounds what a peer that loses most of a run makes this program remember.
const missingRoom = 1 << 16

func newLedger() *ledger { return &ledger{next: make(map[uint32]*account)} }

// enter notes a delivery and says whether it is the first of its message.
func (l *ledger) enter(publisher uint32, number uint64) bool {
	a := l.last
	if a == nil || publisher != l.of { // most often it is the same
		if a = l.next[publisher]; a == nil {
			a = new(account)
			l.next[publisher] = a
		}
		l.last, l.of = a, publisher
	}
	if number == a.next {
		a.next++
		return true
	}
	return l.wrong(a, number)
}

func (l *ledger) wrong(a *account, number uint64) (first bool) {
	if number < a.next {
		if _, was := a.missing[number]; was {
			delete(a.missing, number)
			l.disordered++
			return true
		}
		l.repeated++
		return false
	}
	if a.missing == nil {
		a.missing = make(map[uint64]struct{})
	}
	for ; a.next < number; a.next++ {
		if len(a.missing) == missingRoom {
			a.beyond += number - a.next
			break
		}
		a.missing[a.next] = struct{}{}
	}
	a.next = number + 1
	return true
}

// close returns what was wrong, given how many messages each publisher has sent that
// this subscriber should have. A publisher that is not in sent should not be heard at
// all: what came of it counts as repeated.
func (l *ledger) close(sent map[uint32]uint64) void {
	v := void{repeated: l.repeated, disordered: l.disordered}
	for publisher, n := range sent {
		a := l.next[publisher]
		if a == nil {
			v.lost += n
			continue
		}
		v.lost += uint64(len(a.missing)) + a.beyond
		if a.next < n {
			v.lost += n - a.next
		} else {
			v.repeated += a.next - n
		}
	}
	for publisher, a := range l.next {
		if _, known := sent[publisher]; !known {
			v.repeated += a.next
		}
	}
	return v
}

// plus adds what was wrong elsewhere.
func (v void) plus(other void) void {
	return void{v.lost + other.lost, v.repeated + other.repeated, v.disordered + other.disordered}
}
