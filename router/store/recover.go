package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Recovery says what was done to have a database that is in order.
type Recovery struct {
	SetAside []SetAside // generations first, the newest of them first, then the file itself
	// Generation is the copy that is now the database, "" if it is the file itself or
	// there was nothing.
	Generation string
	// Number of that copy, 1 for the newest one. 0 is the file itself or a first start; -1
	// that there was something, but nothing good.
	Number int
	Fresh  bool   // there is no database yet
	Epoch  uint32 // the highest one seen in all files that were read

	path string
	made time.Time // when the generation was

	journaled bool // the journal of the lost file has been taken over
}

// SetAside is a file that could not be used. It is left as it was, under another name.
type SetAside struct {
	From, To string
	Reason   string // as in DamageError
	Err      error
}

// recoverFile sees to it that path is a verified database, or nothing when there is none to
// be had. Call it with the lock. Every step of it can be the last one before a power cut:
// the next call goes on from there.
func recoverFile(path string, now time.Time) (Recovery, error) {
	r := Recovery{path: path}
	err := r.run(now)
	if err != nil {
		err = fmt.Errorf("recover %s: %w", path, writeError(err))
	}
	return r, err
}

func (r *Recovery) run(now time.Time) error {
	temps, err := named(r.path, tempInfix)
	if err != nil {
		return err
	}
	for _, name := range temps {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	bad, err := r.try(r.path)
	if err == nil && bad == nil {
		f, err := os.OpenFile(r.path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return f.Close()
	}
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}

	// What the journal has is newer than any copy.
	batches, epoch := readJournal(r.path, 0).all()
	r.journaled = len(batches) > 0
	r.Epoch = max(r.Epoch, epoch)

	temp, err := r.restore(now)
	if err != nil {
		return err
	}
	aside, err := named(r.path, badInfix)
	if err != nil {
		return err
	}
	if temp == "" {
		// Counted by name, so that it is the same for a start after one that got no further.
		before := len(aside)
		if bad == nil && before > 0 {
			before-- // the last one is what that start has set aside
		}
		r.Epoch = max(r.Epoch, uint32(before)*lostEpochs)
		if bad != nil || r.journaled || len(aside) > 0 {
			r.Number = -1
		}
	}
	if r.journaled && temp == "" {
		temp = r.path + tempInfix + "restore"
	}
	if temp != "" {
		// Before it is in its place: after a crash from then on it is a good file.
		if err := restamp(temp, r.Epoch+lostEpochs, batches); err != nil {
			return err
		}
	}
	if bad != nil {
		// As late as this, so that whatever fails before it is tried again by the next start.
		if err := r.setAside(r.path, now, bad); err != nil {
			return err
		}
	}
	if temp == "" {
		r.Fresh = true
		return nil
	}
	return replace(temp, r.path)
}

// try verifies a file and takes note of its epoch.
func (r *Recovery) try(name string) (*DamageError, error) {
	report, err := verifyFile(name)
	r.Epoch = max(r.Epoch, report.Epoch)
	var d *DamageError
	if errors.As(err, &d) {
		return d, nil
	}
	return nil, err
}

// restore makes a copy of the newest good generation and returns its name, "" when there
// is none. The bad ones before it are set aside.
func (r *Recovery) restore(now time.Time) (temp string, err error) {
	all, err := generations(r.path)
	if err != nil {
		return "", err
	}
	for n := 1; n <= len(all); n++ {
		g := all[len(all)-n]
		bad, err := r.try(g.name)
		if err != nil {
			return "", err
		}
		if bad != nil {
			if err := r.setAside(g.name, now, bad); err != nil {
				return "", err
			}
			continue
		}
		temp = r.path + tempInfix + "restore"
		if err := copyFile(g.name, temp); err != nil {
			return "", err
		}
		r.Generation, r.Number, r.made = g.name, n, g.made
		return temp, nil
	}
	return "", nil
}

// restamp makes a copy, or a new database, one of an epoch that was not closed in order, with
// the records of a journal. Its own journal begins anew.
func restamp(name string, epoch uint32, batches []foundBatch) error {
	db, err := bolt.Open(name, fileMode, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return err
	}
	d := disk{about: about{Format: fileFormat, Epoch: epoch, Salt: newSalt()}}
	err = db.Update(func(tx *bolt.Tx) error {
		if err := d.head(tx); err != nil {
			return err
		}
		for _, b := range batches {
			if err := fold(tx, b.records, epoch); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, db.Close())
}

// setAside gives a bad file a name that says when and why.
func (r *Recovery) setAside(name string, now time.Time, d *DamageError) error {
	to, err := stamped(r.path, badInfix, now, "-"+d.Reason)
	if err != nil {
		return err
	}
	if err := replace(name, to); err != nil {
		return fmt.Errorf("set aside what is %w: %w", d, err)
	}
	r.SetAside = append(r.SetAside, SetAside{From: name, To: to, Reason: d.Reason, Err: d})
	return nil
}

// String says all that was done and what to do about it, "" when there was nothing to do.
func (r Recovery) String() string {
	var b strings.Builder
	newer, present := false, false
	for _, s := range slices.Backward(r.SetAside) {
		fmt.Fprintf(&b, "%s cannot be used (%v) and is now %s. ", s.From, s.Err, s.To)
		newer = newer || s.Reason == reasonNewer
		present = present || s.From == r.path
	}
	if r.Number != 0 && !present {
		fmt.Fprintf(&b, "%s is missing. ", r.path)
	}
	switch {
	case r.Number > 0:
		fmt.Fprintf(&b, "The state is restored from %s: what was written after %s is not in it. ",
			r.Generation, r.made.Format(time.RFC3339))
		if !present {
			fmt.Fprintf(&b, "To start with an empty state instead, move all %s%s* and %[1]s%[3]s* away as well. ", r.path, genInfix, journalInfix)
		}
	case r.Number < 0:
		b.WriteString("There is no good copy of it: the state is empty")
		if r.journaled {
			b.WriteString(", but for the last commits, which its journal still had")
		}
		b.WriteString(". ")
	}
	if r.Number > 0 && r.journaled {
		b.WriteString("But for the last commits, which its journal still had. ")
	}
	if newer {
		b.WriteString("A newer version of clasp has written what cannot be used: " +
			"to have it back, stop this one, give the file its old name, and start the newer one. ")
	}
	return strings.TrimSpace(b.String())
}
