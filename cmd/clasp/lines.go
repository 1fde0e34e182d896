// Lines of stdin or a file, one at a time, so that Ctrl-C and a lost connection end the
// wait for the next.

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxLine is the longest line there is a use for: what a frame can hold takes less as
// JSON, even in hexadecimal and beside its own text.
const maxLine = 1 << 20

// eachLine calls f with each line of r that is not blank and its number, until r ends, f
// fails, or ctx or done ends, which is no error. name is what messages call r.
func eachLine(ctx context.Context, done <-chan struct{}, r io.Reader, name string, f func(n int, line []byte) error) error {
	lines := make(chan []byte, 64)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // beside, because a read of stdin cannot be interrupted
		defer close(lines)
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			select {
			case lines <- bytes.Clone(scanner.Bytes()):
			case <-ctx.Done():
				ended <- nil
				return
			}
		}
		ended <- scanner.Err()
	}()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-done:
			return nil
		case line, more := <-lines:
			if !more {
				return atLine(name, n, inLine(<-ended))
			}
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			if err := f(n, line); err != nil {
				return err
			}
		}
	}
}

// inLine is what the scanner found wrong, in words.
func inLine(err error) error {
	if errors.Is(err, bufio.ErrTooLong) {
		return errors.New("the line is over 1 MiB")
	}
	return err
}

// atLine puts before an error where it is.
func atLine(name string, n int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s, line %d: %w", name, n, err)
}
