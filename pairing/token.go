// Tokens of devices: clp_<device id>_<secret>, kept as SHA-256 (pairing section 9).

package pairing

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"
)

const tokenPrefix = "clp_"

// newToken gives a row another token, and returns its text. The row forgets the one before.
func (r *Registry) newToken(w *row) (string, error) {
	secret, err := randomText(r.o.Random, secretLength)
	if err != nil {
		return "", err
	}
	text := tokenPrefix + w.ID + "_" + secret
	sum := sha256.Sum256([]byte(text))
	w.Hash, w.Fresh = sum[:], true
	return text, nil
}

// replaceToken is newToken that leaves the token before good: until a time, and in any case
// until the new one is used. One that was never used is not worth keeping, as long as the one
// before it is still good.
func (r *Registry) replaceToken(w *row, now, until time.Time) (string, error) {
	old := w.Hash
	if w.Old != nil && w.oldGood(now) {
		old = w.Old
	}
	text, err := r.newToken(w)
	if err == nil {
		w.Old, w.OldUntil = old, until
	}
	return text, err
}

// deviceOf returns the ID in a token's text.
func deviceOf(text string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return "", false
	}
	id, secret, _ := strings.Cut(rest, "_")
	return id, len(id) == deviceIDLength && len(secret) == secretLength
}

// matches reports whether a token is a row's, and whether it is the newest.
func (w *row) matches(text string, now time.Time) (good, newest bool) {
	sum := sha256.Sum256([]byte(text))
	newest = subtle.ConstantTimeCompare(w.Hash, sum[:]) == 1
	old := subtle.ConstantTimeCompare(w.Old, sum[:]) == 1 && w.oldGood(now)
	return newest || old, newest
}

// oldGood reports whether the token before, if there is one, is good too.
func (w *row) oldGood(now time.Time) bool {
	return w.Fresh && (w.OldUntil.IsZero() || now.Before(w.OldUntil))
}

// settle has the newest token be the only one.
func (w *row) settle() { w.Confirmed, w.Fresh, w.Old, w.OldUntil = true, false, nil, time.Time{} }

// What who shows a token is told.
const (
	tokenUnknown  = "The token is not accepted"
	tokenRevoked  = "This device was revoked. Ask the operator to let it in again"
	tokenEnded    = "The time of this device is over. Ask the operator to let it in again"
	profileAbsent = "What this device may do is not configured any more. Ask the operator"
	notStored     = "The router could not write to its disk, so nothing has changed. Tell the operator"
)

// judge finds the device of a token.
func (r *Registry) judge(text string, now time.Time) (d *device, newest bool, refusal *Error) {
	id, ok := deviceOf(text)
	if !ok {
		return nil, false, refuse(CodeUnauthorized, tokenUnknown)
	}
	if w := r.revoked[id]; w != nil {
		if good, _ := w.matches(text, now); good {
			return nil, false, refuse(CodeRevoked, tokenRevoked)
		}
	}
	d = r.devices[id]
	if d == nil || r.lapsed(d, now) || r.closed {
		return nil, false, refuse(CodeUnauthorized, tokenUnknown)
	}
	good, newest := d.matches(text, now)
	if !good {
		return nil, false, refuse(CodeUnauthorized, tokenUnknown)
	}
	return d, newest, r.entitled(d, now)
}

// entitled reports why a device that is known may not come.
func (r *Registry) entitled(d *device, now time.Time) *Error {
	if d.expired(now) {
		return refuse(CodeEnded, tokenEnded)
	}
	if _, err := r.profile(d.Profile); err != nil {
		return refuse(CodeUnauthorized, profileAbsent)
	}
	return nil
}

// greetToken lets a device in that shows its token.
func (r *Registry) greetToken(text string) Answer {
	now := r.enter()
	defer r.leave()
	d, newest, refusal := r.judge(text, now)
	if refusal == nil && newest && (d.Fresh || !d.Confirmed) {
		// Seen for the first time. That is to survive a crash, or the device would vanish
		// with a token that it has used; and the token before must not.
		r.mu.Unlock()
		r.io.Lock()
		now = r.enter()
		if d, _, refusal = r.judge(text, now); refusal == nil {
			r.used(d, now)
		}
		r.mu.Unlock()
		r.io.Unlock()
		now = r.enter()
		d, _, refusal = r.judge(text, now)
	}
	if refusal != nil {
		return Answer{Err: refusal}
	}
	return Answer{Access: r.open(d, now)}
}

