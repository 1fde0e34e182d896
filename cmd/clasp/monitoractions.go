// What the operator does at a dashboard, carried out: through the same code as the commands
// and the clients, with the same rules.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// Do carries out an action.
func (w *watched) Do(_ context.Context, a monitor.Action) (monitor.Result, error) {
	a.By = cmp.Or(a.By, operator())
	switch a.Kind {
	case monitor.Set:
		return w.set(a)
	case monitor.Emit:
		return w.emit(a)
	case monitor.Disconnect:
		return w.disconnect(a)
	case monitor.Ban:
		return w.ban(a)
	}
	registry := w.s.devices.registry
	if registry == nil {
		return monitor.Result{}, refuse(monitor.ErrOff, "%v", errOff)
	}
	r, err := w.pair(registry, a)
	return r, w.pairingError(registry, a, err)
}

// operator is whose terminal this is, for the audit log.
func operator() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "the dashboard"
}

func result(format string, args ...any) monitor.Result {
	return monitor.Result{Text: monitor.Clean(fmt.Sprintf(format, args...))}
}

// pair carries out what is about pairing.
func (w *watched) pair(registry *pairing.Registry, a monitor.Action) (monitor.Result, error) {
	grant := pairing.Grant{Name: a.Name, Profile: a.Profile, Lifetime: a.Lifetime, Weak: a.Weak, By: a.By}
	switch a.Kind {
	case monitor.Approve:
		d, err := registry.Approve(a.ID, grant)
		return result("%s is let in, with the profile %s", d.Name, d.Profile), err
	case monitor.Deny:
		return result("it is turned away"), registry.Deny(a.ID, a.By)
	case monitor.Pick:
		k, err := registry.Pick(a.ID, a.By)
		return result("its PIN is on the screen: type it on %s", k.Name), err
	case monitor.NewInvite:
		i, err := registry.Invite(grant, true)
		if err != nil {
			return monitor.Result{}, err
		}
		shown := shownInvite(i, w.drawnLinks(i))
		return monitor.Result{Text: "the invite is open", Invite: &shown}, nil
	case monitor.CloseInvite:
		return result("the invite is closed"), registry.CloseInvite(a.ID, a.By)
	case monitor.Unlock:
		registry.Unlock(a.By)
		return result("PINs of invites are taken again"), nil
	case monitor.Revoke:
		d, err := registry.Revoke(a.ID, a.By)
		return result("%s is out, and its token is worth nothing", d.Name), err
	case monitor.SetProfile:
		d, err := registry.SetProfile(a.ID, a.Profile, a.By)
		return result("%s has the profile %s", d.Name, d.Profile), err
	case monitor.Rename:
		d, err := registry.Rename(a.ID, a.Name, a.By)
		return result("it is called %s", d.Name), err
	default:
		return monitor.Result{}, refuse(monitor.ErrInvalid, "there is no action %q", string(a.Kind))
	}
}

// pairingError gives an error of package pairing its kind here. One that is against a request
// which is over is about something that has gone.
func (w *watched) pairingError(registry *pairing.Registry, a monitor.Action, err error) error {
	var kind error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, monitor.ErrInvalid), errors.Is(err, pairing.ErrInvalid):
		kind = monitor.ErrInvalid
	case errors.Is(err, pairing.ErrUnknown):
		kind = monitor.ErrGone
	case slices.Contains([]monitor.ActionKind{monitor.Approve, monitor.Deny, monitor.Pick}, a.Kind) &&
		!slices.ContainsFunc(registry.Knocks(), func(k pairing.Knock) bool { return k.ID == a.ID && open(k.State) }):
		kind = monitor.ErrGone
	default:
		kind = monitor.ErrRefused
	}
	return refuse(kind, "%s", monitor.Clean(err.Error()))
}

// open reports whether a request in that state can still be answered.
func open(state pairing.State) bool {
	return (&monitor.Knock{State: state}).Open()
}

// disconnect closes a session.
func (w *watched) disconnect(a monitor.Action) (monitor.Result, error) {
	if err := w.s.router.Disconnect(a.ID); err != nil {
		return monitor.Result{}, err
	}
	w.s.log.Info("session ended by the operator", "session", a.ID, "by", a.By)
	return result("the session is closed"), nil
}

// ban closes a session and keeps it out.
func (w *watched) ban(a monitor.Action) (monitor.Result, error) {
	what, err := w.s.router.Ban(a.ID)
	if err != nil {
		return monitor.Result{}, err
	}
	w.s.log.Warn("banned until the router restarts", "who", what, "by", a.By)
	return result("%s is banned until the router restarts", what), nil
}

// set writes a param as clasp set would.
func (w *watched) set(a monitor.Action) (monitor.Result, error) {
	v, err := valueOf(a)
	if err != nil {
		return monitor.Result{}, err
	}
	revision, err := w.s.router.Write(a.Address, v, a.By)
	return result("%s = %s, revision %d", a.Address, wire.AppendJSON(nil, v), revision), err
}

// emit publishes an event.
func (w *watched) emit(a monitor.Action) (monitor.Result, error) {
	v, err := valueOf(a)
	if err != nil {
		return monitor.Result{}, err
	}
	return result("%s emitted", a.Address), w.s.router.Emit(a.Address, v, a.By)
}

// valueOf reads the value of an action, which has to be of its type if it has one.
func valueOf(a monitor.Action) (wire.Value, error) {
	v, err := parseValue(a.Value)
	if err == nil {
		v, err = ofType(v, a.Type)
	}
	if err != nil {
		return v, refuse(monitor.ErrInvalid, "%s", monitor.Clean(err.Error()))
	}
	return v, nil
}

// ofType returns v if it is of a type, "" for any: a whole number is a float too, and numbers
// are widened on their way anyway.
func ofType(v wire.Value, want string) (wire.Value, error) {
	wide := func(name string) string {
		switch {
		case strings.HasPrefix(name, "i"):
			return "i64"
		case strings.HasPrefix(name, "f"):
			return "f64"
		}
		return name
	}
	has := typeNames[v.Code]
	switch {
	case want == "" || wide(has) == wide(want):
		return v, nil
	case !slices.Contains(typeNames, want):
		return v, fmt.Errorf("there is no type %q; there are %s", want, joinWords(typeNames))
	case wide(has) == "i64" && wide(want) == "f64":
		x, _ := v.Number() // it is one
		encoded, err := wire.AppendAny(nil, x)
		if err != nil {
			return v, inWords(err)
		}
		v, _, err = wire.ReadValue(encoded)
		return v, err
	default:
		return v, fmt.Errorf("the param is of type %s, and this is of type %s", want, has)
	}
}
