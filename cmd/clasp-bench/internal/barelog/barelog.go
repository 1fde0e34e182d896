// Package barelog is the least that can be done to have records on disk: what a disk gives
// without a server, to hold servers against.
package barelog

import (
	"fmt"
	"os"
	"sync"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
)

// Log is a file that records are appended to, which grows by them, and fdatasync follows.
// All that wait while a sync is under way go with the next one, in one write; from a single
// goroutine that is a write and a sync for each record. There is no index, no checksum, and
// nothing is ever read or cleared.
type Log struct {
	disk sync.Mutex // held by who writes and syncs
	file *os.File

	mu   sync.Mutex
	next *batch // who waits for the next sync
}

// batch is what one sync covers.
type batch struct {
	records []byte
	synced  chan struct{} // closed when err says how it went
	err     error
}

// Open makes a log, whose file must not exist.
func Open(path string) (*Log, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a log to compare with: %w", err)
	}
	return &Log{file: file, next: newBatch()}, nil
}

func newBatch() *batch { return &batch{synced: make(chan struct{})} }

// Put returns when the record, which is not empty, is on disk. It is safe for concurrent
// use: the first of each batch does the work for the others.
func (l *Log) Put(record []byte) error {
	l.mu.Lock()
	b := l.next
	first := len(b.records) == 0
	b.records = append(b.records, record...)
	l.mu.Unlock()
	if !first {
		<-b.synced
		return b.err
	}
	l.disk.Lock() // until the batch before is through, others join this one
	defer l.disk.Unlock()
	l.mu.Lock()
	l.next = newBatch()
	l.mu.Unlock()
	if _, b.err = l.file.Write(b.records); b.err == nil {
		b.err = host.SyncData(l.file)
	}
	close(b.synced)
	return b.err
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }
