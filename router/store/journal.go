package store

// The journal: commits that are on the disk and not in the database yet.
//
// It is two files beside the database, P.journal0 and P.journal1, which are written in turn and
// over again, so that a commit costs one write and one sync of a file that does not grow. Each
// begins with a head of its own; behind it stand batches, each with a head, and what is left
// of an earlier use. Batches are numbered. The database says up to which number it has them:
// its floor. A file whose batches are all below it may be written over.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

const (
	journalInfix = ".journal"
	journalMagic = "clasp journal 1\n"
	// segmentHead is where the first batch begins: a sector, so that batches never share
	// one with the head.
	segmentHead = 4096
	// batchHead is magic u32, length of the records u32, number u64, CRC32C of the records
	// u32, and the CRC32C of the salt and what stands before it u32, big-endian. The salt is a
	// secret: no value that a client sends can pass for a batch.
	batchHead  = 24
	batchMagic = 0xC1A59BA7

	// maxSegment is how long a file may get while the database cannot be written: the next
	// start reads all of it.
	maxSegment = 256 << 20
)

// Variables for tests, which cannot write as much as it takes.
var (
	// turnAfter is from how many bytes on the other file is taken, if it may be.
	turnAfter int64 = 1 << 20
	// growStep is how many bytes of zeros make a file longer, since to write over what is
	// there is faster than to append (0.15 to 0.25 ms).
	growStep int64 = 1 << 20
	// keepLong is how long a file may stay that is written over.
	keepLong int64 = 64 << 20
)

var errJournalFull = errors.New("the journal is full, because the database cannot be written")

// errTight is why there may be no commits on a disk that was full, until a checkpoint is through
// and lets files be written over: the journal would take the room that somebody has made, and the
// checkpoint would never get any.
var errTight = fmt.Errorf("the journal leaves what room there is to the database: %w", syscall.ENOSPC)

// journal is what commits are written to. One goroutine writes; the floor may be raised by
// another.
type journal struct {
	path    string // of the database
	salt    uint64
	next    uint64        // the number of the next batch
	floor   atomic.Uint64 // batches before it are in the database for good
	written atomic.Uint64 // bytes, all in all
	tight   atomic.Bool   // the files may not get longer: the database has found no room
	files   [2]segment
	at      int  // the file that is written
	refused bool // what stands at the end may be a batch that does not count
	stuck   bool // the place at the end could not be written
	need    int  // bytes that were to be written last
}

// segment is one of the files.
type segment struct {
	file  *os.File // nil until it is needed
	size  int64    // of the file
	end   int64    // where the next batch goes
	after uint64   // the number after its last batch
}

func segmentName(path string, i int) string { return fmt.Sprint(path, journalInfix, i) }

// append makes a batch durable. It begins with batchHead bytes for the head. With an error,
// it does not count, whatever happens next.
func (j *journal) append(batch []byte) error {
	if err := j.void(); err != nil {
		return err
	}
	s, err := j.room(len(batch))
	if err != nil {
		return err
	}
	sealBatch(batch, j.salt, j.next)
	if _, err = s.file.WriteAt(batch, s.end); err == nil {
		err = dataSync(s.file)
	}
	j.stuck = err != nil
	if err != nil {
		j.refused = true
		return errors.Join(err, j.void())
	}
	j.next++
	s.end += int64(len(batch))
	s.after = j.next
	j.written.Add(uint64(len(batch)))
	return nil
}

// void sees to it that a batch that was refused is not taken for one by the next start.
func (j *journal) void() error {
	if !j.refused {
		return nil
	}
	s := &j.files[j.at]
	_, err := s.file.WriteAt(make([]byte, batchHead), s.end)
	if err == nil {
		err = dataSync(s.file)
	}
	j.refused = err != nil
	return err
}

// probe reports whether what has failed last would work now.
func (j *journal) probe() error {
	if err := j.void(); err != nil {
		return err
	}
	s, err := j.room(j.need)
	if err == nil {
		_, err = s.file.WriteAt(make([]byte, j.need), s.end)
	}
	if err == nil {
		err = dataSync(s.file)
	}
	j.stuck = err != nil
	return err
}

// room returns the file for the next n bytes, which is that long. Where there is no room for
// that, the other one may be long enough already.
func (j *journal) room(n int) (*segment, error) {
	j.need = n
	if j.files[j.at].end >= turnAfter || j.stuck {
		j.turn()
	}
	s, err := j.fit(n)
	if full(err) && j.files[1-j.at].size >= segmentHead+int64(n) && j.turn() {
		s, err = j.fit(n)
	}
	return s, err
}

