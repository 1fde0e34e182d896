// A keeper under changing, bad and expiring files, and what it agrees on with clients.

package cert_test

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clasp-studio/clasp/router/cert"
)

// looks is longer than two looks at the files take.
const looks = 15 * time.Second

const day = 24 * time.Hour

// In these tests time is that of a bubble: it stands while anything runs.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestHandshake: who is let in, and what is agreed on.
func TestHandshake(t *testing.T) {
	f := newFolder(t)
	f.write(t, server(t, "studio.local", 90))
	k := opened(t, f, new(logged))
	agreed, err := handshake(k.Config(), &tls.Config{RootCAs: pool(t), ServerName: "studio.local", NextProtos: []string{"h2", "http/1.1"}})
	if err != nil || agreed.NegotiatedProtocol != "http/1.1" || agreed.Version != tls.VersionTLS13 {
		t.Errorf("%v, protocol %q, TLS %#x", err, agreed.NegotiatedProtocol, agreed.Version)
	}
	if _, err := handshake(k.Config(), &tls.Config{RootCAs: pool(t), ServerName: "studio.local", MaxVersion: tls.VersionTLS12}); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	for name, client := range map[string]*tls.Config{
		"TLS 1.1":          {RootCAs: pool(t), ServerName: "studio.local", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"only HTTP/2":      {RootCAs: pool(t), ServerName: "studio.local", NextProtos: []string{"h2"}},
		"another host":     {RootCAs: pool(t), ServerName: "other.local"},
		"without the root": {RootCAs: x509.NewCertPool(), ServerName: "studio.local"},
	} {
		if _, err := handshake(k.Config(), client); err == nil {
			t.Errorf("%s: the handshake succeeds", name)
		}
	}
}

// TestFilesChange: new files are taken up by themselves, whichever comes first, and nothing is said about the moment
// in which only one of them is new.
func TestFilesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := newFolder(t), new(logged)
		f.write(t, server(t, "one", 90))
		k := opened(t, f, log)
		settle(looks)
		log.expect(t)

		f.write(t, server(t, "two", 90))
		settle(looks)
		log.expect(t, `level=INFO msg="new certificate in use" path=`+f.cert)
		shows(t, k, "two")

		three := server(t, "three", 90)
		write(t, f.key, three.Key)
		settle(5 * time.Second) // the keeper looks once
		shows(t, k, "two")
		write(t, f.cert, three.Cert)
		settle(looks)
		log.expect(t, "new certificate in use")
		shows(t, k, "three")
	})
}

// TestReplacedByRename is how an ACME client and a Kubernetes secret change files.
func TestReplacedByRename(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skipf("%s: symbolic links need a right of their own on Windows", t.Name())
	}
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for _, host := range []string{"one", "two"} {
			if err := os.Mkdir(filepath.Join(dir, host), 0o700); err != nil {
				t.Fatal(err)
			}
			folder{filepath.Join(dir, host, "cert.pem"), filepath.Join(dir, host, "key.pem")}.write(t, server(t, host, 90))
		}
		now := filepath.Join(dir, "now")
		if err := os.Symlink("one", now); err != nil {
			t.Fatal(err)
		}
		k := opened(t, folder{filepath.Join(now, "cert.pem"), filepath.Join(now, "key.pem")}, new(logged))
		if err := os.Symlink("two", now+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(now+".new", now); err != nil {
			t.Fatal(err)
		}
		settle(looks)
		shows(t, k, "two")
	})
}

// badFiles are two files and what is said of them. Some are still good enough to start with.
type badFiles struct {
	files  cert.Files
	says   string
	starts bool
}

// bad are files that are never taken for others. What is said names the file and what to do; a key's bytes are never in it.
func bad(t *testing.T) map[string]badFiles {
	t.Helper()
	good, other := server(t, "bad", 90), server(t, "other", 90)
	now := time.Now()
	anAuthority, err := cert.MakeAuthority("bad", now)
	if err != nil {
		t.Fatal(err)
	}
	key := pemKey(t, good)
	damaged := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("damaged")})
	host := []string{"bad"}
	key256, key224 := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P224())
	return map[string]badFiles{
		"empty certificate":     {cert.Files{Cert: nil, Key: good.Key}, "cert.pem cannot be read: the file is empty", false},
		"empty key":             {cert.Files{Cert: good.Cert, Key: nil}, "key.pem cannot be read: the file is empty", false},
		"no PEM":                {cert.Files{Cert: []byte("hello"), Key: good.Key}, "cert.pem holds no certificate in PEM form", false},
		"no PEM key":            {cert.Files{Cert: good.Cert, Key: []byte("hello")}, "key.pem holds no private key in PEM form", false},
		"swapped":               {cert.Files{Cert: good.Key, Key: good.Cert}, `cert.pem holds "PRIVATE KEY" and no certificate: were the certificate and the key swapped?`, false},
		"certificate as key":    {cert.Files{Cert: good.Cert, Key: good.Cert}, `key.pem holds "CERTIFICATE" and no private key: were`, false},
		"another key":           {cert.Files{Cert: good.Cert, Key: other.Key}, "key.pem belongs to another certificate than", false},
		"authority first":       {cert.Files{Cert: slices.Concat(authority.Cert, good.Cert), Key: good.Key}, "own certificate is number 2 in", false},
		"damaged certificate":   {cert.Files{Cert: damaged, Key: good.Key}, "certificate 1 in ", false},
		"damaged second":        {cert.Files{Cert: slices.Concat(good.Cert, damaged), Key: good.Key}, "certificate 2 in ", false},
		"cut certificate":       {cert.Files{Cert: good.Cert[:len(good.Cert)/2], Key: good.Key}, "holds no certificate in PEM form", false},
		"damaged key":           {cert.Files{Cert: good.Cert, Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key[:20]})}, "or it is damaged: copy or make it anew", false},
		"encrypted key":         {cert.Files{Cert: good.Cert, Key: pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: key})}, "is encrypted, and a router starts without anyone", false},
		"encrypted in old form": {cert.Files{Cert: good.Cert, Key: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: key})}, "is encrypted, and a router starts without anyone", false},
		"key that cannot sign":  {cert.Files{Cert: good.Cert, Key: exchangeKey(t)}, "of a kind that cannot sign", false},
		"expired":               {serverAt(t, "old", 30, now.Add(-31*day)), "expired on ", true},
		"not valid yet":         {serverAt(t, "young", 30, now.Add(31*day)), "is not valid before ", true},
		"no host":               {signedBySelf(t, key256, x509.Certificate{}), "names no host: clients look for it in the subject alternative names", true},
		"for clients":           {signedBySelf(t, key256, x509.Certificate{DNSNames: host, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}), "is not for servers", true},
		"for a strange use":     {signedBySelf(t, key256, x509.Certificate{DNSNames: host, UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 2, 3}}}), "is not for servers", true},
		"authority":             {anAuthority, "is that of an authority, which signs others", true},
		"P-224":                 {signedBySelf(t, key224, x509.Certificate{DNSNames: host}), "no client can shake hands with", false},
		"RSA of 512 bits":       {weak(t, 512), "no client can shake hands with", false},
		"RSA of 768 bits":       {weak(t, 768), "no client can shake hands with", false},
	}
}

func pemKey(t *testing.T, files cert.Files) []byte {
	t.Helper()
	block, _ := pem.Decode(files.Key)
	if block == nil {
		t.Fatal("the key is not PEM")
	}
	return block.Bytes
}

// TestBadFiles: a bad pair keeps the old one, whether it is found by itself, which is said once, or by a reload, which
// returns it; and the way back is open.
func TestBadFiles(t *testing.T) {
	for name := range bad(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, log := newFolder(t), new(logged)
				good := server(t, "good", 90)
				f.write(t, good)
				k := opened(t, f, log)
				this := bad(t)[name]
				f.write(t, this.files)
				settle(time.Minute)
				log.expect(t, `level=ERROR msg="the new certificate is not used, the old one stays in force" error=`)
				_, err := k.Prepare(f.cert, f.key)
				if err == nil || !strings.Contains(err.Error(), this.says) {
					t.Errorf("a reload says %v, want %s", err, this.says)
				}
				for line := range strings.Lines(string(this.files.Key)) {
					if err != nil && len(line) > 40 && strings.Contains(err.Error(), line[:40]) {
						t.Errorf("the key is in the error: %v", err)
					}
				}
				settle(time.Minute)
				log.expect(t) // it has been said
				shows(t, k, "good")

				f.write(t, good)
				settle(time.Minute)
				log.expect(t)
				f.write(t, this.files)
				settle(time.Minute)
				log.expect(t, "the new certificate is not used") // anew
				f.write(t, server(t, "better", 90))
				settle(time.Minute)
				log.expect(t, "new certificate in use")
				shows(t, k, "better")
			})
		})
	}
}

