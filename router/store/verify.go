package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// Report says what is in a file.
type Report struct {
	Format    uint32 // version of the format
	Epoch     uint32 // how often a router was not stopped in order, at least
	Clean     bool   // the router was stopped in order
	Params    int    // params, without those that are only in the journal
	Gone      int    // expired addresses whose revision is kept
	Journaled int    // records of the journal that are not in the file yet
	Bytes     int64  // size of the file, without the journal

	salt, floor uint64 // as in about
}

// Check reads a whole file and its journal, and holds them against their checksums and
// against themselves. It changes nothing.
//
// Errors: *InUseError when a router has the file, *DamageError, or that it cannot be read.
func Check(path string) (Report, error) {
	release, err := lockToRead(path)
	if err != nil {
		return Report{}, err
	}
	defer release()
	report, err := verifyFile(path)
	if err == nil {
		err = walkJournal(path, &report, func(Record) error { return nil })
	}
	if err != nil {
		return report, fmt.Errorf("check %s: %w", path, err)
	}
	return report, nil
}

// walkJournal calls f with every record of the journal that the file of the report does not
// have, a view into memory that stays, and counts them.
func walkJournal(path string, report *Report, f func(Record) error) error {
	journal := readJournal(path, report.salt)
	for i := range journal.segments {
		if s := &journal.segments[i]; s.err != nil || s.junk {
			return damage(reasonDamaged, "journal: %s is none (%v)", segmentName(path, i), s.err)
		}
	}
	batches, whole := journal.since(report.salt, report.floor)
	if !whole {
		return damage(reasonDamaged, "journal: commits are missing from number %d on", report.floor)
	}
	return eachRecord(batches, max(report.Epoch, epochOf(batches)), func(r Record) error {
		report.Journaled++
		return f(r)
	})
}

// verifyFile is Check for those who have the lock. With a *DamageError, the report says
// what could be read nevertheless: the epoch, most of all.
func verifyFile(path string) (Report, error) {
	var report Report
	err := readPages(path, &report, func(p *pages) error {
		return p.verify(&report, func(string, Record) error { return nil })
	})
	return report, err
}

// walkFile calls f with every entry of every bucket, buckets and keys in ascending order.
// Key and value are views valid during the call.
func walkFile(path string, f func(bucket string, key, value []byte) error) error {
	return readPages(path, new(Report), func(p *pages) error {
		if err := p.complete(); err != nil {
			return err
		}
		w := walker{pages: p, bucket: func(string) error { return nil }, entry: f}
		return w.walk()
	})
}

// readPages opens a database to be read by f, and notes its size.
func readPages(path string, report *Report, f func(*pages) error) error {
	file, err := openFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	report.Bytes = info.Size()
	p, err := openPages(file, info.Size())
	if err != nil {
		return err
	}
	return f(p)
}

// openFile opens what is at path to be read, if it is a file.
func openFile(path string) (*os.File, error) {
	// Asked first, because to open a named pipe may take forever.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, damage(reasonDirectory, "a file is expected here")
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s: the state needs a regular file", path, info.Mode().Type())
	}
	return os.Open(path)
}

// verify checks everything, fills in the report, and calls each with every record.
func (p *pages) verify(report *Report, each func(bucket string, r Record) error) error {
	about, err := p.about()
	report.Format, report.Epoch, report.Clean = about.Format, about.Epoch, about.Clean
	report.salt, report.floor = about.Salt, about.Floor
	var d *DamageError
	if errors.As(err, &d) && d.Reason == reasonNewer {
		return err
	}
	if err := p.complete(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	c := checker{epoch: about.Epoch, report: report, each: each}
	w := walker{pages: p, bucket: c.bucket, entry: c.entry}
	return w.walk()
}

// errStop ends a walk that has found what it was for.
var errStop = errors.New("enough")

// about reads what the file says of itself, and nothing else.
func (p *pages) about() (about, error) {
	values := make(map[string][]byte)
	var other string // the first bucket after it
	w := walker{
		pages: p,
		bucket: func(name string) error {
			if name > string(aboutBucket) {
				other = name
				return errStop
			}
			return nil
		},
		entry: func(bucket string, key, value []byte) error {
			if bucket == string(aboutBucket) {
				values[string(key)] = bytes.Clone(value)
			}
			return nil
		},
	}
	if err := w.walk(); err != nil && !errors.Is(err, errStop) {
		return about{}, err
	}
	if len(values) == 0 {
		switch {
		case other == "":
			return about{}, damage(reasonEmpty, "it is a database without content")
		case known(other):
			return about{}, damage(reasonDamaged, "it does not say its format")
		}
		return about{}, damage(reasonForeign, "it is a bbolt database, but not one of clasp: bucket %q", other)
	}
	a, err := readAbout(func(key []byte) []byte { return values[string(key)] })
	switch {
	case err != nil && a.Format > fileFormat:
		return a, damage(reasonNewer, "%w", err)
	case err != nil:
		return a, damage(reasonDamaged, "%w", err)
	}
	return a, nil
}

func known(bucket string) bool {
	switch bucket {
	case string(aboutBucket), string(gone0Bucket), string(gone1Bucket), string(paramsBucket):
		return true
	}
	return false
}

// checker looks at every entry of a file.
type checker struct {
	epoch  uint32
	report *Report
	each   func(bucket string, r Record) error
}

func (c *checker) bucket(name string) error {
	if !known(name) {
		return damage(reasonDamaged, "bucket %q does not belong in it", name)
	}
	return nil
}

func (c *checker) entry(bucket string, key, value []byte) error {
	switch bucket {
	case string(paramsBucket):
		c.report.Params++
		return c.record(bucket, key, value, false)
	case string(gone0Bucket), string(gone1Bucket):
		c.report.Gone++
		return c.record(bucket, key, value, true)
	case string(aboutBucket): // has been read, but for this
		if bytes.Equal(key, forgottenKey) {
			if _, _, err := readRecord(value, c.epoch); err != nil {
				return damage(reasonDamaged, "bucket %s, %q: %w", bucket, key, err)
			}
		}
		return nil
	}
	return damage(reasonDamaged, "entry %q is in none of the buckets", key)
}

// record checks the only record of an address.
func (c *checker) record(bucket string, key, value []byte, gone bool) error {
	r, rest, err := readRecord(value, c.epoch)
	switch {
	case err != nil:
	case len(rest) > 0:
		err = fmt.Errorf("%w: %d bytes after it", errRecord, len(rest))
	case !bytes.Equal(r.Address, key):
		err = fmt.Errorf("%w: it is that of %q", errRecord, r.Address)
	case gone != (r.Value == nil):
		err = fmt.Errorf("%w: its value is missing or too much", errRecord)
	}
	if err != nil {
		return damage(reasonDamaged, "bucket %s, %q: %w", bucket, key, err)
	}
	return c.each(bucket, r)
}
