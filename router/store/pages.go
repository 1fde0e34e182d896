package store

// Reads a bbolt file without mapping it: a mapped file counts towards the memory a process
// uses, and one that is shorter than it says kills the process (SIGBUS). bbolt itself
// trusts what it reads; nothing here does.
//
// The layout is that of bbolt v1.5 (format version 2). Numbers are in the byte order of
// the machine that wrote them.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHead = 16 // id u64, flags u16, count u16, overflow u32
	metaSize = 64 // what the checksum covers, and the checksum
	elemSize = 16 // leaf: flags, pos, ksize, vsize, u32 each; branch: pos, ksize u32, page u64
	inBucket = 16 // root page u64, sequence u64; what stands for a bucket in its parent

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketFlag   = 0x01 // of a leaf's element

	noFreelist = ^uint64(0)

	minPageSize = 1 << 10 // where bbolt looks for its second meta page
	maxPageSize = 1 << 24
	minFile     = 4096 // of a shorter one bbolt does not read the meta pages

	// maxDepth is more than bbolt needs for as many pages as a disk can hold.
	maxDepth = 64
	// maxNode bounds the memory for one page and what it continues on.
	maxNode = 256 << 20
)

var native = binary.NativeEndian

// pages is a bbolt file as one of its meta pages describes it.
type pages struct {
	r        io.ReaderAt
	size     int64
	pageSize int64
	root     uint64 // page of the bucket of buckets
	freelist uint64
	high     uint64 // pages from here on are not in use
	txid     uint64
}

// openPages finds the meta page in force. Damage is a *DamageError.
func openPages(r io.ReaderAt, size int64) (*pages, error) {
	if size == 0 {
		return nil, damage(reasonEmpty, "it has no content")
	}
	first, err0 := readMeta(r, 0)
	second, err1 := (*pages)(nil), errNoMeta
	if err0 == nil {
		second, err1 = readMeta(r, first.pageSize)
		if err1 == nil && second.pageSize != first.pageSize {
			return nil, damage(reasonDamaged, "its meta pages state pages of %d and %d bytes", first.pageSize, second.pageSize)
		}
	}
	// The page size is not known then, but is where the second one begins.
	for at := int64(minPageSize); err0 != nil && err1 != nil && at <= maxPageSize && at < size; at *= 2 {
		m, err := readMeta(r, at)
		if err == nil && m.pageSize != at {
			return nil, damage(reasonDamaged, "a meta page at %d states pages of %d bytes", at, m.pageSize)
		}
		if !errors.Is(err, errNoMeta) {
			second, err1 = m, err
		}
	}
	var d *DamageError
	if errors.As(err0, &d) || errors.As(err1, &d) {
		return nil, d // a good checksum over nonsense: bbolt would go by it
	}
	var p *pages
	switch {
	case err0 != nil && err1 != nil:
		return nil, noMeta(r, size, err0, err1)
	case err1 != nil || err0 == nil && first.txid >= second.txid:
		p = first
	default:
		p = second
	}
	p.r, p.size = r, size
	if p.root < 2 || p.root >= p.high || p.high > math.MaxInt64/maxPageSize {
		return nil, damage(reasonDamaged, "its root is page %d of %d", p.root, p.high)
	}
	return p, nil
}

var (
	errNoMeta     = errors.New("no meta page")
	errMeta       = errors.New("bad meta page")
	errNewerPages = errors.New("of a newer bbolt")
)

func readMeta(r io.ReaderAt, at int64) (*pages, error) {
	var b [pageHead + metaSize]byte
	if _, err := r.ReadAt(b[:], at); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoMeta, err)
	}
	m := b[pageHead:]
	if native.Uint32(m) != boltMagic {
		return nil, errNoMeta
	}
	if v := native.Uint32(m[4:]); v > boltVersion {
		return nil, fmt.Errorf("%w: version %d", errNewerPages, v)
	}
	h := fnv.New64a()
	_, _ = h.Write(m[:56]) // never fails (hash.Hash)
	if native.Uint32(m[4:]) != boltVersion || h.Sum64() != native.Uint64(m[56:]) {
		return nil, errMeta
	}
	p := &pages{
		pageSize: int64(native.Uint32(m[8:])),
		root:     native.Uint64(m[16:]),
		freelist: native.Uint64(m[32:]),
		high:     native.Uint64(m[40:]),
		txid:     native.Uint64(m[48:]),
	}
	if p.pageSize < minPageSize || p.pageSize > maxPageSize || p.pageSize&(p.pageSize-1) != 0 {
		return nil, damage(reasonDamaged, "a meta page states pages of %d bytes", p.pageSize)
	}
	return p, nil
}

