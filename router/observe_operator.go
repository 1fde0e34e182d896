// What the operator does while looking on: ends a session, keeps one out, sets a value. Values
// go the way of every SET, and so meet locks, strategies, limits and the disk.

package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// operatorID is the writer of what the operator sets, where sessions have a UUID, and
// operatorName its name.
const (
	operatorID   = "operator"
	operatorName = "operator"
)

// newOperator makes the session that nobody is connected as. It has ended from the start: it
// is in no registry, holds no locks, and gets nothing.
func newOperator(r *Router) *Session {
	s := &Session{router: r, id: operatorID, name: operatorName, rights: allRights, peer: Peer{Transport: "dashboard"}}
	s.held.gone, s.gestures.gone = true, true
	s.out.closing, s.out.gone = ReasonClientClosed, true
	s.ending.Store(true)
	return s
}

// Disconnect ends a session; its client may come again. The error is monitor.ErrGone, for one
// that is ending already too. What the
// client is told goes out behind what waits for it, for three seconds at most.
func (r *Router) Disconnect(id string) error {
	s, err := r.greeted(id)
	if err != nil {
		return err
	}
	b := r.begin()
	defer b.finish(r)
	if !s.end(b, ReasonDisconnected, wire.CodeNoSession, "The operator has ended this session.") {
		return fmt.Errorf("%w: the session is ending", monitor.ErrGone)
	}
	return nil
}

// Write sets an address, given as Addresses shows it, as a SET at confirm would that nobody's
// session has sent: no session is told that does not subscribe, and no lock is taken. by is for
// the log. It may wait for a commit to the same address that is on its way to the disk.
func (r *Router) Write(shown string, v wire.Value, by string) (revision uint64, err error) {
	b := r.begin()
	defer b.finish(r)
	m := wire.Set{Address: []byte(addressOf(shown)), Value: v}
	err = r.operator.write(b, wire.Confirm, &m, false, func(p *paramEntry) {
		revision = p.Revision
		r.operator.tell(b, p, wire.Confirm)
	})
	if err != nil {
		return 0, r.inKinds(err, &m)
	}
	r.log.Info("value set by the operator", "address", shown, "revision", revision, "by", by)
	return revision, nil
}

// Emit sends an event, as a PUBLISH would that nobody's session has sent. by is for the log.
func (r *Router) Emit(shown string, v wire.Value, by string) error {
	b := r.begin()
	defer b.finish(r)
	m := wire.Publish{Signal: wire.Event, Address: []byte(addressOf(shown)), HasValue: true, Value: v}
	payload := wire.AppendPublish(nil, m)
	if len(payload) > wire.MaxPayload {
		return fmt.Errorf("%w: the value is too large to send", monitor.ErrInvalid)
	}
	if _, err := r.operator.publish(b, &m, payload); err != nil {
		return r.inKinds(err, &wire.Set{Address: m.Address})
	}
	if r.log.Enabled(context.Background(), slog.LevelInfo) {
		r.log.Info("event sent by the operator", "address", shown, "by", by)
	}
	return nil
}

// inKinds turns an error for a client into one for the operator.
func (r *Router) inKinds(err error, m *wire.Set) error {
	var refused *wire.ProtocolError
	if !errors.As(err, &refused) {
		return err
	}
	kind := monitor.ErrRefused
	text := refused.Message
	switch refused.Code {
	case wire.CodeBadAddress, wire.CodeBadMessage, wire.CodeBadValue:
		kind = monitor.ErrInvalid
	case wire.CodeNoSession, wire.CodeNotFound:
		kind = monitor.ErrGone
	case wire.CodeLocked:
		if p := r.params.Find(m.Address); p != nil {
			w := r.viewer()
			var row monitor.Value
			if w.row(p, &row); row.HolderName != "" {
				text += " (" + row.HolderName + ")"
			}
		}
	}
	return fmt.Errorf("%w: %s", kind, monitor.Clean(text))
}
