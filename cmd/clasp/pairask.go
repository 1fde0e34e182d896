// The conversation of clasp pair with a router whose operator has to answer: show the match
// code, type a PIN where one is wanted, and ask until there is a token.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// pairStarted is the answer to a knock.
type pairStarted struct {
	ID          string `json:"pair_id"`
	DeviceCode  string `json:"device_code"`
	Match       string `json:"match"`
	PINRequired bool   `json:"pin_required"`
	Interval    int    `json:"interval"` // seconds
}

// pairDialog is a knock that waits.
type pairDialog struct {
	*pairCommand
	pairStarted
	pins  <-chan string // what is typed; nil while nobody was asked
	asked bool          // the prompt stands
	mute  bool          // nobody here can type
}

const (
	// maxLost is how many questions in a row may stay without an answer.
	maxLost = 5
	// leaveLimit is how long a command that is stopped waits for the router to hear of it.
	leaveLimit = 2 * time.Second
)

// ask knocks and waits for the operator.
func (p *pairCommand) ask(ctx context.Context, about pairAbout) (pairToken, error) {
	d := &pairDialog{pairCommand: p}
	body := map[string]any{"name": p.router.name, "kind": pairKind}
	if len(p.want) > 0 {
		body["want"] = p.want
	}
	if err := d.knock(ctx, body); err != nil {
		return pairToken{}, err
	}
	d.say("%s is asked to let %s in. Match code: %s\nThe operator has to see the same code beside that name.", shown(about.Router), shown(p.router.name), shown(d.Match))
	token, err := d.until(ctx)
	if err != nil {
		d.leave()
	}
	switch {
	case ctx.Err() == nil || token.Token != "":
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = errors.New("nobody has let this machine in in time: ask the operator, and try again")
	default:
		err = errors.New("stopped; the request is taken back")
	}
	return token, err
}

// knock asks to be let in, again when the router says that it would take that later: it shows
// its operator one more of an address every ten seconds (pairing section 7), and a clasp get
// without a token was one.
func (d *pairDialog) knock(ctx context.Context, body any) error {
	for {
		err := d.to.call(ctx, http.MethodPost, "/pair", body, &d.pairStarted)
		var refused *pairRefusal
		if !errors.As(err, &refused) || refused.status != http.StatusTooManyRequests || refused.RetryAfter == 0 {
			return err
		}
		why, _, _ := strings.Cut(refused.Error(), ". Try again") // this command does that
		d.say("%s: trying again in %d s", why, refused.RetryAfter)
		select {
		case <-ctx.Done():
			return refused
		case <-time.After(time.Duration(refused.RetryAfter) * time.Second):
		}
	}
}

// until waits for the operator's word, or a right PIN.
func (d *pairDialog) until(ctx context.Context) (token pairToken, err error) {
	for lost := 0; ; {
		var typed <-chan string
		if d.PINRequired && !d.asked && !d.mute {
			d.prompt()
		}
		if d.asked { // lines that nobody has asked for are no PINs
			typed = d.pins
		}
		err = nil
		over := false
		select {
		case <-ctx.Done():
			return token, ctx.Err()
		case pin, more := <-typed:
			d.asked = false
			if !more {
				err = d.noMore()
				over = err != nil
			} else if pin != "" {
				err = d.send(ctx, "pin", pin, &token)
				over = err == nil || d.wrong(err)
			}
		case <-time.After(time.Duration(max(d.Interval, 1)) * time.Second):
			err = d.send(ctx, "token", "", &token)
			over = err == nil || d.final(err)
		}
		var refused *pairRefusal
		switch {
		case ctx.Err() != nil && token.Token == "":
			return token, ctx.Err()
		case err == nil || errors.As(err, &refused):
			lost = 0
		default: // a Wi-Fi that fails for a moment ends nothing
			lost++
			over = lost == maxLost
		}
		if over {
			return token, err
		}
	}
}

// send types a PIN, or asks for the token.
func (d *pairDialog) send(ctx context.Context, what, pin string, token *pairToken) error {
	body := map[string]string{"device_code": d.DeviceCode}
	if pin != "" {
		body["pin"] = pin
	}
	return d.to.call(ctx, http.MethodPost, "/pair/"+d.ID+"/"+what, body, token)
}

// pending reports whether an answer to the question for a token says to wait.
func (d *pairDialog) pending(err error) bool {
	var r *pairRefusal
	if !errors.As(err, &r) || r.Name != "authorization_pending" && r.Name != "slow_down" {
		return false
	}
	d.PINRequired = r.PINRequired
	d.Interval = r.Interval
	return true
}

// final reports whether an answer to the question for a token says that there will be none.
func (d *pairDialog) final(err error) bool {
	var r *pairRefusal
	return errors.As(err, &r) && !d.pending(err)
}

// wrong says what became of a PIN that brought no token, and reports whether that is the end:
// when it came with the command line, nobody will type another.
func (d *pairDialog) wrong(err error) bool {
	if d.pending(err) {
		d.say("the PIN is right; now the operator has to let this machine in")
		d.PINRequired = false
		return false
	}
	var r *pairRefusal
	switch {
	case !errors.As(err, &r):
		return false
	case d.pin != "" && d.pin != "-":
		return true
	}
	words := r.Error()
	if r.AttemptsLeft != nil && *r.AttemptsLeft > 0 {
		words = fmt.Sprintf("%s (tries left: %d)", words, *r.AttemptsLeft)
	}
	d.say("%s", words)
	d.PINRequired = r.Name == "invalid_pin" // of others the next answer says whether there is one to type
	return false
}

// noMore is what follows the end of stdin.
func (d *pairDialog) noMore() error {
	if d.pin != "" {
		return errors.New("the PIN was not right, and there is no other to try")
	}
	d.mute = true
	d.say("no PIN, so the operator has to let this machine in")
	return nil
}

// leave takes the knock back. Whether the router still knows of it does not matter.
func (d *pairDialog) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveLimit)
	defer cancel()
	_ = d.to.call(ctx, http.MethodDelete, "/pair/"+d.ID, map[string]string{"device_code": d.DeviceCode}, nil)
}

// say tells whoever looks on, on a line of its own.
func (d *pairDialog) say(format string, args ...any) {
	if d.asked && d.pin == "" {
		format = "\n" + format // behind the prompt
	}
	_, _ = fmt.Fprintf(d.cmd.ErrOrStderr(), format+"\n", args...) // if nobody hears it, nobody does
}

// prompt asks for a PIN whoever can type one.
func (d *pairDialog) prompt() {
	stdin := d.cmd.InOrStdin()
	switch {
	case d.pins != nil:
	case d.pin != "" && d.pin != "-":
		given := make(chan string, 1)
		given <- d.pin
		close(given)
		d.pins = given
	case d.pin == "-" || onTerminal(stdin):
		typed := make(chan string)
		go func() { // beside, because a read of stdin cannot be interrupted
			defer close(typed)
			for lines := bufio.NewScanner(stdin); lines.Scan(); {
				typed <- strings.TrimSpace(lines.Text())
			}
		}()
		d.pins = typed
	default:
		d.mute = true
		d.say("the operator can let it in, or type a PIN here: at a terminal, or with --pin -")
		return
	}
	d.asked = true
	if d.pin == "" {
		_, _ = fmt.Fprint(d.cmd.ErrOrStderr(), "PIN: ") // if nobody sees it, nobody types
	}
}
