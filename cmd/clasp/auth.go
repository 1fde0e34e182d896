// Who may connect, from the configuration: what tokens are judged by.

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/smallfile"
)

// secretBits is what a secret of HS256 must have to be no easier to guess than the
// signature itself (RFC 7518 section 3.2).
const secretBits = 256

// authOf reads the secret and the public key that a configuration names. Problems are at
// the place where the option was given. Neither they nor the warnings hold a key.
func authOf(l *config.Loaded) (a router.Auth, warnings []string, problems config.Problems) {
	s := l.Config.Security
	o := auth.Options{Secret: []byte(s.TokenSecret), Revoked: s.RevokedTokens, Issuer: s.TokenIssuer, Audience: s.TokenAudience}
	fail := func(path string, err error) { problems = append(problems, l.Problem(path, err.Error())) }

	secretFrom := "security.token_secret"
	if s.TokenSecretFile != "" {
		secretFrom = "security.token_secret_file"
		var err error
		if o.Secret, err = readSecret(s.TokenSecretFile); err != nil {
			fail(secretFrom, err)
		} else if openToAll(s.TokenSecretFile) {
			warnings = append(warnings, fmt.Sprintf("every user of this machine can read the token secret in %s: chmod 600 it", s.TokenSecretFile))
		}
	}
	if bits := 8 * len(o.Secret); bits > 0 && bits < secretBits {
		warnings = append(warnings, fmt.Sprintf("the token secret has %d bits, and whoever has a token can try to guess it: use %d at least, as 'clasp key generate' makes them", bits, secretBits))
	}
	if _, err := auth.NewVerifier(auth.Options{Secret: o.Secret}); err != nil {
		fail(secretFrom, err)
	}
	if s.TokenPublicKey != "" {
		var err error
		if o.PublicKey, _, err = smallfile.Read(s.TokenPublicKey); err == nil {
			_, err = auth.NewVerifier(auth.Options{PublicKey: o.PublicKey})
		}
		if err != nil {
			fail("security.token_public_key", fmt.Errorf("%s: %w", s.TokenPublicKey, err))
		}
	}
	problems = append(problems, pairingProblems(l)...)
	if len(problems) > 0 {
		return a, warnings, problems
	}
	verifier, err := auth.NewVerifier(o)
	if err != nil {
		fail("security.revoked_tokens", err) // the keys have been looked at
	}
	return router.Auth{Required: s.RequireAuth, Verifier: verifier}, warnings, problems
}

// readSecret reads a secret, without the end of line that an editor leaves.
func readSecret(path string) ([]byte, error) {
	text, _, err := smallfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	if len(text) == 0 {
		return nil, fmt.Errorf("%s: there is no secret in it", path)
	}
	return text, nil
}

// openToAll says whether the mode of a file lets every user read it. Windows has no
// such modes.
func openToAll(path string) bool {
	const others = 0o004
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&others != 0
}