// noMeta says what a file is that has no good meta page.
func noMeta(r io.ReaderAt, size int64, err0, err1 error) error {
	for _, err := range []error{err0, err1} {
		if errors.Is(err, errNewerPages) {
			return damage(reasonNewer, "its pages are %w", err)
		}
	}
	if readsZeros(io.NewSectionReader(r, 0, size)) {
		return damage(reasonZeros, "its %d bytes are all zero", size)
	}
	if errors.Is(err0, errNoMeta) && errors.Is(err1, errNoMeta) {
		return damage(reasonForeign, "neither of its meta pages is one of bbolt: %w, %w", err0, err1)
	}
	return damage(reasonDamaged, "neither of its meta pages is good: %w, %w", err0, err1)
}

// readsZeros reports whether r reads zeros to its end.
func readsZeros(r io.Reader) bool {
	b := make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(r, b)
		if !allZero(b[:n]) {
			return false
		}
		if err != nil {
			return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
}

// complete says whether the file is as long as it must be.
func (p *pages) complete() error {
	if want := max(int64(p.high)*p.pageSize, minFile); p.size < want {
		return damage(reasonTruncated, "%d bytes are there of the %d in use", p.size, want)
	}
	return nil
}

// walker goes through all entries of all buckets, in order.
type walker struct {
	pages *pages
	// bucket is called at the begin of each bucket, entry for each key that is no bucket.
	// Names are joined with a slash where buckets are nested. Key and value are views valid
	// during the call.
	bucket func(name string) error
	entry  func(bucket string, key, value []byte) error

	seen  []uint64 // bitmap of the pages that have been reached
	bufs  [maxDepth][]byte
	depth int
}

// walk checks the structure as it goes. Damage is a *DamageError, other errors are those
// of bucket and entry.
func (w *walker) walk() error {
	high := min(w.pages.high, uint64(w.pages.size/w.pages.pageSize))
	w.seen = make([]uint64, high/64+1)
	if err := w.tree("", w.pages.root, nil, nil); err != nil {
		return err
	}
	return w.free()
}

// mark notes that a page is in use, and by one only.
func (w *walker) mark(id uint64) error {
	if id < 2 || id >= w.pages.high || id/64 >= uint64(len(w.seen)) {
		return damage(reasonDamaged, "page %d is used, %d are there", id, w.pages.high)
	}
	if w.seen[id/64]&(1<<(id%64)) != 0 {
		return damage(reasonDamaged, "page %d is used twice", id)
	}
	w.seen[id/64] |= 1 << (id % 64)
	return nil
}

// load reads page id and those it continues on, into the buffer of the present depth.
func (w *walker) load(id uint64) ([]byte, error) {
	if err := w.mark(id); err != nil {
		return nil, err
	}
	at, size := int64(id)*w.pages.pageSize, int(w.pages.pageSize)
	b := grow(w.bufs[w.depth], size)
	w.bufs[w.depth] = b
	if _, err := w.pages.r.ReadAt(b, at); err != nil {
		return nil, damage(reasonDamaged, "read page %d: %w", id, err)
	}
	if got := native.Uint64(b); got != id {
		return nil, damage(reasonDamaged, "page %d says it is page %d", id, got)
	}
	more := uint64(native.Uint32(b[12:]))
	if more == 0 {
		return b, nil
	}
	if more > maxNode/uint64(size) {
		return nil, damage(reasonDamaged, "page %d continues on %d more", id, more)
	}
	for i := range more {
		if err := w.mark(id + 1 + i); err != nil {
			return nil, err
		}
	}
	b = grow(b, size*int(more+1))
	w.bufs[w.depth] = b
	if _, err := w.pages.r.ReadAt(b[size:], at+int64(size)); err != nil {
		return nil, damage(reasonDamaged, "read what page %d continues on: %w", id, err)
	}
	return b, nil
}

// grow returns b with n bytes, the first of them kept.
func grow(b []byte, n int) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	return append(b, make([]byte, n-len(b))...)
}

// tree goes through what is below page id of a bucket. All its keys must be at least low
// and below high; nil is no bound, and only the root of a bucket has no low one.
func (w *walker) tree(name string, id uint64, low, high []byte) error {
	if w.depth == maxDepth {
		return damage(reasonDamaged, "page %d is %d pages deep", id, maxDepth)
	}
	b, err := w.load(id)
	if err != nil {
		return err
	}
	w.depth++
	err = w.page(name, b, int(w.pages.pageSize)-1, low, high)
	w.depth--
	return at(id, err)
}