// TestStart: files with which no handshake can succeed keep the router from starting; an expired certificate does not. Check
// says both beforehand.
func TestStart(t *testing.T) {
	for name, test := range bad(t) {
		f, log := newFolder(t), new(logged)
		f.write(t, test.files)
		if doubt, err := cert.Check(f.cert, f.key); (err == nil) != test.starts || (doubt != nil) != test.starts || !strings.Contains(fmt.Sprint(doubt, err), test.says) {
			t.Errorf("%s: the check says %v, %v", name, doubt, err)
		}
		k, err := cert.Open(f.cert, f.key, log.logger())
		if test.starts {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			k.Close()
			if text := log.take(); !strings.Contains(text, "clients refuse the certificate") || !strings.Contains(text, test.says) {
				t.Errorf("%s: the log says %s", name, text)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %s", name, err, test.says)
		}
	}
	f := newFolder(t)
	f.write(t, server(t, "a", 90))
	for _, missing := range []folder{{f.cert + "x", f.key}, {f.cert, f.key + "x"}, {filepath.Dir(f.cert), f.key}} {
		if _, err := cert.Open(missing.cert, missing.key, new(logged).logger()); err == nil ||
			!strings.Contains(err.Error(), "check the path") && !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%v: %v", missing, err)
		}
	}
}

// TestMissing: files that go away are like bad ones.
func TestMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := newFolder(t), new(logged)
		f.write(t, server(t, "one", 90))
		k := opened(t, f, log)
		if err := os.Remove(f.key); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
		log.expect(t, "key.pem cannot be read: no such file or directory: check the path")
		shows(t, k, "one")
	})
}

// TestExposedKey: a key that everybody may read is used, and said.
func TestExposedKey(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skipf("%s: Windows has no such modes", t.Name())
	}
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true, 0o602: true} {
		f, log := newFolder(t), new(logged)
		f.write(t, server(t, "one", 90))
		if err := os.Chmod(f.key, mode); err != nil {
			t.Fatal(err)
		}
		opened(t, f, log).Close()
		if got := strings.Contains(log.take(), "chmod 600"); got != warned {
			t.Errorf("mode %o: warned %v", mode, got)
		}
	}
}

// TestReminders: from fourteen days before the end, once at the start and then daily.
func TestReminders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := newFolder(t), new(logged)
		f.write(t, server(t, "one", 15))
		k := opened(t, f, log)
		if want := time.Now().Add(15 * day).Truncate(time.Second); !k.Expires().Equal(want) {
			t.Errorf("expires %v, want %v", k.Expires(), want)
		}
		settle(day - time.Minute)
		log.expect(t)
		settle(2 * time.Minute)
		log.expect(t, `level=WARN msg="the certificate expires soon: renew it" path=`+f.cert)
		settle(day - time.Hour)
		log.expect(t)
		settle(time.Hour)
		log.expect(t, "days=12")
	})
}

// TestExpiry: whoever lets the certificate expire hears of it daily, and can go on reloading, until there is a new one.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := newFolder(t), new(logged)
		f.write(t, server(t, "one", 1))
		settle(time.Hour)
		k := opened(t, f, log)
		log.expect(t, "days=0")
		settle(day - time.Hour + time.Minute)
		log.expect(t, `level=ERROR msg="clients refuse the certificate" error="the certificate `+f.cert+` expired on 2000-01-02T00:00:00Z: renew it`)
		if _, err := k.Prepare(f.cert, f.key); err != nil {
			t.Errorf("a reload for another reason, with the certificate that is in use: %v", err)
		}
		settle(day)
		log.expect(t, "expired on")

		f.write(t, server(t, "short", 3)) // its own reminders begin at once
		settle(looks)
		log.expect(t, "new certificate in use", "days=2")
		f.write(t, server(t, "long", 90))
		settle(day + looks)
		log.expect(t, "new certificate in use")
	})
}

