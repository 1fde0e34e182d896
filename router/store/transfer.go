package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Export calls f with the record of every param in the file, in address order, as it
// counts: whichever of params and journal is newer, and none of what has expired since. The
// record is a view valid during the call. The report says what the file holds.
//
// Errors: *InUseError when a router has the file, *DamageError, that it cannot be read, or
// what f returns. f may have been called before damage is found: Check the file first where
// that matters.
func Export(path string, f func(Record) error) (Report, error) {
	release, err := lockToRead(path)
	if err != nil {
		return Report{}, err
	}
	defer release()
	report, err := export(path, f)
	if err != nil {
		return report, fmt.Errorf("export %s: %w", path, err)
	}
	return report, nil
}

func export(path string, f func(Record) error) (Report, error) {
	var report Report
	err := readPages(path, &report, func(p *pages) error {
		m := merger{f: f, report: &report, gone: make(map[string]uint64), journal: make(map[string]Record)}
		var journaled Report
		if about, err := p.about(); err == nil { // verify says what is wrong with it
			journaled = Report{Epoch: about.Epoch, salt: about.Salt, floor: about.Floor}
			if err := walkJournal(path, &journaled, m.journaled); err != nil {
				return err
			}
		}
		if err := p.verify(&report, m.record); err != nil {
			return err
		}
		report.Journaled = journaled.Journaled
		return m.until(nil)
	})
	return report, err
}

// merger puts together what the journal and the buckets hold: first the journal and what is
// gone, neither of which is large, then params.
type merger struct {
	f       func(Record) error
	report  *Report           // of the file; what it says of itself comes first
	gone    map[string]uint64 // revisions
	journal map[string]Record // of each address the one that counts
	order   []string          // addresses in journal still to come, nil until it is complete
}

func (m *merger) journaled(r Record) error {
	if old, ok := m.journal[string(r.Address)]; !ok || r.Revision >= old.Revision {
		m.journal[string(r.Address)] = r
	}
	return nil
}

func (m *merger) record(bucket string, r Record) error {
	if bucket != string(paramsBucket) {
		m.gone[string(r.Address)] = max(m.gone[string(r.Address)], r.Revision)
		return nil
	}
	if err := m.until(r.Address); err != nil {
		return err
	}
	if len(m.order) > 0 && m.order[0] == string(r.Address) {
		m.order = m.order[1:]
		if j := m.journal[string(r.Address)]; j.Revision > r.Revision {
			r = j
		}
	}
	return m.emit(r)
}

// until hands out what is in the journal only, of addresses before one; nil is the end.
func (m *merger) until(address []byte) error {
	if m.order == nil {
		m.order = append([]string{}, slices.Sorted(maps.Keys(m.journal))...)
	}
	for len(m.order) > 0 && (address == nil || m.order[0] < string(address)) {
		r := m.journal[m.order[0]]
		m.order = m.order[1:]
		if err := m.emit(r); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) emit(r Record) error {
	if gone, ok := m.gone[string(r.Address)]; r.Value == nil || ok && gone >= r.Revision {
		return nil
	}
	if !m.report.Clean {
		r.Revision += 1 << epochShift // as for a router that starts on the file
	}
	return m.f(r)
}

// Import makes a database of records that come one by one. It is built beside its place,
// so that there is all of it or nothing.
type Import struct {
	path, temp string
	release    func()
	db         *bolt.DB
	records    []byte // that have come and are not in db yet, one after another
	highest    uint64 // revision that has come
}

// importStep is how many bytes of records are written in one transaction.
const importStep = 4 << 20

// NewImport begins to make the database at path. Nothing may be there.
//
// Errors: *InUseError when a router is there nevertheless, ErrNotWritable, fs.ErrExist.
func NewImport(path string) (*Import, error) {
	release, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	im := &Import{path: path, temp: path + tempInfix + "import", release: release}
	if err := im.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("import %s: %w", path, writeError(err)), im.end())
	}
	return im, nil
}

