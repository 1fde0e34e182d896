package store

// Reads what a journal holds, after a router was not stopped in order.

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"slices"
)

// journalContent is what is in the files of a journal.
type journalContent struct{ segments [2]segmentContent }

type segmentContent struct {
	good    bool // it has a head
	salt    uint64
	size    int64
	batches []foundBatch // in the order of the file, which is that of their numbers
}

type foundBatch struct {
	number  uint64
	records []byte
	end     int64
}

func (s *segmentContent) ours(salt uint64) bool { return s.good && s.salt == salt }

// readJournal reads the journal of the database at path. That there is none is no error, and
// neither is damage: what can be read is what there is.
func readJournal(path string) (*journalContent, error) {
	c := new(journalContent)
	for i := range c.segments {
		b, err := os.ReadFile(segmentName(path, i))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c.segments[i].read(b)
	}
	return c, nil
}

func (s *segmentContent) read(b []byte) {
	s.size = int64(len(b))
	n := len(journalMagic)
	if len(b) < segmentHead || string(b[:n]) != journalMagic ||
		binary.BigEndian.Uint32(b[n+8:]) != crc32.Checksum(b[:n+8], castagnoli) {
		return
	}
	s.good, s.salt = true, binary.BigEndian.Uint64(b[n:])
	magic := binary.BigEndian.AppendUint32(nil, batchMagic)
	last := uint64(0)
	for at := segmentHead; ; {
		// Behind damage there may be more that is good. What is left of an earlier use has
		// lower numbers.
		skip := bytes.Index(b[at:], magic)
		if skip < 0 {
			return
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
	slices.SortFunc(batches, func(a, b foundBatch) int { return cmp.Compare(a.number, b.number) })
	for i, b := range batches {
		if b.number != floor+uint64(i) {
			return batches, false
		}
	}
	return batches, true
}

// foreign reports whether there are batches of another database.
func (c *journalContent) foreign(salt uint64) bool {
	return slices.ContainsFunc(c.segments[:], func(s segmentContent) bool {
		return s.good && s.salt != salt && len(s.batches) > 0
	})
}

// anySalt is that of a journal whose database is lost.
func (c *journalContent) anySalt() (salt uint64, ok bool) {
	for _, s := range c.segments {
		if s.good && len(s.batches) > 0 {
			return s.salt, true
		}
	}
	return 0, false
}

// epoch is the highest that any of its records says.
func (c *journalContent) epoch() (highest uint32) {
	for _, s := range c.segments {
		for _, b := range s.batches {
			for rest := b.records; len(rest) > 0; {
				_, after, err := readRecord(rest, math.MaxUint32)
				if err != nil {
					break // Load says so
				}
				highest, rest = max(highest, recordEpoch(rest)), after
			}
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
