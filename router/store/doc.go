// Package store keeps the params of a router on disk, in one bbolt file.
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
//	journal   commits since the last checkpoint: one value a batch
//	params    the record of every address
//
// A commit is one value in the journal. A checkpoint writes the present record of every
// param that has changed into params, in slices, and then clears the journal up to where
// it began. Records can be applied in any order and any number of times: the higher
// revision counts, so nothing depends on what a crash has left between the two.
//
// # Writing
//
// One goroutine owns all transactions. While one is on its way to the disk, the commits that
// come wait; together they are the next one. That is all there is to group commit: to wait a
// little for more, or to yield once after the first has come, gained nothing measurable. While
// a checkpoint runs, its slices travel in the same transactions, because most of a
// transaction is waiting for the disk; a slice is small as long as there are commits.
// Settle runs on a second goroutine, generations are made on a third.
//
// Measured on two cores and a disk that syncs 4 KiB in 0.2 ms, all in one run (go test -bench
// Commit), acknowledged commits a second and the time that 99 of 100 take at most:
//
//	                                    1 client           64 clients
//	this package                        3,080   0.7 ms     82,700   1.8 ms
//	the same beside a checkpoint of
//	  a million params, all changed                        29,600   4.0 ms
//	bbolt.Batch                            94  11.0 ms      5,600  12.6 ms
//	a file, appended to and synced      4,320   0.4 ms    113,800   1.1 ms
//
// A million params of 135 bytes are verified and loaded in 0.2 s (BenchmarkLoad). The pages
// that a large checkpoint has touched are given back at its end (Linux): they would count
// towards the process's memory.
//
// # When the disk fails
//
// A batch that cannot be written is refused at once, and the next one tried anew; what has
// changed stays in memory, and every second a checkpoint tries whether it works again. A
// log line says when failing begins and one when it ends. After a failed sync nobody knows
// what is on the disk, while bbolt would go on from what it has in memory. So the meta pages
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
