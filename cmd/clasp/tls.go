// clasp tls: make certificates for a network that has no authority of its own.

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/cert"
	"github.com/gofrs/flock"
	"github.com/spf13/cobra"
)

func newTLSCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tls",
		Short: "Make certificates for a network without the internet",
		Example: `  clasp tls init
  clasp tls init --renew`,
	}
	cmd.AddCommand(newTLSInitCommand())
	return cmd
}

func newTLSInitCommand() *cobra.Command {
	var (
		dir   string
		names []string
		days  int
		renew bool
	)
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a local authority, and a certificate for this machine",
		Long: fmt.Sprintf(`Make a certificate authority of your own, good for ten years, and a certificate for
this machine that it signs: for its name, its name with .local, localhost, and the
addresses of all its network cards. No network is needed.

Four files are made, and none is overwritten: ca.pem, which every device that connects
has to trust; ca-key.pem, which signs; cert.pem and key.pem, for the router.

Whoever has ca-key.pem can pass for any website to the devices that trust ca.pem. It is
only needed for --renew: keep it where nobody else gets it. It is not limited to your own
names, because the TLS of small devices refuses authorities that are.

A certificate is good for %d days at most: browsers and Apple's systems refuse longer
ones. --renew makes a new one in time, for the names of the old one and those that this
machine has by then. The devices notice nothing, and a running router takes it up by
itself.`, cert.MaxDays),
		Example: `  clasp tls init
  clasp tls init --dir /etc/clasp/tls --name router.studio.lan --name 10.0.0.5
  clasp tls init --renew`,
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "dir", "clasp-tls", "`DIR` for the files, made if it is not there")
	flags.StringArrayVar(&names, "name", nil, "Another `HOST` that clients connect to, a name or an IP address; may be repeated")
	flags.IntVar(&days, "days", cert.MaxDays, fmt.Sprintf("`N` days that the certificate is good for, at most %d", cert.MaxDays))
	flags.BoolVar(&renew, "renew", false, "Make a new certificate with the authority that is in DIR")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range names {
			if err := cert.CheckHost(name); err != nil {
				return usageError(cmd, fmt.Errorf("--name: %w", err))
			}
		}
		if days < 1 || days > cert.MaxDays {
			return usageError(cmd, fmt.Errorf("--days: %d is not between 1 and %d", days, cert.MaxDays))
		}
		where, err := filepath.Abs(dir) // what is printed works from anywhere
		if err != nil {
			return fmt.Errorf("find %s: %w", dir, err)
		}
		in := tlsFolder(where)
		hosts := slices.Concat(ownHosts(), names)
		if renew {
			made, err := in.renew(hosts, days)
			if err != nil {
				return err
			}
			in.explain(cmd.ErrOrStderr(), made)
			return in.command(cmd.OutOrStdout())
		}
		authority, made, err := in.create(hosts, days)
		if err != nil {
			return err
		}
		in.explain(cmd.ErrOrStderr(), made)
		in.explainTrust(cmd.ErrOrStderr(), authority)
		return in.command(cmd.OutOrStdout())
	}
	return cmd
}

// tlsFolder is where clasp tls init keeps its files.
type tlsFolder string

func (f tlsFolder) authority() string    { return filepath.Join(string(f), "ca.pem") }
func (f tlsFolder) authorityKey() string { return filepath.Join(string(f), "ca-key.pem") }
func (f tlsFolder) server() string       { return filepath.Join(string(f), "cert.pem") }
func (f tlsFolder) serverKey() string    { return filepath.Join(string(f), "key.pem") }

// create makes all four files or none.
func (f tlsFolder) create(hosts []string, days int) (authority, server cert.Files, err error) {
	for _, path := range []string{f.authority(), f.authorityKey(), f.server(), f.serverKey()} {
		if _, err := os.Lstat(path); err == nil {
			return authority, server, fmt.Errorf("%s already exists and is left as it is: make a new certificate by the same authority with --renew, or choose another folder with --dir", path)
		}
	}
	now := time.Now()
	authority, err = cert.MakeAuthority(fmt.Sprintf("CLASP on %s, %s", hosts[0], now.Format(time.DateOnly)), now)
	if err != nil {
		return authority, server, err
	}
	server, err = cert.MakeServer(authority, distinct(hosts), days, now)
	if err != nil {
		return authority, server, err
	}
	if err := os.MkdirAll(string(f), 0o755); err != nil {
		return authority, server, fmt.Errorf("make a folder for the certificates: %w", err)
	}
	var made []string
	for _, file := range []struct {
		path string
		text []byte
		mode fs.FileMode
	}{
		{f.authorityKey(), authority.Key, 0o600},
		{f.authority(), authority.Cert, 0o644},
		{f.serverKey(), server.Key, 0o600},
		{f.server(), server.Cert, 0o644},
	} {
		if err := writeNew(file.path, file.text, file.mode); err != nil {
			for _, path := range made {
				err = errors.Join(err, os.Remove(path))
			}
			return authority, server, err
		}
		made = append(made, file.path)
	}
	return authority, server, nil
}