// page goes through one page, which may stand in the value of an inline bucket. At most
// slack bytes of it may be unused.
func (w *walker) page(name string, b []byte, slack int, low, high []byte) error {
	flags, count := native.Uint16(b[8:]), int(native.Uint16(b[10:]))
	leaf := flags == leafPage
	if !leaf && flags != branchPage {
		return damage(reasonDamaged, "it is of kind %#x", flags)
	}
	if count == 0 {
		// Only a bucket without any entry has such a page, and nothing else stands in it.
		if low != nil || !leaf || !allZero(b[pageHead:]) {
			return damage(reasonDamaged, "it has no entries")
		}
		return nil
	}
	if err := packed(b, leaf, count, slack, low, high); err != nil {
		return err
	}
	key, value := element(b, leaf, 0)
	for i := range count {
		var next, nextValue []byte
		if i+1 < count {
			next, nextValue = element(b, leaf, i+1)
		}
		var err error
		switch e := b[pageHead+i*elemSize:]; {
		case leaf && native.Uint32(e) == bucketFlag:
			err = w.sub(name, key, value)
		case leaf && native.Uint32(e) == 0:
			err = w.entry(name, key, value)
		case leaf:
			err = damage(reasonDamaged, "entry %d is of kind %#x", i, native.Uint32(e))
		case i+1 < count:
			err = w.tree(name, native.Uint64(e[8:]), key, next)
		default:
			err = w.tree(name, native.Uint64(e[8:]), key, high)
		}
		if err != nil {
			return err
		}
		key, value = next, nextValue
	}
	return nil
}

// packed checks that entries follow each other without a gap and in order, as bbolt writes
// them. It finds counts and sizes that are wrong, which would otherwise hide entries.
func packed(b []byte, leaf bool, count, slack int, low, high []byte) error {
	end := pageHead + count*elemSize
	if end > len(b) {
		return damage(reasonDamaged, "its %d entries do not fit in", count)
	}
	var last []byte
	for i := range count {
		pos, ksize, vsize := sizes(b, leaf, i)
		left := uint64(len(b) - end)
		if pos != uint64(end) || ksize == 0 || ksize > left || vsize > left-ksize {
			return damage(reasonDamaged, "its entry %d does not fit in", i)
		}
		key := b[end : end+int(ksize)]
		if i > 0 && bytes.Compare(key, last) <= 0 {
			return damage(reasonDamaged, "its entry %d is out of order", i)
		}
		if i == 0 && low != nil && bytes.Compare(key, low) < 0 {
			return damage(reasonDamaged, "it begins before where it should")
		}
		last = key
		end += int(ksize + vsize)
	}
	if high != nil && bytes.Compare(last, high) >= 0 {
		return damage(reasonDamaged, "it ends after where it should")
	}
	if len(b)-end > slack {
		return damage(reasonDamaged, "%d of its %d bytes are used", end, len(b))
	}
	return nil
}

// sizes returns where in b the key of entry i begins, and how long key and value are.
func sizes(b []byte, leaf bool, i int) (pos, ksize, vsize uint64) {
	at := pageHead + i*elemSize
	e := b[at : at+elemSize]
	if leaf {
		return uint64(at) + uint64(native.Uint32(e[4:])), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
	}
	return uint64(at) + uint64(native.Uint32(e)), uint64(native.Uint32(e[4:])), 0
}

// element returns entry i of a page that packed has found good.
func element(b []byte, leaf bool, i int) (key, value []byte) {
	pos, ksize, vsize := sizes(b, leaf, i)
	return b[pos : pos+ksize : pos+ksize], b[pos+ksize : pos+ksize+vsize : pos+ksize+vsize]
}

// sub goes through a bucket in a bucket.
func (w *walker) sub(parent string, key, value []byte) error {
	name := string(key)
	if parent != "" {
		name = parent + "/" + name
	}
	if len(value) < inBucket {
		return damage(reasonDamaged, "bucket %q has no root", name)
	}
	root := native.Uint64(value)
	if err := w.bucket(name); err != nil {
		return err
	}
	if root != 0 {
		if len(value) > inBucket {
			return damage(reasonDamaged, "bucket %q is here and on page %d", name, root)
		}
		return w.tree(name, root, nil, nil)
	}
	inline := value[inBucket:]
	if len(inline) < pageHead || native.Uint16(inline[8:]) != leafPage || native.Uint32(inline[12:]) != 0 {
		return damage(reasonDamaged, "bucket %q is not where it should be", name)
	}
	if w.depth == maxDepth {
		return damage(reasonDamaged, "bucket %q is %d levels deep", name, maxDepth)
	}
	w.depth++
	err := w.page(name, inline, 0, nil, nil)
	w.depth--
	return err
}

// free checks that no page in use is in the list of free ones: it would be overwritten.
// Pages in neither are lost space and no damage.
func (w *walker) free() error {
	if w.pages.freelist == noFreelist {
		return nil // bbolt makes it when it opens the file
	}
	b, err := w.load(w.pages.freelist)
	if err != nil {
		return err
	}
	if flags := native.Uint16(b[8:]); flags != freelistPage {
		return at(w.pages.freelist, damage(reasonDamaged, "it is of kind %#x", flags))
	}
	ids, count := b[pageHead:], uint64(native.Uint16(b[10:]))
	if count == 0xFFFF { // more than a u16 can say: the first number is the count
		count, ids = native.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return at(w.pages.freelist, damage(reasonDamaged, "%d free pages do not fit in", count))
	}
	for i := range count {
		if err := w.mark(native.Uint64(ids[8*i:])); err != nil {
			return at(w.pages.freelist, err)
		}
	}
	return nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
