// Package store keeps the params of a router on disk: in one bbolt file, and a journal beside it.
//
// It knows nothing of sessions or subscribers. The engine hands it writes that must be
// on disk before they count (Commit), and is asked now and then for everything else
// that has changed (Source).
//
// # The file
//
//	about     format version, epoch, whether the router was stopped in order
//	          and the highest revision that gone has dropped (forgotten)
//	gone0/1   revisions of addresses that have expired, the older and the newer half
//	params    the record of every address
//
// A commit is a batch in the journal, which is two files that are written in turn (journal.go).
// A checkpoint writes the present record of every param that has changed into params, in
// slices, and then raises the floor of the journal to where it stood when the checkpoint began:
// about says it, and what is below it is written over. Records can be applied in any order and
// any number of times: the higher revision counts, so nothing depends on what a crash has left
// between the two. A stop in order removes the journal; after any other the database and its
// journal belong together.
//
// # Writing
//
// One goroutine owns the journal, another all transactions, so that commits do not wait for
// checkpoints. While a batch is on its way to the disk, the commits that come wait; together
// they are the next one. That is all there is to group commit: to wait a little for more, or
// to yield once after the first has come, gained nothing measurable. Settle runs on a third
// goroutine, generations are made on a fourth.
//
// A batch is one write and one sync, over bytes that are there already. The journal was a
// bucket of the database before, as in many a design: that is two syncs, the pages and the
// meta page, and gave 2,100 to 3,700 and 48,000 to 83,000 commits a second here.
//
// Measured on two cores and a disk that syncs 4 KiB in 0.15 ms, all in one run (go test -bench
// Commit), acknowledged commits a second and the time that 99 of 100 take at most:
//
//	                                    1 client           64 clients
//	this package                        6,250   0.3 ms    167,900   1.3 ms
//	the same beside a checkpoint of
//	  a million params, all changed                        65,000   3.0 ms
//	bbolt.Batch                            92  11.4 ms      5,250  13.3 ms
//	a file, appended to and synced      4,360   0.4 ms    104,200   1.2 ms
//
// A million params of 135 bytes are verified and loaded in 0.2 s (BenchmarkLoad). The pages
// that a large checkpoint has touched are given back at its end (Linux): they would count
// towards the process's memory.
//
// # When the disk fails
//
// A batch that cannot be written is refused at once, and made void before anything else is
// journaled; what has changed stays in memory, and every second both sides try whether it
// works again. Where it is room that is missing, the journal does not grow until a checkpoint
// is through, which needs it more: then the journal can be written over. A log line says when
// failing begins and one when it ends. After a failed sync
// nobody knows what is on the disk, while bbolt would go on from what it has in memory. So the meta pages
// are written and synced once more, the database is opened anew, and everything is written
// again.
//
// # Epochs
//
// A router that was not stopped in order may have told clients of revisions that are not
// in the file. Each such stop begins a new epoch, and a record counts for each epoch that
// has begun since it was written 2^20 revisions more than it says. Addresses that are not
// in the file begin there too: they may have been lost. Where a file was lost itself, 4096
// epochs are skipped.
package store
