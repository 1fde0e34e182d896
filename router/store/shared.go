package store

// What another package needs that keeps a bbolt file of its own (pairing keeps one): the
// care about files is the same, and this is its only home.

// Lock takes the lock of the file at path, which need not exist, until release. It is a file
// beside it, which stays. Errors: *InUseError; ErrNotWritable.
func Lock(path string) (release func(), err error) { return lockFile(path) }

// Walk reads a bbolt file without mapping it, checks its structure, and calls f with every
// entry of every bucket, buckets and keys in ascending order. Key and value are views valid
// during the call. It writes nothing, and trusts nothing that it reads.
//
// Errors: *DamageError; that it cannot be read; those of f.
func Walk(path string, f func(bucket string, key, value []byte) error) error {
	return walkFile(path, f)
}

// Replace gives a file another name, in place of what may be there. When it returns nil,
// that survives a power cut.
func Replace(from, to string) error { return replace(from, to) }

// Guard calls f, which uses bbolt, and turns a panic of it into an error, also one because
// a page of the file cannot be read any more. The database has to be closed then.
func Guard(f func() error) error { return guarded(f) }
