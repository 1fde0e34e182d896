// What the tests see of the audit log, and of tokens.

package pairing

// AuditMost is how many lines wait for the audit log.
const AuditMost = auditMost

// AuditWaiting is how many do.
func (r *Registry) AuditWaiting() int { return r.log.waiting() }

// AuditBusy reports whether a line is being written.
func (r *Registry) AuditBusy() bool {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.log.busy
}

// Audited returns when all lines until now are written.
func (r *Registry) Audited() { <-r.audited() }

// KeepsToken reports whether a visit's row has the text of a token.
func (v *Visit) KeepsToken() bool {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	return v.knock.token.Text != ""
}
