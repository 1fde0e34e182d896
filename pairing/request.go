// Knocks over HTTP: each call is one of its own, and shows a device code to say whose it is.

package pairing

import (
	"crypto/sha256"
	"crypto/subtle"
)

const httpTransport = "http"

// Knock is a visit over HTTP. deviceCode is what its later calls show.
func (r *Registry) Knock(o Origin, want []string) (v *Visit, deviceCode string, refusal *Error) {
	now := r.enter()
	defer r.leave()
	o.Transport = httpTransport
	o = o.cleaned()
	if refusal = r.admissible(now, o); refusal != nil {
		r.requests[outcomeRefused]++
		return nil, "", refusal
	}
	if s := r.sourceOf(o.Source, now); !s.row.IsZero() && s.row.Add(rowEvery).After(now) {
		r.requests[outcomeRefused]++
		wait := s.row.Add(rowEvery).Sub(now)
		refusal = refuse(CodeRate, "A request came from this address a moment ago. Try again in %d s", seconds(wait))
		refusal.RetryAfter = wait
		return nil, "", refusal
	}
	if refusal = r.seat(now, o); refusal != nil {
		return nil, "", refusal
	}
	deviceCode, err := randomLink(r.o.Random)
	var k *knock
	if err == nil {
		k, err = r.newKnock(now, o)
	}
	if err != nil {
		return nil, "", r.failed(now, o.Name, err)
	}
	r.forgetAnswered()
	k.want = cleanAll(want, wishes)
	k.deviceCode = sha256.Sum256([]byte(deviceCode))
	return r.visit(now, k, nil), deviceCode, nil
}

// forgetAnswered bounds the requests over HTTP that are kept to be asked about.
func (r *Registry) forgetAnswered() {
	var oldest *knock
	answered := 0
	for _, k := range r.knocks {
		if k.overHTTP() && !k.pending() {
			if answered++; oldest == nil || k.over.Before(oldest.over) {
				oldest = k
			}
		}
	}
	if answered > rememberMost {
		r.drop(oldest)
	}
}

// Find returns the visit of an HTTP caller who knows its device code. Who does not is not
// told whether there is such a visit.
func (r *Registry) Find(id, deviceCode string) (*Visit, *Error) {
	now := r.enter()
	defer r.leave()
	sum := sha256.Sum256([]byte(deviceCode))
	for _, k := range r.knocks {
		if k.id == id && k.overHTTP() && subtle.ConstantTimeCompare(k.deviceCode[:], sum[:]) == 1 && len(k.visits) == 1 {
			k.visits[0].heard = now
			return k.visits[0], nil
		}
	}
	return nil, refuse(CodeUnauthorized, "There is no such request, or it is not yours. Send a new one")
}
