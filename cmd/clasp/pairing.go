// The paired devices of a running server: where they are kept, what the configuration says
// of them, and what the log hears.

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/metrics"
	"github.com/clasp-studio/clasp/router/store"
)

// devices are the paired ones of a server. Without a file of them, registry is nil: none
// comes in, and none can be paired until a restart.
type devices struct {
	registry *pairing.Registry
	path     string
	audit    *auditLog
	log      *slog.Logger
	settings atomic.Pointer[pairing.Settings] // in force
	moved    atomic.Uint64                    // with everything that happens about pairing
	asks     atomic.Pointer[prompt]           // who is woken when somebody comes or goes, nil = nobody
}

// openDevices opens the file of the paired devices. Pairing needs one; without pairing one
// that is there is opened all the same, for the devices that know their tokens. id tells
// which router this is.
func openDevices(c config.Config, id func() string, log *slog.Logger) (*devices, error) {
	d := &devices{log: log}
	settings := pairingSettings(c)
	d.settings.Store(&settings)
	path, err := devicesPath(c)
	if !settings.Enabled {
		if err != nil {
			return d, nil //nolint:nilerr // there is no file without a place for it
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return d, nil
		}
	}
	if err != nil {
		return nil, exitError{exitConfig, fmt.Errorf("pairing needs a place for its devices: give security.pairing.file (CLASP_SECURITY_PAIRING_FILE), or turn on --persist: %w", err)}
	}
	d.path, d.audit = path, newAuditLog(path+".audit.log", log)
	d.registry, err = pairing.Open(pairing.Options{
		Settings: settings, Path: path, RouterID: id(), RouterName: c.Name, Audit: d.happened,
	})
	switch {
	case err == nil:
		d.registry.OnKnock(d.knocked)
		return d, nil
	case settings.Enabled:
		return nil, devicesError(err)
	}
	log.Error("paired devices are not let in", "path", path, "error", err)
	d.registry = nil
	return d, nil
}

// devicesPath is where the devices are kept: where the configuration says, or beside the
// router's ID.
func devicesPath(c config.Config) (string, error) {
	if file := c.Security.Pairing.File; file != "" {
		return file, nil
	}
	return besideState(c, ".devices")
}

// devicesError gives an error of the devices' file its exit code.
func devicesError(err error) error {
	switch {
	case errors.As(err, new(*store.InUseError)):
		return exitError{exitDataInUse, fmt.Errorf("%w (security.pairing.file)", err)}
	case errors.Is(err, store.ErrNotWritable), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return exitError{exitNotWritable, fmt.Errorf("%w: see that this user may write there, or choose another file (security.pairing.file)", err)}
	}
	return err
}

// pairingSettings is what pairing may be told again while it runs.
func pairingSettings(c config.Config) pairing.Settings {
	p := c.Security.Pairing
	profiles := map[string]pairing.Profile{"default": {Read: p.Default.Read, Write: p.Default.Write}}
	for name, profile := range p.Profiles {
		profiles[name] = pairing.Profile{Read: profile.Read, Write: profile.Write, NoPIN: profile.NoPIN}
	}
	return pairing.Settings{
		Enabled: p.Enabled, Lobby: p.Lobby, Policy: pairing.Policy(p.Approval), Timeout: p.Timeout, Grace: p.Grace,
		Profiles: profiles, MaxPINs: p.MaxPINs, Encrypted: p.TLS,
	}
}

// pairingProblems are what only pairing itself can tell.
func pairingProblems(l *config.Loaded) config.Problems {
	if err := pairingSettings(l.Config).Check(); err != nil {
		return config.Problems{l.Problem("security.pairing.profiles", err.Error())}
	}
	return nil
}

// configure has other settings, which have been checked, hold from now on.
func (d *devices) configure(settings pairing.Settings) {
	if d.registry == nil {
		return
	}
	if err := d.registry.Configure(settings); err != nil {
		d.log.Error("pairing goes on with its old settings", "error", err)
		return
	}
	d.settings.Store(&settings)
}

// knocked is told when the list of those that wait has changed.
func (d *devices) knocked() {
	d.moved.Add(1)
	if p := d.asks.Load(); p != nil {
		p.wake()
	}
}

// pairs reports whether new devices can be paired.
func (d *devices) pairs() bool { return d.registry != nil && d.settings.Load().Enabled }

// metrics are nil where no device can be paired.
func (d *devices) metrics() func() metrics.Pairing {
	if d.registry == nil {
		return nil
	}
	return func() metrics.Pairing {
		o := d.registry.Overview()
		return metrics.Pairing{Open: o.Codes, Requests: o.Requests, Failures: o.Failures, Locked: o.Locked, Devices: o.Devices}
	}
}

// announce says at the start what pairing means for whoever connects.
func (d *devices) announce() {
	switch {
	case d.pairs():
		d.log.Info("pairing is on, and with it --require-auth: whoever connects shows a token or is let in",
			"approval", string(d.settings.Load().Policy), "devices", d.registry.Overview().Devices, "path", d.path)
	case d.registry != nil:
		d.log.Info("pairing is off: devices that are paired come in with their tokens", "devices", d.registry.Overview().Devices, "path", d.path)
	}
}

// happened writes what has happened to the audit log, and what matters to whoever runs the
// router to the other one.
func (d *devices) happened(e pairing.Event) {
	d.moved.Add(1)
	d.audit.write(e)
	level, text := slog.LevelDebug, e.What
	switch e.What {
	case "issued":
		level, text = slog.LevelInfo, "device paired"
	case "revoked":
		level, text = slog.LevelInfo, "device revoked"
	case "locked":
		level, text = slog.LevelWarn, "PINs of invites are locked: other ways in still work; unlock them with clasp paired unlock"
	case "failed":
		level, text = slog.LevelError, "a device could not be let in"
	}
	attrs := []any{"pairing", e.What}
	for _, a := range [][2]string{{"device", e.Device}, {"device_name", e.Name}, {"source", e.Source}, {"operator", e.Operator}, {"detail", e.Detail}} {
		if a[1] != "" {
			attrs = append(attrs, a[0], a[1])
		}
	}
	d.log.Log(context.Background(), level, text, attrs...)
}

// close writes down when devices were last seen. The router must have been closed.
func (d *devices) close() {
	if d.registry == nil {
		return
	}
	if err := d.registry.Close(); err != nil {
		d.log.Warn("when devices were last seen is not on disk", "path", d.path, "error", err)
	}
	d.audit.close()
}
