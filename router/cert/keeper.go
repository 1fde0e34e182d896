// Package cert keeps the certificate that a router shows in TLS: it takes up new files
// while the router runs, says when they are bad or about to expire, and makes some for a
// network without the internet.
package cert

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is how often the files are looked at. Their content is what counts: it
	// is short, and neither times nor inodes tell of every way to replace a file.
	lookEvery = 5 * time.Second
	// remindBefore and remindEvery say when whoever runs the router hears of the expiry.
	remindBefore = 14 * 24 * time.Hour
	remindEvery  = 24 * time.Hour
	// minVersion is what every client of the last ten years speaks.
	minVersion = tls.VersionTLS12
)

// Keeper holds the newest good certificate. Any goroutine may use it.
type Keeper struct {
	log    *slog.Logger
	pair   atomic.Pointer[pair] // what handshakes get
	stop   chan struct{}
	once   sync.Once
	looked sync.WaitGroup

	mu       sync.Mutex // held while the pair is replaced, and by a look
	reminded time.Time  // of the expiry of this pair
	doubt    string     // what was wrong with the files at the last look
	told     bool       // and has been said
}

// Open loads a certificate chain and its private key, both PEM files, the router's own
// certificate first, and watches them until Close. Files that make no pair, or one that no
// client could use, are an error that names the file and what to do. What only clients that
// look at certificates refuse, an expired one for example, is not: the router starts with it
// and warns, so that a restart at the wrong time does not end the show.
func Open(certFile, keyFile string, log *slog.Logger) (*Keeper, error) {
	p, err := load(certFile, keyFile, nil)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	doubt, err := p.usable(now)
	if err != nil {
		return nil, err
	}
	k := &Keeper{log: log, stop: make(chan struct{})}
	k.use(p)
	if doubt != nil && !now.After(p.Leaf.NotAfter) { // expiry is what remind says
		log.Warn("clients refuse the certificate", "error", doubt)
	}
	k.looked.Go(k.watch)
	return k, nil
}

// Config is for a server: TLS 1.2 and newer with Go's choice of ciphers, HTTP/1.1 only,
// because WebSocket needs it. Every handshake gets the newest certificate.
func (k *Keeper) Config() *tls.Config {
	return &tls.Config{
		MinVersion: minVersion,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &k.pair.Load().Certificate, nil
		},
	}
}

// Expires is when the certificate in use ends.
func (k *Keeper) Expires() time.Time { return k.pair.Load().Leaf.NotAfter }

// Hosts are the DNS names of the certificate in use; a * may stand for the first label.
func (k *Keeper) Hosts() []string { return k.pair.Load().Leaf.DNSNames }

// Fingerprint is the SHA-256 of the public key in use (RFC 7469 section 2.4: of its
// SubjectPublicKeyInfo), which stays the same when a certificate is renewed for it.
func (k *Keeper) Fingerprint() [sha256.Size]byte {
	return sha256.Sum256(k.pair.Load().Leaf.RawSubjectPublicKeyInfo)
}

// Close ends watching the files. Handshakes go on with what is there.
func (k *Keeper) Close() {
	k.once.Do(func() { close(k.stop) })
	k.looked.Wait()
}

// Prepare reads and checks two files, the same or others; use takes them up at once and
// reports which of the two holds something else than the one before. On an error everything
// stays as it was: what Open only warns of is one here, because the old pair is no worse.
// What is in use already is no error, whatever has become of it.
func (k *Keeper) Prepare(certFile, keyFile string) (use func() (cert, key bool), err error) {
	next, err := k.next(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	return func() (cert, key bool) {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.swap(next)
	}, nil
}

// next loads what may take the place of the pair in use.
func (k *Keeper) next(certFile, keyFile string) (*pair, error) {
	old := k.pair.Load()
	next, err := load(certFile, keyFile, old)
	if err != nil || next.sum == old.sum {
		return next, err
	}
	doubt, err := next.usable(time.Now())
	return next, cmp.Or(err, doubt)
}

// swap takes up next, which may have other names only.
func (k *Keeper) swap(next *pair) (cert, key bool) {
	old := k.pair.Load()
	if next.sum == old.sum {
		k.pair.Store(next)
		return false, false
	}
	k.log.Info("new certificate in use", "path", next.certFile, "expires", moment(next.Leaf.NotAfter), "names", Names(next.Leaf))
	k.use(next)
	return next.sum.cert != old.sum.cert, next.sum.key != old.sum.key
}

func (k *Keeper) watch() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-k.stop:
			return
		case <-ticker.C:
			k.look()
		}
	}
}

// look takes up the files if they have changed.
func (k *Keeper) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.pair.Load()
	next, err := k.next(old.certFile, old.keyFile)
	switch {
	case err != nil:
		k.refuse(err)
	case next.sum != old.sum:
		k.swap(next)
	default:
		k.doubt = ""
		k.remind()
	}
}

// refuse says once what is wrong with the files, and only when it is still wrong at the
// second look: at the first one, one file may be new and the other not yet.
func (k *Keeper) refuse(err error) {
	if text := err.Error(); text != k.doubt {
		k.doubt, k.told = text, false
	} else if !k.told {
		k.told = true
		k.log.Error("the new certificate is not used, the old one stays in force", "error", err)
	}
	k.remind()
}

// use gives p to all handshakes from now on.
func (k *Keeper) use(p *pair) {
	k.pair.Store(p)
	k.doubt, k.reminded = "", time.Time{}
	if p.exposed {
		k.log.Warn("every user of this machine may read or change the private key: take that right away, with chmod 600", "path", p.keyFile)
	}
	k.remind()
}

// remind says that the certificate is about to expire, or has.
func (k *Keeper) remind() {
	now, p := time.Now(), k.pair.Load()
	end := p.Leaf.NotAfter
	left, expired := end.Sub(now), now.After(end)
	justExpired := expired && !k.reminded.After(end)
	if left >= remindBefore || now.Sub(k.reminded) < remindEvery && !justExpired {
		return
	}
	k.reminded = now
	if expired {
		k.log.Error("clients refuse the certificate", "error", p.outdated(now))
		return
	}
	k.log.Warn("the certificate expires soon: renew it", "path", p.certFile, "expires", moment(end), "days", int(left/(24*time.Hour)))
}