func (im *Import) open() error {
	if err := im.vacant(); err != nil {
		return err
	}
	if err := os.Remove(im.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bolt.Open(im.temp, fileMode, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return err
	}
	im.db = db
	return nil
}

// vacant makes sure that nothing would be overwritten.
func (im *Import) vacant() error {
	for _, name := range []string{im.path, segmentName(im.path, 0), segmentName(im.path, 1)} {
		_, err := os.Lstat(name)
		if err == nil {
			return fmt.Errorf("%s: %w: move it away first", name, fs.ErrExist)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Add takes a record. It is fastest in address order, and with any other the result is the
// same. Of several records of an address the highest revision counts, the last one at the
// same revision.
func (im *Import) Add(r *Record) error {
	switch {
	case len(r.Address) == 0 || len(r.Address) > maxAddress:
		return fmt.Errorf("import a record: its address has %d bytes, not 1 to %d", len(r.Address), maxAddress)
	case len(r.Writer) > math.MaxUint16:
		return fmt.Errorf("import %q: its writer has %d bytes, more than %d", r.Address, len(r.Writer), math.MaxUint16)
	case len(r.Value) == 0 || len(r.Value) > maxValue:
		return fmt.Errorf("import %q: its value has %d bytes, not 1 to %d", r.Address, len(r.Value), maxValue)
	case r.Revision > maxRevision:
		return fmt.Errorf("import %q: revision %d is too high", r.Address, r.Revision)
	}
	im.highest = max(im.highest, r.Revision)
	im.records = appendRecord(im.records, r, 0)
	if len(im.records) < importStep {
		return nil
	}
	return im.write()
}

const (
	maxAddress = bolt.MaxKeySize
	maxValue   = 16 << 20 // far more than a message can hold
	// maxRevision leaves room to count on, and is the last whole number of JavaScript.
	maxRevision = 1<<53 - 1
)

// write stores the records that have come.
func (im *Import) write() error {
	type entry struct {
		Record
		stored []byte
	}
	var entries []entry
	for rest := im.records; len(rest) > 0; {
		r, after, err := readRecord(rest, 0)
		if err != nil {
			return err
		}
		entries = append(entries, entry{r, rest[:len(rest)-len(after)]})
		rest = after
	}
	// In any other order bbolt would move the same entries again and again.
	slices.SortStableFunc(entries, func(a, b entry) int { return bytes.Compare(a.Address, b.Address) })
	err := im.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(paramsBucket)
		if err != nil {
			return err
		}
		b.FillPercent = 0.9 // address order fills one page after the other
		for _, e := range entries {
			if before := b.Get(e.Address); before != nil {
				old, _, err := readRecord(before, 0)
				if err != nil {
					return err
				}
				if old.Revision > e.Revision {
					continue
				}
			}
			if err := b.Put(e.Address, e.stored); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("import %s: %w", im.path, err)
	}
	im.records = im.records[:0]
	return nil
}

// Finish puts the database in its place, verified and on the disk. Whatever it returns, the
// import is over.
func (im *Import) Finish() error {
	err := im.write()
	if err == nil {
		err = im.finish()
	}
	if err != nil {
		err = fmt.Errorf("import %s: %w", im.path, writeError(err))
	}
	return errors.Join(err, im.end())
}

func (im *Import) finish() error {
	if err := im.db.Update(func(tx *bolt.Tx) error {
		if err := (about{Format: fileFormat, Clean: true, Salt: newSalt()}).write(tx); err != nil {
			return err
		}
		// An export has no addresses that have expired: those begin above all that it has.
		return forgetUpTo(tx, (im.highest>>epochShift+1)<<epochShift, 0)
	}); err != nil {
		return err
	}
	if err := im.db.Close(); err != nil {
		return err
	}
	im.db = nil
	if _, err := verifyFile(im.temp); err != nil {
		return err
	}
	if err := im.vacant(); err != nil {
		return err
	}
	return replace(im.temp, im.path)
}

// Abort ends the import; nothing is left of it.
func (im *Import) Abort() error { return im.end() }

// end removes what is left and gives the lock back.
func (im *Import) end() error {
	var err error
	if im.db != nil {
		err = im.db.Close()
		im.db = nil
	}
	if e := os.Remove(im.temp); e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	im.release()
	return err
}
