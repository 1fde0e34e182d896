// Knocks: rows on the operator's screen, each with the visit that stands behind it.

package pairing

import (
	"crypto/sha256"
	"slices"
	"time"
)

// knock is a row. Its states are those of section 2 of the pairing page.
type knock struct {
	id, match string
	origin    Origin // cleaned
	want      []string
	state     State
	code      *code  // shown now
	by        string // who has asked for it
	grant     Grant  // what the right code of an invite has given, until the operator agrees
	greeting  *spent // that code, if it came in a HELLO: its device may come back with it

	visits  []*Visit // none while its device is away, else one
	issuing bool     // the disk writes its device: nobody else may come to stand behind it
	since   time.Time
	shown   time.Time // on the operator's screen from then on
	seen    bool      // it has been there
	empty   time.Time // nobody has stood behind it since then; zero = somebody does

	deviceCode [sha256.Size]byte // of a request over HTTP
	over       time.Time         // when a request over HTTP was settled

	device string // once issued
	token  Token  // while it can be fetched
	until  time.Time
}

// pending reports whether the operator, or a code, can still decide.
func (k *knock) pending() bool {
	switch k.state {
	case StateWaiting, StateCode, StateBurned, StateExpired, StateAwait:
		return true
	}
	return false
}

// onScreen reports whether the operator sees it.
func (k *knock) onScreen() bool { return k.pending() && k.seen && len(k.visits) > 0 }

func (k *knock) overHTTP() bool { return k.origin.Transport == httpTransport }

// cleaned makes harmless what a device says of itself.
func (o Origin) cleaned() Origin {
	o.Name, o.Kind, o.Remote, o.Transport = Clean(o.Name), clean(o.Kind), clean(o.Remote), clean(o.Transport)
	return o
}

// newKnock makes a row. The operator sees it as soon as somebody stands behind it, unless
// its source has just had one.
func (r *Registry) newKnock(now time.Time, o Origin) (*knock, error) {
	k := &knock{origin: o, state: StateWaiting, since: now}
	var err error
	k.id, err = fresh(func() (string, error) { return randomText(r.o.Random, idLength) }, func(id string) bool { return r.knock(id) != nil })
	if err == nil {
		k.match, err = fresh(r.newMatch, func(match string) bool {
			return slices.ContainsFunc(r.knocks, func(k *knock) bool { return k.pending() && k.match == match })
		})
	}
	if err != nil {
		return nil, err
	}
	s := r.sourceOf(o.Source, now)
	k.shown = now
	if next := s.row.Add(rowEvery); !s.row.IsZero() && next.After(now) {
		k.shown = next
	}
	r.knocks = append(r.knocks, k)
	return k, nil
}

// unveil shows a row when its time has come.
func (r *Registry) unveil(now time.Time, k *knock) {
	if k.seen || k.shown.After(now) || !k.pending() || len(k.visits) == 0 {
		return
	}
	s := r.sourceOf(k.origin.Source, now)
	if next := s.row.Add(rowEvery); !s.row.IsZero() && next.After(now) {
		k.shown = next // another one of this source came first
		return
	}
	s.row, k.seen = now, true
	r.audit(now, Event{What: "knock", Source: k.origin.Remote, Name: k.origin.Name, Detail: "request " + k.id + " over " + k.origin.Transport})
	r.listChanged()
}

// newMatch makes two pairs of digits that two people can compare.
func (r *Registry) newMatch() (string, error) {
	text, err := randomDigits(r.o.Random, 4)
	if err != nil {
		return "", err
	}
	return text[:2] + "-" + text[2:], nil
}

// knock returns a row by its ID.
func (r *Registry) knock(id string) *knock {
	for _, k := range r.knocks {
		if k.id == id {
			return k
		}
	}
	return nil
}

// visit puts a visit behind a row.
func (r *Registry) visit(now time.Time, k *knock, notify func()) *Visit {
	v := &Visit{r: r, knock: k, notify: notify, heard: now}
	k.visits = append(k.visits, v)
	k.empty = time.Time{}
	r.unveil(now, k)
	r.listChanged()
	return v
}

// hide closes a row's code.
func (r *Registry) hide(now time.Time, k *knock) {
	if k.code != nil {
		r.spend(now, k.code.text)
		k.code = nil
	}
}

// settle ends what was pending.
func (r *Registry) settle(now time.Time, k *knock, state State, outcome string) {
	r.hide(now, k)
	k.state, k.over, k.token = state, now, Token{}
	if outcome != "" {
		r.requests[outcome]++
	}
	for _, v := range k.visits {
		r.notify(v)
	}
	r.listChanged()
}

// accept makes a device of a row, and lets in who stands behind it, if that one has not left
// while the disk wrote. When it fails nothing has changed.
func (r *Registry) accept(now time.Time, k *knock, g Grant) (*device, error) {
	k.issuing = true
	d, text, err := r.issue(now, newcomer{Origin: k.origin, grant: g, tokenless: !k.overHTTP() && !g.Weak})
	k.issuing = false
	if err != nil {
		return nil, err
	}
	r.hide(now, k)
	k.state, k.device, k.over, k.until = StateIssued, d.ID, now, now.Add(tokenShownFor)
	if text != "" {
		k.token = r.token(d, text)
	}
	for _, over := range r.spent {
		if over.knock == k.id { // its invite has waited for this
			over.device = d.ID
		}
	}
	for _, v := range k.visits {
		if k.overHTTP() {
			v.access = r.access(d)
		} else {
			v.access = r.open(d, now)
		}
		r.notify(v)
	}
	r.listChanged()
	return d, nil
}

// activate ends the time in which a token can be fetched.
func (r *Registry) activate(k *knock) {
	k.state, k.token = StateActive, Token{}
	for _, v := range k.visits {
		r.notify(v)
	}
}

// notifyWaiting tells all whose status depends on whether an invite PIN is open.
func (r *Registry) notifyWaiting() {
	for _, k := range r.knocks {
		if k.pending() {
			for _, v := range k.visits {
				r.notify(v)
			}
		}
	}
}

func (r *Registry) notify(v *Visit) {
	if v.notify != nil {
		r.said.add(v.notify)
	}
}