// used notes that a device has shown its newest token: whoever can is no weak device from now
// on. When the disk fails it is let in all the same, and a later save notes it.
func (r *Registry) used(d *device, now time.Time) {
	settled := func(w *row) {
		w.settle()
		w.Weak, w.From = false, ""
	}
	if r.change(d, settled) != nil {
		settled(&d.row)
		r.unsaved[d.ID] = true
	}
	for _, k := range r.knocks {
		if k.device == d.ID && k.state == StateIssued {
			r.activate(k)
		}
	}
	// Who came by the device's name and address alone may be somebody else.
	r.ends(Ending{Device: d.ID, Weak: true})
	r.see(d, now)
}

// Token judges a device's token outside of a session, and changes nothing.
func (r *Registry) Token(text string) (*Access, *Error) {
	now := r.enter()
	defer r.leave()
	d, _, refusal := r.judge(text, now)
	if refusal != nil {
		return nil, refusal
	}
	return r.access(d), nil
}

// Confirm says that a device has shown or stored its token: it stays, and the token before a
// renewed one does not. Errors are of kind ErrUnknown or ErrStorage.
func (r *Registry) Confirm(device string) error {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	return r.confirm(now, device)
}

func (r *Registry) confirm(now time.Time, id string) error {
	d := r.devices[id]
	if d == nil || r.lapsed(d, now) {
		return complain(ErrUnknown, "no device has the ID %q", clean(id))
	}
	// What the operator was shown is not meant: that the device may never have seen.
	if renewed := d.Fresh && !d.OldUntil.IsZero(); renewed {
		return r.change(d, (*row).settle)
	}
	if d.Confirmed {
		return nil
	}
	return r.change(d, func(w *row) { w.Confirmed = true })
}

// Renew gives a device another token. The old one is good for 10 min or until the new one
// is used.
func (r *Registry) Renew(device string) (Token, *Error) {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	d := r.devices[device]
	if d == nil || r.lapsed(d, now) {
		return Token{}, refuse(CodeRevoked, tokenRevoked)
	}
	if refusal := r.entitled(d, now); refusal != nil {
		return Token{}, refusal
	}
	if d.Weak {
		return Token{}, refuse(CodeUnauthorized, "This device comes in without a token. Ask the operator for one")
	}
	if wait := d.RenewedAt.Add(renewEvery).Sub(now); wait > 0 && wait <= renewEvery { // more: the clock was set back
		refusal := refuse(CodeRate, "The token was renewed a moment ago. Try again in %d s", seconds(wait))
		refusal.RetryAfter = wait
		return Token{}, refusal
	}
	t, err := r.retoken(d, now, func(w *row) time.Time {
		w.RenewedAt = now
		return now.Add(oldTokenFor)
	})
	if err != nil {
		return Token{}, r.failed(now, d.Name, err)
	}
	r.audit(now, Event{What: "renewed", Device: d.ID, Name: d.Name})
	return t, nil
}

// Reissue gives a device another token, for the operator to show: the old one is good until
// the new one is used. A weak device that uses it is no weak one any more.
func (r *Registry) Reissue(ref, by string) (Token, error) {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	d, err := r.find(ref)
	if err != nil {
		return Token{}, err
	}
	if d.expired(now) {
		return Token{}, complain(ErrConflict, "the time of %q is over: revoke it and let it in again", d.Name)
	}
	t, err := r.retoken(d, now, func(*row) time.Time { return time.Time{} })
	if err == nil {
		r.audit(now, Event{What: "reissued", Operator: by, Device: d.ID, Name: d.Name})
	}
	return t, err
}

// retoken gives a device another token. until alters its row besides, and says how long the
// token before is good.
func (r *Registry) retoken(d *device, now time.Time, until func(*row) time.Time) (Token, error) {
	next := d.row
	text, err := r.replaceToken(&next, now, until(&next))
	if err != nil {
		return Token{}, err
	}
	err = r.change(d, func(w *row) {
		w.Hash, w.Fresh, w.Old, w.OldUntil, w.RenewedAt = next.Hash, next.Fresh, next.Old, next.OldUntil, next.RenewedAt
	})
	return r.token(d, text), err
}

// token is what a device keeps.
func (r *Registry) token(d *device, text string) Token {
	a := r.access(d)
	t := Token{
		Text: text, Device: d.ID, RouterID: r.o.RouterID, RouterName: r.o.RouterName,
		Profile: d.Profile, Read: a.Read, Write: a.Write,
	}
	if d.Lifetime == LifetimeShow {
		t.Expires = d.Expires
	}
	return t
}

// failed says to a device that it was not let in because of the router, and to the operator
// why.
func (r *Registry) failed(now time.Time, name string, err error) *Error {
	r.audit(now, Event{What: "failed", Name: name, Detail: err.Error()})
	if errors.Is(err, ErrStorage) {
		return refuse(CodeInternal, notStored)
	}
	return refuse(CodeBusy, "The router cannot let another device in: %v", err)
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
