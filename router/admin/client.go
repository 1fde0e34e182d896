package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
)

// Call sends a request to the router whose socket is at path, with body as JSON unless it
// is nil, and reads its JSON answer into answer, whatever the status. route is
// "POST /reload". An answer that is not JSON is an error that says what the router said.
func Call(ctx context.Context, path, route string, body, answer any) error {
	method, target, _ := strings.Cut(route, " ")
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("ask the router: %w", err)
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://router"+target, sent)
	if err != nil {
		return fmt.Errorf("ask the router: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("ask the router at %s: %w", path, cause(err))
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("ask the router at %s: %w", path, err)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind != "application/json" {
		return fmt.Errorf("the router at %s says: %s", path, strings.TrimSpace(string(text)))
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read the answer of the router at %s: %w", path, err)
	}
	return nil
}

// cause leaves out the address that net/http has been given for want of another.
func cause(err error) error {
	if under := errors.Unwrap(err); under != nil {
		return under
	}
	return err
}

// Answer sends v as JSON.
func Answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked may have gone
}