// renew replaces the server's two files, one renewal after the other. A router that looks
// between the one file and the other keeps what it has until they match again.
func (f tlsFolder) renew(hosts []string, days int) (server cert.Files, err error) {
	authority, err := cert.ReadFiles(f.authority(), f.authorityKey())
	if err != nil {
		return server, fmt.Errorf("there is no authority to renew with: %w; without --renew, a new one is made", err)
	}
	turn := flock.New(f.authorityKey(), flock.SetFlag(os.O_RDONLY)) // the one file that all renewals leave as it is
	if err := turn.Lock(); err != nil {
		return server, fmt.Errorf("wait for other renewals in %s: %w", f, err)
	}
	defer func() { err = errors.Join(err, turn.Close()) }()

	old, err := cert.ReadFiles(f.server(), f.serverKey())
	switch {
	case err == nil:
		hosts = slices.Concat(hosts, cert.Names(old.Leaf))
	case !errors.Is(err, fs.ErrNotExist):
		return server, fmt.Errorf("the names of the old certificate are not to be had: %w; or remove both files, and give its names again", err)
	}
	if server, err = cert.MakeServer(authority, distinct(hosts), days, time.Now()); err != nil {
		return server, err
	}
	newKey, err := writeLike(f.serverKey(), server.Key, 0o600)
	if err != nil {
		return server, err
	}
	newCert, err := writeLike(f.server(), server.Cert, 0o644)
	if err != nil {
		return server, errors.Join(err, os.Remove(newKey))
	}
	if err := os.Rename(newKey, f.serverKey()); err != nil {
		return server, errors.Join(fmt.Errorf("replace the private key: %w", err), os.Remove(newKey), os.Remove(newCert))
	}
	if err := os.Rename(newCert, f.server()); err != nil {
		err = fmt.Errorf("replace the certificate after its key, which is new already: %w; remove both and run this again", err)
		return server, errors.Join(err, os.Remove(newCert))
	}
	return server, nil
}

// writeLike writes a new file beside old, with a name that nothing has, which whoever reads
// old may read too: a router that runs as a user of its own has been given that right once.
// mode is for when there is no old.
func writeLike(old string, text []byte, mode fs.FileMode) (path string, err error) {
	path, err = writeBeside(old, text)
	if err != nil {
		return "", err
	}
	like, err := os.Stat(old)
	switch {
	case err == nil:
		err = errors.Join(os.Chmod(path, like.Mode().Perm()), giveOwner(path, like))
	case errors.Is(err, fs.ErrNotExist):
		err = os.Chmod(path, mode)
	}
	if err != nil {
		err = fmt.Errorf("give %s the owner and the mode of %s: %w: run this as its owner, or as root", path, old, err)
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}

// ownHosts is what this machine is called and reached at, its own name first. Addresses
// that only mean something together with a network card (fe80::) are left out.
func ownHosts() []string {
	var hosts []string
	if name, err := os.Hostname(); err == nil {
		hosts = cert.HostNames(name)
	}
	hosts = append(hosts, "localhost", "127.0.0.1", "::1")
	addrs, _ := net.InterfaceAddrs() // without them, the names are what there is
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok && (n.IP.To4() != nil || !n.IP.IsLinkLocalUnicast()) {
			hosts = append(hosts, n.IP.String())
		}
	}
	return hosts
}

// distinct drops what was there before, and keeps the order.
func distinct(hosts []string) []string {
	var out []string
	for _, host := range hosts {
		if !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}

// command prints what runs the router.
func (f tlsFolder) command(w io.Writer) error {
	_, err := fmt.Fprintf(w, "clasp server --tls-cert %s --tls-key %s\n", quoted(f.server()), quoted(f.serverKey()))
	return err
}

func (f tlsFolder) explain(w io.Writer, server cert.Files) {
	_, _ = fmt.Fprintf(w, `clasp: made %s and its key.pem, good until %s, for
  %s
Renew it before that day with: clasp tls init --renew --dir %s
A router that runs with it takes up a new one by itself. It has to be able to read both
files; the command that starts it is printed below.
`, f.server(), server.Leaf.NotAfter.Local().Format(time.DateOnly), strings.Join(cert.Names(server.Leaf), "\n  "), quoted(string(f)))
}

func (f tlsFolder) explainTrust(w io.Writer, authority cert.Files) {
	_, _ = fmt.Fprintf(w, trust, f.authority(), spaced(sha256.Sum256(authority.Leaf.Raw)), quoted(f.authority()), f.authorityKey())
}

// trust is how the systems of our users take an authority in.
const trust = `
Every device that connects has to trust %[1]s. Bring it there (it is no secret),
and see that its SHA-256 fingerprint is
  %[2]s

  clasp        clasp sub --ca ca.pem --url wss://HOST:7330 '/**', or CLASP_CA=ca.pem
  Node         NODE_EXTRA_CA_CERTS=ca.pem node show.mjs
  Python       SSL_CERT_FILE=ca.pem python show.py (which then trusts nobody else)
  Debian       sudo cp ca.pem /usr/local/share/ca-certificates/clasp.crt && sudo update-ca-certificates
  Fedora       sudo cp ca.pem /etc/pki/ca-trust/source/anchors/clasp.pem && sudo update-ca-trust
  macOS        sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ca.pem
  Windows      as administrator: certutil -addstore -f ROOT ca.pem
  Firefox      Settings, Privacy & Security, View Certificates, Authorities, Import
  Chrome       as the system; on Linux: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n clasp -i ca.pem
  iOS, iPadOS  send ca.pem there and install the profile; then Settings, General, About,
               Certificate Trust Settings: turn it on
  Android      Settings, Security, Encryption & credentials, Install a certificate, CA certificate

On this machine: clasp sub --ca %[3]s --url wss://localhost:7330 '/**'
Keep %[4]s where nobody else gets it: it can sign for any host.

`

// spaced is a SHA-256 sum as the systems show it: pairs of digits with colons.
func spaced(sum [sha256.Size]byte) string {
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}

// quoted is a path as a shell takes it for one word: that of Windows in double quotes,
// which no path has in it there, every other one as POSIX says (XCU section 2.2.2).
func quoted(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,"
	switch {
	case runtime.GOOS == "windows" && strings.Trim(path, plain+`\`) == "", strings.Trim(path, plain) == "":
		return path
	case runtime.GOOS == "windows":
		return `"` + path + `"`
	default:
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
}
