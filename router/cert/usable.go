// Whether clients get anywhere with a pair: files can be read, belong together, and still be of no use to anybody.

package cert

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net" //nolint:depguard // for a pipe in memory; no socket is opened
	"slices"
	"time"
)

// answerWithin bounds the handshake in memory, which takes milliseconds.
const answerWithin = 5 * time.Second

// Check says of two files what Open would: with err it would refuse them, with doubt it
// would only warn. A Keeper that has a pair takes neither.
func Check(certFile, keyFile string) (doubt, err error) {
	p, err := load(certFile, keyFile, nil)
	if err != nil {
		return nil, err
	}
	return p.usable(time.Now())
}

// usable returns an error if no handshake can succeed with the pair, and a doubt if only
// clients that look at certificates, as all should, refuse it.
func (p *pair) usable(now time.Time) (doubt, err error) {
	if err := p.answers(); err != nil {
		return nil, fmt.Errorf("no client can shake hands with the certificate %s and its key: %w: make them anew, with ECDSA P-256 or RSA of 2048 bits", p.certFile, err)
	}
	c := p.Leaf
	serves := len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
	switch err := p.outdated(now); {
	case err != nil:
		return err, nil
	case c.IsCA && c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return fmt.Errorf("the certificate %s is that of an authority, which signs others: name the router's own, that it has signed", p.certFile), nil
	case !serves:
		return fmt.Errorf("the certificate %s is not for servers: its extended key usage lacks serverAuth", p.certFile), nil
	case len(Names(c)) == 0:
		return fmt.Errorf("the certificate %s names no host: clients look for it in the subject alternative names, not in the common name", p.certFile), nil
	default:
		return nil, nil
	}
}

// answers shakes hands in memory, with a client that takes whatever is shown to it.
func (p *pair) answers() error {
	here, there := net.Pipe()
	defer there.Close()
	for _, end := range []net.Conn{here, there} {
		if err := end.SetDeadline(time.Now().Add(answerWithin)); err != nil {
			return err
		}
	}
	// Without tickets, which the server would go on to send after the handshake.
	server := tls.Server(here, &tls.Config{MinVersion: minVersion, Certificates: []tls.Certificate{p.Certificate}, SessionTicketsDisabled: true})
	client := tls.Client(there, &tls.Config{MinVersion: minVersion, InsecureSkipVerify: true}) //nolint:gosec // G402: whom to trust is not what is asked here
	served := make(chan error, 1)
	go func() {
		err := server.Handshake()
		_ = here.Close() // an alert about the key may never be sent; a client waits for the end
		served <- err
	}()
	err := client.Handshake()
	// The server knows why it gave up; the client is only told that it did.
	if why := <-served; why != nil {
		return why
	}
	return err
}
