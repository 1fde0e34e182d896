package store

// Suspect does what a failed sync does. Call it before Start.
func (s *Store) Suspect() { s.disk.sound, s.disk.stale, s.disk.suspect = false, true, true }

// MaxGone is how many revisions of expired addresses each half keeps.
const MaxGone = maxGone

// Unstamp does what a full disk at Open does. Call it before Start.
func (s *Store) Unstamp() { s.stamped.Store(false) }