// TestPrepare takes up other files when it is told to, and says what is new in them.
func TestPrepare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two, log := newFolder(t), newFolder(t), new(logged)
		one.write(t, server(t, "one", 90))
		two.write(t, server(t, "two", 90))
		k := opened(t, one, log)
		take := func(f folder, wantCert, wantKey bool) {
			t.Helper()
			use, err := k.Prepare(f.cert, f.key)
			if err != nil {
				t.Fatal(err)
			}
			if cert, key := use(); cert != wantCert || key != wantKey {
				t.Errorf("another certificate: %v, want %v; another key: %v, want %v", cert, wantCert, key, wantKey)
			}
		}
		if _, err := k.Prepare(two.cert, two.key); err != nil { // and it is not used
			t.Fatal(err)
		}
		settle(time.Minute)
		shows(t, k, "one")
		log.expect(t)

		if _, err := k.Prepare(two.cert, one.key); err == nil || !strings.Contains(err.Error(), "belongs to another certificate") {
			t.Errorf("files of two pairs: %v", err)
		}
		shows(t, k, "one")
		take(two, true, true)
		shows(t, k, "two")
		take(two, false, false)
		log.expect(t, "new certificate in use")
		one.write(t, server(t, "three", 90))
		settle(time.Minute)
		shows(t, k, "two") // the files it has now are the ones that are watched
		two.write(t, server(t, "four", 90))
		settle(time.Minute)
		shows(t, k, "four")
		log.expect(t, "new certificate in use")

		same, five := newFolder(t), server(t, "five", 90)
		one.write(t, five)
		same.write(t, five)
		take(one, true, true)
		take(same, false, false) // nothing changes but the names
		log.expect(t, "new certificate in use")
		again := five
		again.Cert = append(five.Cert, authority.Cert...)
		same.write(t, again)
		take(same, true, false)
		write(t, same.key, append(again.Key, '\n'))
		take(same, false, true)
		settle(time.Minute)
		log.expect(t, "new certificate in use", "new certificate in use") // the files are seen again, and are no news
		same.write(t, server(t, "six", 90))
		settle(time.Minute)
		shows(t, k, "six")
	})
}

// TestQuickly changes, reloads and shakes hands a hundred times at once: every handshake succeeds with one pair or the other.
func TestQuickly(t *testing.T) {
	f := newFolder(t)
	pairs := []cert.Files{server(t, "studio.local", 90), server(t, "studio.local", 91)}
	f.write(t, pairs[0])
	k := opened(t, f, new(logged))
	config, client := k.Config(), &tls.Config{RootCAs: pool(t), ServerName: "studio.local"}
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := handshake(config, client); err != nil {
					t.Errorf("a handshake fails: %v", err)
					return
				}
			}
		})
	}
	for i := range 100 {
		write(t, f.key, pairs[i%2].Key)
		if _, err := k.Prepare(f.cert, f.key); i > 0 && err == nil {
			t.Error("a certificate with another's key is taken")
		}
		write(t, f.cert, pairs[i%2].Cert)
		use, err := k.Prepare(f.cert, f.key)
		if err != nil {
			t.Fatal(err)
		}
		use()
	}
	close(done)
	clients.Wait()
}

// TestKinds: what other tools make, in place of what is there.
func TestKinds(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key384 := ecKey(t, elliptic.P384())
	sec1, err := x509.MarshalECPrivateKey(key384)
	if err != nil {
		t.Fatal(err)
	}
	parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 5, 43, 129, 4, 0, 34}})
	host := x509.Certificate{DNSNames: []string{"other"}}
	pkcs1, openssl := signedBySelf(t, rsaKey, host), signedBySelf(t, key384, host)
	pkcs1.Key = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})
	openssl.Key = append(parameters, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...)
	for name, test := range map[string]cert.Files{
		"PKCS #1":             pkcs1,
		"SEC 1 after openssl": openssl,
		"Ed25519":             signedBySelf(t, edKey, host),
		"all in one":          {Cert: slices.Concat(pkcs1.Cert, pkcs1.Key), Key: slices.Concat(pkcs1.Cert, pkcs1.Key)},
		"openssl req -x509":   signedBySelf(t, key384, x509.Certificate{DNSNames: host.DNSNames, BasicConstraintsValid: true, IsCA: true}),
		"for any use":         signedBySelf(t, key384, x509.Certificate{DNSNames: host.DNSNames, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}),
		"for both ends":       signedBySelf(t, key384, x509.Certificate{DNSNames: host.DNSNames, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}),
		"an address":          signedBySelf(t, key384, x509.Certificate{IPAddresses: []net.IP{{10, 0, 0, 1}}}),
	} {
		f, log := newFolder(t), new(logged)
		f.write(t, server(t, "first", 90))
		k := opened(t, f, log)
		f.write(t, test)
		use, err := k.Prepare(f.cert, f.key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		use()
		log.expect(t, "new certificate in use")
		if _, err := handshake(k.Config(), &tls.Config{InsecureSkipVerify: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeyError tells errors of the key's file from others.
func TestKeyError(t *testing.T) {
	for name, want := range map[string]bool{"empty key": true, "encrypted key": true, "certificate as key": true, "empty certificate": false, "another key": false, "expired": false, "P-224": false} {
		f := newFolder(t)
		f.write(t, bad(t)[name].files)
		doubt, err := cert.Check(f.cert, f.key)
		if got := errors.As(err, new(cert.KeyError)); got != want || doubt == nil && err == nil {
			t.Errorf("%s: %v, %v", name, doubt, err)
		}
	}
}
