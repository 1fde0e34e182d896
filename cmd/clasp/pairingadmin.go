// What a running server does when a command asks for something about pairing. What the calls
// want and answer is in pairing_api.go.

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/admin"
)

// pairingAdmin answers the calls.
type pairingAdmin struct {
	router  *router.Router
	devices *devices
	links   func(secret string) ([]linkView, error)
}

// errOff is when there is nothing to ask about.
var errOff = errors.New("this router pairs no devices, and has none: start it with --pairing")

// routes adds the calls to a mux.
func (p *pairingAdmin) routes(mux *http.ServeMux) {
	for route, do := range map[string]func(*http.Request) (any, error){
		pairingRoute: p.view, pickRoute: p.pick, approveRoute: p.approve, denyRoute: p.deny,
		inviteRoute: p.invite, inviteStateRoute: p.inviteState, closeInviteRoute: p.closeInvite,
		unlockRoute: p.unlock, allowRoute: p.allow,
		devicesRoute: p.list, deviceRoute: p.show, renameDeviceRoute: p.rename, deviceProfileRoute: p.setProfile,
		deviceTokenRoute: p.token, revokeDeviceRoute: p.revoke, revokeAllRoute: p.revokeAll,
	} {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			answer, err := any(nil), errOff
			if p.devices.registry != nil {
				answer, err = do(r)
			}
			if err != nil {
				admin.Answer(w, statusOf(err), pairingRefusal{err.Error()})
				return
			}
			if answer == nil {
				answer = struct{}{}
			}
			admin.Answer(w, http.StatusOK, answer)
		})
	}
}

// refusal is an error of a kind of package pairing's, which its text does not name.
type refusal struct {
	text string
	kind error
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

func refuse(kind error, format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...), kind}
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, pairing.ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, pairing.ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, pairing.ErrConflict):
		return http.StatusConflict
	case errors.Is(err, pairing.ErrStorage), errors.Is(err, errOff):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// read takes the body of a call, which may be missing.
func read[T any](r *http.Request) (body T, err error) {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(&body); errors.Is(err, io.EOF) {
		return body, nil
	}
	if err == nil && decoder.More() {
		err = errors.New("there is more behind it")
	}
	if err != nil {
		err = refuse(pairing.ErrInvalid, "read the request: %v", err)
	}
	return body, err
}

// given is what the operator gives, in the words of package pairing.
func (g grantRequest) given(r *http.Request) pairing.Grant {
	return pairing.Grant{Name: g.Name, Profile: g.Profile, Lifetime: g.Lifetime, Weak: g.Weak, By: admin.Caller(r)}
}

func (p *pairingAdmin) view(*http.Request) (any, error) {
	registry := p.devices.registry
	o := registry.Overview()
	v := pairingView{
		RouterID: registry.RouterID(), Router: p.router.Name(), Enabled: o.Enabled, Approval: o.Policy,
		Locked: o.Locked, LockedWhy: o.LockedWhy, Misses: o.Misses, Devices: o.Devices,
		Grace:    int(p.devices.settings.Load().Grace / time.Second),
		Profiles: []profileView{}, Knocks: []knockView{}, Invites: []inviteView{},
	}
	for _, profile := range registry.Profiles() {
		v.Profiles = append(v.Profiles, profileView{
			Name: profile.Name, Read: append([]string{}, profile.Read...), Write: append([]string{}, profile.Write...), NoPIN: profile.NoPIN,
		})
	}
	for _, k := range registry.Knocks() {
		v.Knocks = append(v.Knocks, knockView(k))
	}
	for _, i := range registry.Invites() {
		shown, err := p.shownInvite(i)
		if err != nil {
			return nil, err
		}
		v.Invites = append(v.Invites, shown)
	}
	return v, nil
}

func (p *pairingAdmin) pick(r *http.Request) (any, error) {
	k, err := p.devices.registry.Pick(r.PathValue("id"), admin.Caller(r))
	return knockView(k), err
}

func (p *pairingAdmin) approve(r *http.Request) (any, error) {
	asked, err := read[grantRequest](r)
	if err != nil {
		return nil, err
	}
	return p.shown(p.devices.registry.Approve(r.PathValue("id"), asked.given(r)))
}

func (p *pairingAdmin) deny(r *http.Request) (any, error) {
	return nil, p.devices.registry.Deny(r.PathValue("id"), admin.Caller(r))
}

func (p *pairingAdmin) invite(r *http.Request) (any, error) {
	asked, err := read[inviteRequest](r)
	if err != nil {
		return nil, err
	}
	i, err := p.devices.registry.Invite(asked.given(r), asked.PIN)
	if err != nil {
		return nil, err
	}
	return p.shownInvite(i)
}

func (p *pairingAdmin) shownInvite(i pairing.Invite) (inviteView, error) {
	links, err := p.links(i.Secret)
	if err != nil {
		return inviteView{}, fmt.Errorf("find the addresses of this machine: %w", err)
	}
	g := i.Grant
	return inviteView{
		ID: i.ID, State: inviteOpen, Name: g.Name, Profile: g.Profile, Lifetime: cmp.Or(g.Lifetime, pairing.LifetimeSliding),
		PIN: i.PIN, Links: links, Expires: i.Expires,
	}, nil
}

