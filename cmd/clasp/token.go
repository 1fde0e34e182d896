// clasp token: make a token, and say what one allows. What a token is, package auth knows.

package main

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/smallfile"
	"github.com/spf13/cobra"
)

func newTokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make tokens, and see what one allows",
		Example: `  clasp token create --read '/**' --expires 24h --secret-file token.secret
  clasp token inspect --secret-file token.secret < desk.token`,
	}
	cmd.AddCommand(newTokenCreateCommand(), newTokenInspectCommand())
	return cmd
}

// secretFlags say which secret signs or checks a token of HS256.
type secretFlags struct{ file, text string }

func (s *secretFlags) add(cmd *cobra.Command, use string) {
	cmd.Flags().StringVar(&s.file, "secret-file", "", use+" with the secret in `FILE` (HS256)")
	cmd.Flags().StringVar(&s.text, "secret", "", use+" with `SECRET` (HS256); every user of the machine sees it in the list of processes (environment: CLASP_TOKEN_SECRET)")
}

// read returns the secret, nil if there is none, and warns of what makes it a weak one. Flags go before the environment.
func (s *secretFlags) read(stderr io.Writer) (secret []byte, err error) {
	switch {
	case s.file != "":
		if secret, err = readSecret(s.file); err != nil {
			return nil, fmt.Errorf("read the secret: %w", err)
		}
		if openToAll(s.file) {
			warn(stderr, "every user of this machine can read %s: chmod 600 it", s.file)
		}
	case s.text != "":
		warn(stderr, "--secret shows the secret to everybody who lists the processes of this machine (ps): use --secret-file or CLASP_TOKEN_SECRET")
		secret = []byte(s.text)
	default:
		secret = []byte(os.Getenv("CLASP_TOKEN_SECRET"))
	}
	if bits := 8 * len(secret); bits > 0 && bits < secretBits {
		warn(stderr, "the secret has %d bits, and whoever has a token can try to guess it: use %d at least, as 'clasp key generate' makes them", bits, secretBits)
	}
	return secret, nil
}

func warn(stderr io.Writer, format string, args ...any) {
	printWarnings(stderr, []string{fmt.Sprintf(format, args...)})
}

// tokenCreation is what the flags of clasp token create say.
type tokenCreation struct {
	secret      secretFlags
	key         string // file
	token       auth.Token
	constraints constraintFlags
	lifetime    lifetime
}

func newTokenCreateCommand() *cobra.Command {
	c := &tokenCreation{}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token that says who may do what",
		Long: `Make a token that says who may do what, and print it. Nothing is sent anywhere: any
machine with the secret, or with the private key, can make tokens.

Every pattern is a flag of its own ('*' is one segment, '**' any number). --write has
--emit in it, and not --read.`,
		Example: `  clasp token create --read '/**' --expires 24h --secret-file token.secret
  clasp token create --read '/lights/**' --write '/lights/*/level' --subject "FOH iPad" --secret-file token.secret
  clasp token create --write '/stage/mat' --range '/stage/mat=0..1' --max-rate '/stage/mat=60' --key token.key
  CLASP_TOKEN=$(clasp token create --read '/**' --secret-file token.secret) clasp sub '/**'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	flags := cmd.Flags()
	claims := &c.token.Claims
	flags.Var((*patternsFlag)(&claims.Read), "read", "Get and subscribe to what matches `PATTERN`")
	flags.Var((*patternsFlag)(&claims.Write), "write", "Set params that match `PATTERN`, and send signals there")
	flags.Var((*patternsFlag)(&claims.Emit), "emit", "Send events, streams and gestures to what matches `PATTERN`")
	flags.Var((*patternsFlag)(&claims.Subscribe), "subscribe", "Only subscribe to what matches `PATTERN`")
	flags.Var(rangeFlag{&c.constraints}, "range", "Set numbers from MIN to MAX only where it matches: `PATTERN=MIN..MAX`")
	flags.Var(rateFlag{&c.constraints}, "max-rate", "Set N times a second at most where it matches: `PATTERN=N`")
	flags.Var(&c.lifetime, "expires", "How long it is good, as in 90m, 24h or 30d (default: for ever)")
	flags.StringVar(&c.token.Subject, "subject", "", "`NAME` of whom it is for: the router's log shows it")
	flags.StringVar(&c.token.ID, "id", "", "`ID` by which it can be revoked (default: a random one)")
	flags.StringVar(&c.token.Issuer, "issuer", "", "`NAME` of who makes it, for routers that ask (security.token_issuer)")
	flags.StringArrayVar(&c.token.Audience, "audience", nil, "`NAME` of a router it is for, for those that ask (security.token_audience)")
	c.secret.add(cmd, "Sign")
	flags.StringVar(&c.key, "key", "", "Sign with the RSA private key in `FILE`, PEM (RS256)")
	cmd.MarkFlagsMutuallyExclusive("secret-file", "secret", "key")
	return cmd
}

func (c *tokenCreation) run(cmd *cobra.Command) error {
	t, stderr := &c.token, cmd.ErrOrStderr()
	if len(t.Claims.Read)+len(t.Claims.Write)+len(t.Claims.Emit)+len(t.Claims.Subscribe) == 0 {
		return usageError(cmd, errors.New("a token without rights is of no use: give --read, --write, --emit or --subscribe"))
	}
	t.Claims.Constraints = c.constraints.list
	t.Issued = time.Now()
	if c.lifetime > 0 {
		t.Expires = t.Issued.Add(time.Duration(c.lifetime))
	}
	if t.ID == "" {
		t.ID = rand.Text()
	}
	text, err := c.sign(cmd)
	if err != nil {
		return err
	}
	if c.lifetime == 0 {
		_, _ = fmt.Fprintf(stderr, "note: this token never expires; to end it, put its id %s on the router's list security.revoked_tokens\n", shown(t.ID))
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
	return err
}

// sign signs with the key there is.
func (c *tokenCreation) sign(cmd *cobra.Command) (string, error) {
	if c.key != "" {
		key, err := readPrivateKey(c.key, cmd.ErrOrStderr())
		if err != nil {
			return "", err
		}
		return c.token.SignRS256(key)
	}
	secret, err := c.secret.read(cmd.ErrOrStderr())
	if err != nil {
		return "", err
	}
	if len(secret) == 0 {
		return "", usageError(cmd, errors.New("there is nothing to sign with: give --secret-file or --key, or make a secret with 'clasp key generate'"))
	}
	return c.token.SignHS256(secret)
}

func readPrivateKey(path string, stderr io.Writer) (*rsa.PrivateKey, error) {
	text, _, err := smallfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %s: %w", path, err)
	}
	key, err := auth.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %s: %w", path, err)
	}
	if openToAll(path) {
		warn(stderr, "every user of this machine can read %s: chmod 600 it", path)
	}
	return key, nil
}
