// The admin socket of a running server, for the commands that act on it. A router
// without it is a router all the same.

package main

import (
	"net/http"
	"os"
	"time"

	"github.com/clasp-studio/clasp/router/admin"
	"github.com/clasp-studio/clasp/router/monitor/remote"
)

const reloadRoute = "POST /reload"

// lookEvery is how often the socket is looked for. systemd takes the directory away when
// the last session of its user ends.
const lookEvery = 5 * time.Second

// openAdmin opens the socket of a server whose WebSocket port is open, unless it is there.
// Why it cannot is said once.
func (s *server) openAdmin() {
	if s.admin != nil && s.admin.Reachable() {
		return
	}
	if s.admin != nil {
		s.admin.Close()
		s.admin = nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc(reloadRoute, s.serveReload)
	at, port := addressOf(s.running.Bind), portOfAddr(s.ws.Addr()) // with port 0 another one than was asked for
	(&pairingAdmin{s.router, s.devices, func(secret string) ([]linkView, error) { return inviteLinks(at, port, s.certs, secret) }}).routes(mux)
	remote.Routes(mux, s.watched, s.watched.start)
	opened, err := admin.Listen(port, mux, s.log.Logger)
	if err != nil {
		if s.noAdmin != err.Error() {
			s.log.Error("no admin socket: commands such as clasp reload do not reach this router, send it SIGHUP instead", "pid", os.Getpid(), "error", err)
		}
		s.noAdmin = err.Error()
		return
	}
	s.admin, s.noAdmin = opened, ""
	s.log.Debug("admin socket open", "path", s.admin.Path())
}

// serveReload has run do it, so that it happens between two signals.
func (s *server) serveReload(w http.ResponseWriter, r *http.Request) {
	answer := make(chan reloaded, 1)
	select {
	case s.reloads <- answer:
	case <-s.stopping:
		http.Error(w, "the router is stopping", http.StatusServiceUnavailable)
		return
	case <-r.Context().Done():
		return
	}
	select {
	case done := <-answer:
		status := http.StatusOK
		if !done.OK {
			status = http.StatusUnprocessableEntity
		}
		done.Router, done.Address, done.PID = s.router.Name(), s.ws.Addr().String(), os.Getpid()
		admin.Answer(w, status, done)
	case <-r.Context().Done():
	}
}