func (p *pairingAdmin) inviteState(r *http.Request) (any, error) {
	fate, err := p.devices.registry.Fate(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	v := inviteView{ID: fate.Invite.ID, State: inviteExpired}
	switch {
	case fate.Open:
		return p.shownInvite(fate.Invite)
	case fate.Device != "":
		v.State = inviteUsed
		if d, err := p.find(fate.Device); err == nil { // else it has been revoked since
			shown := p.holding(d)
			v.Device = &shown
		}
	case fate.Used:
		v.State = inviteAwaits
	}
	return v, nil
}

func (p *pairingAdmin) closeInvite(r *http.Request) (any, error) {
	return nil, p.devices.registry.CloseInvite(r.PathValue("id"), admin.Caller(r))
}

func (p *pairingAdmin) unlock(r *http.Request) (any, error) {
	p.devices.registry.Unlock(admin.Caller(r))
	return nil, nil
}

func (p *pairingAdmin) allow(r *http.Request) (any, error) {
	asked, err := read[allowRequest](r)
	if err != nil {
		return nil, err
	}
	from, err := prefixOf(asked.From)
	if err != nil {
		return nil, err
	}
	return p.shown(p.devices.registry.Allow(asked.given(r), from))
}

// prefixOf reads an address or a prefix.
func prefixOf(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, refuse(pairing.ErrInvalid, "%q is neither an address (10.0.0.40) nor a network (10.0.0.0/24)", text)
	}
	return netip.PrefixFrom(address.WithZone(""), address.BitLen()), nil
}

func (p *pairingAdmin) list(*http.Request) (any, error) {
	list := []deviceView{}
	for _, d := range p.devices.registry.Devices() {
		list = append(list, p.holding(d))
	}
	return list, nil
}

func (p *pairingAdmin) show(r *http.Request) (any, error) {
	d, err := p.find(r.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	return p.losing(d), nil
}

// find returns a device by its ID or name.
func (p *pairingAdmin) find(ref string) (pairing.Device, error) {
	all := p.devices.registry.Devices()
	for _, same := range []func(pairing.Device) bool{
		func(d pairing.Device) bool { return d.ID == ref },
		func(d pairing.Device) bool { return strings.EqualFold(d.Name, ref) },
	} {
		if i := slices.IndexFunc(all, same); i >= 0 {
			return all[i], nil
		}
	}
	return pairing.Device{}, refuse(pairing.ErrUnknown, "no device has the name or ID %q", pairing.Clean(ref))
}

// shown is a device, or why there is none.
func (p *pairingAdmin) shown(d pairing.Device, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return p.holding(d), nil
}

// maxHeld is how many addresses are listed of those that a device has locked.
const maxHeld = 100

// maxWrote is how many addresses are listed of those that a device was the last to write.
const maxWrote = 10

// holding is a device with what its sessions hold.
func (p *pairingAdmin) holding(d pairing.Device) deviceView {
	v := deviceView{Device: d}
	if d.Online > 0 {
		if h := p.router.Holds(d.ID); h.Sessions > 0 {
			v.Holds = &holdsView{Locks: h.Locks[:min(len(h.Locks), maxHeld)], LockedIn: len(h.Locks), LastSent: h.Heard}
		}
	}
	return v
}

// losing is holding with what it was the last to write: all that its end may change.
func (p *pairingAdmin) losing(d pairing.Device) deviceView {
	v := p.holding(d)
	if v.Holds != nil {
		v.Holds.WroteIn, v.Holds.Wrote = p.router.LastWrote(d.ID, maxWrote)
	}
	return v
}

func (p *pairingAdmin) rename(r *http.Request) (any, error) {
	asked, err := read[renameRequest](r)
	if err != nil {
		return nil, err
	}
	return p.shown(p.devices.registry.Rename(r.PathValue("ref"), asked.Name, admin.Caller(r)))
}

func (p *pairingAdmin) setProfile(r *http.Request) (any, error) {
	asked, err := read[profileRequest](r)
	if err != nil {
		return nil, err
	}
	return p.shown(p.devices.registry.SetProfile(r.PathValue("ref"), asked.Profile, admin.Caller(r)))
}

func (p *pairingAdmin) token(r *http.Request) (any, error) {
	t, err := p.devices.registry.Reissue(r.PathValue("ref"), admin.Caller(r))
	if err != nil {
		return nil, err
	}
	return tokenView{
		Token: t.Text, DeviceID: t.Device, RouterID: t.RouterID, Router: t.RouterName, Profile: t.Profile,
		Read: t.Read, Write: t.Write, Expires: t.Expires,
	}, nil
}

// revoke answers with the device as it was, and what it held.
func (p *pairingAdmin) revoke(r *http.Request) (any, error) {
	was, err := p.find(r.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	v := p.losing(was)
	if _, err := p.devices.registry.Revoke(was.ID, admin.Caller(r)); err != nil {
		return nil, err
	}
	return v, nil
}

// revokeAll refuses when it does not know one that is to stay: its name may be misspelled.
func (p *pairingAdmin) revokeAll(r *http.Request) (any, error) {
	asked, err := read[revokeAllRequest](r)
	if err != nil {
		return nil, err
	}
	keep := make(map[string]bool)
	for _, ref := range asked.Keep {
		d, err := p.find(ref)
		if err != nil {
			return nil, err
		}
		keep[d.ID] = true
	}
	gone, err := p.devices.registry.RevokeAll(admin.Caller(r), func(d pairing.Device) bool { return keep[d.ID] })
	if err != nil {
		return nil, err
	}
	list := []deviceView{}
	for _, d := range gone {
		list = append(list, deviceView{Device: d})
	}
	return list, nil
}
