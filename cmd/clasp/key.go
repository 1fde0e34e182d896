// clasp key: make what signs tokens, a secret or a pair of RSA keys.

package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// rsaBits is the size of the keys that are made: what is advised beyond 2030 (NIST SP 800-57).
const rsaBits = 3072

func newKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make the key that tokens are signed with",
		Example: `  clasp key generate --out token.secret
  clasp key generate --rsa keys`,
	}
	cmd.AddCommand(newKeyGenerateCommand())
	return cmd
}

func newKeyGenerateCommand() *cobra.Command {
	var out, dir string
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make a secret of 256 bits, or a pair of RSA keys",
		Long: `Make a secret of 256 bits for tokens of HS256, and print it or write it to a file.
Whoever has it can make tokens: the router needs it, and who makes tokens.

With --rsa, make a pair of RSA keys for tokens of RS256. The router then only needs the
public key, with which nobody can make a token.

No file is ever overwritten.`,
		Example: `  clasp key generate --out token.secret
  clasp server --require-auth --token-secret-file token.secret

  clasp key generate --rsa keys
  clasp server --require-auth --token-public-key keys/token.pub`,
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "Write the secret to `FILE`, mode 0600, instead of stdout")
	cmd.Flags().StringVar(&dir, "rsa", "", "Make RSA keys: `DIR`/token.key, mode 0600, and DIR/token.pub")
	cmd.MarkFlagsMutuallyExclusive("out", "rsa")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if dir != "" {
			return generateRSA(cmd, dir)
		}
		secret := newSecret() + "\n"
		if out == "" {
			_, err := fmt.Fprint(cmd.OutOrStdout(), secret)
			return err
		}
		if err := writeNew(out, []byte(secret), 0o600); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.ErrOrStderr(), "clasp: made %s: keep it to yourself\n", out)
		return err
	}
	return cmd
}

// newSecret returns 256 random bits as text, since a secret is given as text everywhere.
func newSecret() string {
	bits := make([]byte, secretBits/8)
	_, _ = rand.Read(bits) // it never fails (package crypto/rand)
	return base64.RawURLEncoding.EncodeToString(bits)
}

// generateRSA makes both files or none.
func generateRSA(cmd *cobra.Command, dir string) error {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return fmt.Errorf("make an RSA key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("make an RSA key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("make an RSA key: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make an RSA key: %w", err)
	}
	keyFile, pubFile := filepath.Join(dir, "token.key"), filepath.Join(dir, "token.pub")
	if err := writeNew(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	if err := writeNew(pubFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644); err != nil {
		return errors.Join(err, os.Remove(keyFile))
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "clasp: made %s, to be kept where tokens are made, and %s, for the router\n", keyFile, pubFile)
	return err
}