// turn takes the other file, if it may be written over.
func (j *journal) turn() bool {
	other := &j.files[1-j.at]
	if other.after > j.floor.Load() {
		return false
	}
	other.rewind()
	j.at = 1 - j.at
	return true
}

// fit makes the file that is written long enough for the next n bytes.
func (j *journal) fit(n int) (*segment, error) {
	s := &j.files[j.at]
	size := s.end + int64(n)
	switch {
	case size > maxSegment:
		return nil, errJournalFull
	case s.file != nil && s.size >= size:
		return s, nil
	case j.tight.Load():
		return nil, errTight
	case s.file == nil:
		if err := j.create(s, segmentName(j.path, j.at)); err != nil {
			return nil, err
		}
	}
	return s, s.grow(s.end + int64(n))
}

// create opens a file for the journal of this database; what it is, is of no use.
func (j *journal) create(s *segment, name string) error {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	head := make([]byte, segmentHead)
	sealSegment(head, j.salt)
	if _, err = f.Write(head); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(name))
	}
	*s = segment{file: f, size: segmentHead, end: segmentHead, after: s.after}
	return nil
}

// rewind lets a file be written over. One that cannot be made shorter stays long.
func (s *segment) rewind() {
	s.end = segmentHead
	if s.size > keepLong && s.file.Truncate(segmentHead) == nil {
		s.size = segmentHead
	}
}

// grow makes a file at least so long: by a whole step, or, when there is no room for that,
// by what is needed.
func (s *segment) grow(size int64) error {
	if s.size >= size {
		return nil
	}
	err := s.extend(max(size, s.size+growStep))
	if full(err) && s.size < size {
		err = s.extend(size)
	}
	if s.size >= size {
		return nil
	}
	return err
}

var zeros [64 << 10]byte

func (s *segment) extend(size int64) error {
	for s.size < size {
		n, err := s.file.WriteAt(zeros[:min(int64(len(zeros)), size-s.size)], s.size)
		s.size += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// close closes the files, and removes them when nothing in them counts any more.
func (j *journal) close(remove bool) error {
	var all error
	for i := range j.files {
		if f := j.files[i].file; f != nil {
			all = errors.Join(all, f.Close())
			j.files[i].file = nil
		}
		if !remove {
			continue
		}
		if err := os.Remove(segmentName(j.path, i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// open takes over what a reader has found, so that writing goes on behind it. What is no file
// of this journal, and not empty, must have been set aside.
func (j *journal) open(read *journalContent) error {
	j.next = j.floor.Load()
	for i := range j.files {
		found := &read.segments[i]
		if !found.ours(j.salt) {
			continue // is made anew when it is needed
		}
		f, err := os.OpenFile(segmentName(j.path, i), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		s := &j.files[i]
		*s = segment{file: f, size: max(found.size, segmentHead), end: segmentHead}
		if !found.headed {
			head := make([]byte, segmentHead)
			sealSegment(head, j.salt)
			if _, err := f.WriteAt(head, 0); err != nil {
				return err
			}
		}
		if n := len(found.batches); n > 0 {
			last := found.batches[n-1]
			s.end, s.after = last.end, last.number+1
		}
		if s.after > j.next {
			j.next, j.at = s.after, i
		}
	}
	// Behind the last batch may be a part of one that nobody was told of.
	j.refused = j.files[j.at].file != nil
	return nil
}

func sealSegment(head []byte, salt uint64) {
	n := copy(head, journalMagic)
	binary.BigEndian.PutUint64(head[n:], salt)
	binary.BigEndian.PutUint32(head[n+8:], crc32.Checksum(head[:n+8], castagnoli))
}

func sealBatch(batch []byte, salt, number uint64) {
	records := batch[batchHead:]
	binary.BigEndian.PutUint32(batch, batchMagic)
	binary.BigEndian.PutUint32(batch[4:], uint32(len(records)))
	binary.BigEndian.PutUint64(batch[8:], number)
	binary.BigEndian.PutUint32(batch[16:], crc32.Checksum(records, castagnoli))
	binary.BigEndian.PutUint32(batch[20:], saltedSum(batch[:20], salt))
}

func saltedSum(head []byte, salt uint64) uint32 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], salt)
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, head)
}
