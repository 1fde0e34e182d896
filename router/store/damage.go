package store

import (
	"errors"
	"fmt"
)

// Why a file is set aside. They are part of its new name, and values of a log field.
const (
	reasonEmpty     = "empty"
	reasonZeros     = "zeros"
	reasonTruncated = "truncated"
	reasonDamaged   = "damaged"
	reasonForeign   = "not-a-database"
	reasonNewer     = "newer-format"
	reasonDirectory = "directory"
)

// DamageError says why a file cannot be used as the state of a router.
type DamageError struct {
	// Reason is one of empty, zeros, truncated, damaged, not-a-database, newer-format and
	// directory.
	Reason string
	Err    error // in words
}

func (e *DamageError) Error() string { return e.Reason + ": " + e.Err.Error() }

func (e *DamageError) Unwrap() error { return e.Err }

func damage(reason, format string, args ...any) error {
	return &DamageError{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// onPage is damage that names its page.
type onPage struct {
	id  uint64
	err error
}

func (e *onPage) Error() string { return fmt.Sprintf("page %d: %v", e.id, e.err) }

func (e *onPage) Unwrap() error { return e.err }

// at adds to damage the page it was found on, unless it names one already.
func at(id uint64, err error) error {
	var d *DamageError
	var placed *onPage
	if !errors.As(err, &d) || errors.As(err, &placed) {
		return err
	}
	return &DamageError{Reason: d.Reason, Err: &onPage{id, d.Err}}
}
