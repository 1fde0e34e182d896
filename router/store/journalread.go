package store

// Reads what a journal holds, after a router was not stopped in order.

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
)

// journalContent is what is in the files of a journal.
type journalContent struct{ segments [2]segmentContent }

type segmentContent struct {
	headed  bool // it has a head, which says the salt
	salt    uint64
	size    int64
	junk    bool         // what is there says nothing
	err     error        // why it cannot be read
	batches []foundBatch // in the order of the file, which is that of their numbers
}

type foundBatch struct {
	number  uint64
	records []byte
	end     int64
}

// ours reports whether the file belongs to the journal with a salt.
func (s *segmentContent) ours(salt uint64) bool {
	return s.salt == salt && (s.headed || len(s.batches) > 0)
}

// foreign reports whether it is a file that has something, but nothing for the journal with a
// salt.
func (s *segmentContent) foreign(salt uint64) bool {
	return s.err != nil || s.junk || len(s.batches) > 0 && s.salt != salt
}

// readJournal reads the journal of the database at path, whose salt is that unless a file says
// another one. 0 is for a database that is lost. There is no error: what can be read is what
// there is.
func readJournal(path string, salt uint64) *journalContent {
	c := new(journalContent)
	for i := range c.segments {
		s := &c.segments[i]
		b, err := readSegment(segmentName(path, i))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		s.salt, s.err = salt, err
		s.read(b)
	}
	return c
}

func readSegment(name string) ([]byte, error) {
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(f)
}

func (s *segmentContent) read(b []byte) {
	s.size = int64(len(b))
	n := len(journalMagic)
	if len(b) >= segmentHead && string(b[:n]) == journalMagic &&
		binary.BigEndian.Uint32(b[n+8:]) == crc32.Checksum(b[:n+8], castagnoli) {
		s.headed, s.salt = true, binary.BigEndian.Uint64(b[n:])
	}
	// One that was being made has a part of its head, or zeros.
	s.junk = !s.headed && len(bytes.Trim(b, "\x00")) > 0 && !strings.HasPrefix(journalMagic, string(b[:min(n, len(b))]))
	magic := binary.BigEndian.AppendUint32(nil, batchMagic)
	last := uint64(0)
	for at := segmentHead; at < len(b); {
		// Behind damage there may be more that is good. What is left of an earlier use has
		// lower numbers.
		skip := bytes.Index(b[at:], magic)
		if skip < 0 {
			break
		}
		at += skip
		number, records, ok := readBatch(b[at:], s.salt)
		if !ok || len(s.batches) > 0 && number <= last {
			at++
			continue
		}
		at += batchHead + len(records)
		s.batches = append(s.batches, foundBatch{number, records, int64(at)})
		last = number
	}
	s.junk = s.junk && len(s.batches) == 0
}

func readBatch(b []byte, salt uint64) (number uint64, records []byte, ok bool) {
	if len(b) < batchHead || binary.BigEndian.Uint32(b[20:]) != saltedSum(b[:20], salt) {
		return 0, nil, false
	}
	length := uint64(binary.BigEndian.Uint32(b[4:]))
	if length > uint64(len(b)-batchHead) {
		return 0, nil, false
	}
	records = b[batchHead : batchHead+length]
	return binary.BigEndian.Uint64(b[8:]), records, crc32.Checksum(records, castagnoli) == binary.BigEndian.Uint32(b[16:])
}

// since returns the batches that a database with this salt and floor does not have, in the
// order of their numbers. whole says that none is missing between them.
func (c *journalContent) since(salt, floor uint64) (batches []foundBatch, whole bool) {
	for i := range c.segments {
		if s := &c.segments[i]; s.ours(salt) {
			batches = append(batches, s.batches...)
		}
	}
	batches = slices.DeleteFunc(batches, func(b foundBatch) bool { return b.number < floor })
	sortBatches(batches)
	for i, b := range batches {
		if b.number != floor+uint64(i) {
			return batches, false
		}
	}
	return batches, true
}

// all returns the batches of a journal whose database is lost, and the highest epoch of
// their records.
func (c *journalContent) all() (batches []foundBatch, epoch uint32) {
	batches = append(c.segments[0].batches[:len(c.segments[0].batches):len(c.segments[0].batches)], c.segments[1].batches...)
	sortBatches(batches)
	return batches, epochOf(batches)
}

func sortBatches(batches []foundBatch) {
	slices.SortFunc(batches, func(a, b foundBatch) int { return cmp.Compare(a.number, b.number) })
}

// epochOf is the highest epoch that any record of batches says.
func epochOf(batches []foundBatch) (highest uint32) {
	for _, b := range batches {
		for rest := b.records; len(rest) > 0; {
			_, after, err := readRecord(rest, math.MaxUint32)
			if err != nil {
				break // eachRecord says so
			}
			highest, rest = max(highest, recordEpoch(rest)), after
		}
	}
	return highest
}

// eachRecord calls f with every record of batches, as it counts in an epoch.
func eachRecord(batches []foundBatch, epoch uint32, f func(Record) error) error {
	for _, b := range batches {
		for rest := b.records; len(rest) > 0; {
			r, after, err := readRecord(rest, epoch)
			if err != nil {
				return damage(reasonDamaged, "journal, batch %d: %w", b.number, err)
			}
			if err := f(r); err != nil {
				return err
			}
			rest = after
		}
	}
	return nil
}
