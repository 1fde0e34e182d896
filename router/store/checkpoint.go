package store

import (
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	// maxJournal is how many bytes in the journal begin a checkpoint before its time.
	maxJournal = 8 << 20
	// maxSlice bounds the bytes of records in one transaction of a checkpoint, and
	// slicePages about the pages it writes: records that are not neighbours take one each.
	// The syncs of commits wait behind them. The disk of a router without commits is used
	// better with fewer, longer transactions.
	maxSlice        = 32 << 10
	slicePages      = 64
	maxQuietSlice   = 512 << 10
	slicePagesQuiet = 512
	minSlice        = 4 << 10
	// quiet is after how many transactions without commits none are expected.
	quiet = 8
	// trimAfter is after how many bytes of records a round gives back the memory it took.
	trimAfter = 1 << 20
	// maxGone is how many revisions of expired addresses are kept at least.
	maxGone = 32768
)

// round is a checkpoint, which is one transaction after the other: first those with slices
// of what has changed, then one that raises the floor of the journal to where it stood at the
// beginning. A round that has begun is gone through to its end, whatever fails between.
type round struct {
	due     time.Time // there is nothing to do before
	want    bool      // unless this says so, and the disk works
	running bool
	began   time.Time
	given   bool   // Source has given everything
	bytes   int    // of the slices written
	slice   []byte // records that are not in params yet
	size    int    // to ask Source for
	quiet   int    // transactions since there were commits
	until   uint64 // batches before this one need not be journaled when everything is in params
	written uint64 // bytes that the journal had written when it began
}

// advance prepares the next part of a checkpoint, or reports that there is none to write
// now.
func (s *Store) advance() bool {
	r := &s.round
	if s.soon.Swap(false) || !r.running && s.crowded() {
		r.want = true
	}
	if !(r.want && s.disk.sound) && time.Now().Before(r.due) {
		return false
	}
	for {
		if !r.running {
			s.begin()
		}
		if len(r.slice) == 0 && !r.given {
			r.slice = s.source.Changed(r.slice[:0], r.size)
			r.given = len(r.slice) == 0
		}
		switch {
		case !r.given, s.disk.about.Floor < r.until && !s.disk.suspect:
			return true
		case s.disk.suspect: // since the round began
			r.running = false
		case !s.disk.sound:
			return true // nothing to write, but to see whether it can be
		default:
			s.end()
			if !r.want {
				return false
			}
		}
	}
}

func (s *Store) begin() {
	r := &s.round
	r.running, r.given, r.want, r.bytes, r.began = true, false, false, 0, time.Now()
	r.due = r.began // for all its parts, unless one fails
	if s.disk.suspect {
		s.disk.suspect = false
		s.source.Everything()
	}
	// First this, then Checkpoint: what is settled is among what has changed.
	r.until, r.written = s.settled.Load(), s.journal.written.Load()
	s.source.Checkpoint()
}

// end leaves as much time until the next round that what changes now is on the disk when
// Interval has passed, if rounds take as long as this one. Half of the time is left to
// other things.
func (s *Store) end() {
	r := &s.round
	r.running = false
	s.folded.Store(r.written)
	s.journal.tight.Store(false)
	if r.bytes > trimAfter && s.disk.sound {
		if err := s.disk.trim(); err != nil {
			s.log.Debug("the memory of the state is not given back", "error", err)
		}
	}
	took := time.Since(r.began)
	r.due = r.began.Add(max(s.o.Interval-took, s.o.Interval/2))
}

// wrote notes how a transaction went, which has written that many pages. busy says that there
// were commits meanwhile.
func (r *round) wrote(err error, pages int, busy bool) {
	if err != nil {
		r.due = time.Now().Add(retry)
		return
	}
	if len(r.slice) > 0 {
		r.bytes += len(r.slice)
		r.resize(pages, busy)
	}
	r.slice = r.slice[:0]
}

// resize takes the size of the next slice from how the last one went.
func (r *round) resize(pages int, busy bool) {
	if r.quiet++; busy {
		r.quiet = 0
	}
	atMost, aim := maxSlice, slicePages
	if r.quiet >= quiet {
		atMost, aim = maxQuietSlice, slicePagesQuiet
	}
	switch {
	case pages > aim:
		r.size /= 2
	case pages < aim/2:
		r.size *= 2
	}
	r.size = max(minSlice, min(r.size, atMost))
}

// fold writes records into params, and those without a value into gone.
func fold(tx *bolt.Tx, records []byte, epoch uint32) error {
	params := tx.Bucket(paramsBucket)
	params.FillPercent = 0.9
	for len(records) > 0 {
		r, rest, err := readRecord(records, epoch)
		if err != nil {
			return err
		}
		record := records[:len(records)-len(rest)]
		records = rest
		if len(r.Address) == 0 {
			if err := forgetUpTo(tx, r.Revision, epoch); err != nil {
				return err
			}
			continue
		}
		if old := params.Get(r.Address); old != nil {
			// What cannot be read is no reason to keep it.
			if old, _, err := readRecord(old, epoch); err == nil && old.Revision > r.Revision {
				continue
			}
		}
		if r.Value != nil {
			err = params.Put(r.Address, record)
		} else if err = params.Delete(r.Address); err == nil {
			err = bury(tx, r.Address, record, epoch)
		}
		if err != nil {
			return fmt.Errorf("store %s: %w", r.Address, err)
		}
	}
	return nil
}

// forgottenKey is where about keeps the highest revision of those that gone has dropped, as
// the record of an address without a name, so that it moves on with the epochs.
var forgottenKey = []byte("forgotten")

// bury puts the revision of an expired address into the newer half of gone. When that is
// full, the older half is dropped and becomes the newer one. A half's sequence counts what
// was put: the full one has reached maxGone.
func bury(tx *bolt.Tx, address, record []byte, epoch uint32) error {
	newer, older := gone0Bucket, gone1Bucket
	if tx.Bucket(newer).Sequence() >= maxGone {
		newer, older = older, newer
	}
	half := tx.Bucket(newer)
	if err := half.Put(address, record); err != nil {
		return err
	}
	n, err := half.NextSequence()
	if err != nil || n < maxGone {
		return err
	}
	if err := forget(tx, tx.Bucket(older), epoch); err != nil {
		return err
	}
	if err := tx.DeleteBucket(older); err != nil {
		return err
	}
	_, err = tx.CreateBucket(older)
	return err
}

// forget keeps the highest revision of a bucket that is dropped: its addresses go on above.
func forget(tx *bolt.Tx, gone *bolt.Bucket, epoch uint32) error {
	var last uint64
	if err := gone.ForEach(func(_, value []byte) error {
		r, _, err := readRecord(value, epoch)
		last = max(last, r.Revision)
		return err
	}); err != nil {
		return err
	}
	return forgetUpTo(tx, last, epoch)
}

// forgetUpTo notes that addresses up to a revision are not in the file.
func forgetUpTo(tx *bolt.Tx, revision uint64, epoch uint32) error {
	about := tx.Bucket(aboutBucket)
	last, err := readForgotten(about, epoch)
	if err != nil || revision <= last {
		return err
	}
	return about.Put(forgottenKey, appendRecord(nil, &Record{Revision: revision}, epoch))
}

// readForgotten returns what forget has kept, 0 when it is nothing.
func readForgotten(about *bolt.Bucket, epoch uint32) (uint64, error) {
	value := about.Get(forgottenKey)
	if value == nil {
		return 0, nil
	}
	r, _, err := readRecord(value, epoch)
	return r.Revision, err
}
