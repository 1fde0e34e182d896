// What the tests see and do besides.

package pairing

// Seal is how a value of the file looks.
var Seal = seal

// HoldDisk has all that writes to the file wait until the result is called.
func HoldDisk(r *Registry) (free func(), err error) {
	tx, err := r.file.db.Begin(true)
	return func() { _ = tx.Rollback() }, err
}

// Issuing reports whether the device of a row is being written.
func (r *Registry) Issuing(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.knock(id)
	return k != nil && k.issuing
}
