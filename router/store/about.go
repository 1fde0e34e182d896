package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// fileFormat is what this build writes and the highest it reads.
const fileFormat = 1

// The buckets of a file, and the keys of the first.
var (
	aboutBucket  = []byte("about")
	gone0Bucket  = []byte("gone0")
	gone1Bucket  = []byte("gone1")
	paramsBucket = []byte("params")

	formatKey  = []byte("format")
	epochKey   = []byte("epoch")
	cleanKey   = []byte("clean")
	journalKey = []byte("journal")
	sumKey     = []byte("sum")
)

// about is what a file says of itself.
type about struct {
	Format uint32
	Epoch  uint32
	Clean  bool   // the router was stopped in order
	Salt   uint64 // of the journal that belongs to it
	Floor  uint64 // batches of the journal before this one are in it
}

// values returns what is stored under formatKey, epochKey, cleanKey, journalKey and sumKey.
// The sum is there because bbolt has no checksums for its data, and a wrong epoch would go
// unnoticed.
func (a about) values() (format, epoch, clean, journal, sum []byte) {
	format = binary.BigEndian.AppendUint32(nil, a.Format)
	epoch = binary.BigEndian.AppendUint32(nil, a.Epoch)
	clean = []byte{0}
	if a.Clean {
		clean[0] = 1
	}
	journal = binary.BigEndian.AppendUint64(nil, a.Salt)
	journal = binary.BigEndian.AppendUint64(journal, a.Floor)
	return format, epoch, clean, journal, aboutSum(format, epoch, clean, journal)
}

func aboutSum(values ...[]byte) []byte {
	var crc uint32
	for _, v := range values {
		crc = crc32.Update(crc, castagnoli, v)
	}
	return binary.BigEndian.AppendUint32(nil, crc)
}

// write stores a, in a bucket that need not exist yet.
func (a about) write(tx *bolt.Tx) error {
	b, err := tx.CreateBucketIfNotExists(aboutBucket)
	if err != nil {
		return fmt.Errorf("create bucket about: %w", err)
	}
	format, epoch, clean, journal, sum := a.values()
	for _, e := range []struct{ key, value []byte }{
		{formatKey, format}, {epochKey, epoch}, {cleanKey, clean}, {journalKey, journal}, {sumKey, sum},
	} {
		if err := b.Put(e.key, e.value); err != nil {
			return fmt.Errorf("store %s: %w", e.key, err)
		}
	}
	return nil
}

// readAbout reads what write has stored, from a function that returns the value of a key
// or nil. The format is read first and alone: a newer one may say the rest differently.
func readAbout(get func(key []byte) []byte) (about, error) {
	var a about
	format := get(formatKey)
	if len(format) != 4 {
		return a, fmt.Errorf("its format version has %d bytes, not 4", len(format))
	}
	a.Format = binary.BigEndian.Uint32(format)
	if a.Format > fileFormat {
		return a, fmt.Errorf("its format is version %d, this program knows version %d", a.Format, fileFormat)
	}
	epoch, clean, journal, sum := get(epochKey), get(cleanKey), get(journalKey), get(sumKey)
	if len(epoch) != 4 || len(clean) != 1 || clean[0] > 1 || len(journal) != 16 {
		return a, fmt.Errorf("its epoch, clean flag and journal are %x, %x and %x", epoch, clean, journal)
	}
	if string(sum) != string(aboutSum(format, epoch, clean, journal)) {
		return a, fmt.Errorf("format, epoch, clean flag and journal do not fit their checksum")
	}
	a.Epoch, a.Clean = binary.BigEndian.Uint32(epoch), clean[0] == 1
	a.Salt, a.Floor = binary.BigEndian.Uint64(journal), binary.BigEndian.Uint64(journal[8:])
	return a, nil
}
