package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"time"
)

const (
	// patience is how long a request may take to come.
	patience = 10 * time.Second
	maxBody  = 1 << 20
	// maxAnswer holds a thousand devices, the most there are, with what they hold.
	maxAnswer = 16 << 20
)

// Server answers on the socket of one router.
type Server struct {
	path     string
	made     os.FileInfo // the socket as it was made
	http     http.Server
	listener net.Listener
}

// Listen opens the socket of the router on a port and serves h there. A socket that a
// dead router has left is replaced, that of a live one is not. Request bodies end after
// 1 MiB. That serving has ended is logged, once.
func Listen(port int, h http.Handler, log *slog.Logger) (*Server, error) {
	path, err := choose(port)
	if err != nil {
		return nil, fmt.Errorf("find a place for the admin socket: %w", err)
	}
	s := &Server{path: path}
	if err := clearAway(s.path); err != nil {
		return nil, fmt.Errorf("open the admin socket %s: %w", s.path, err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the admin socket: %w", err)
	}
	listener.SetUnlinkOnClose(false) // by then the name may be another's
	s.made, err = os.Lstat(s.path)
	if err == nil {
		err = os.Chmod(s.path, 0o600)
	}
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("open the admin socket: %w", err)
	}
	s.listener = &guard{listener, log}
	s.http = http.Server{
		Handler:           http.MaxBytesHandler(h, maxBody),
		ReadHeaderTimeout: patience,
		IdleTimeout:       patience,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, callerKey{}, c.(called).by)
		},
	}
	go func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("no admin socket any more: commands such as clasp reload do not work until a restart", "path", s.path, "error", err)
		}
	}()
	return s, nil
}

// Path is where the socket is.
func (s *Server) Path() string { return s.path }

// Reachable reports whether the socket is still there under its name.
func (s *Server) Reachable() bool {
	now, err := os.Lstat(s.path)
	return err == nil && os.SameFile(now, s.made)
}

// Close ends serving, requests included, and takes the socket away.
func (s *Server) Close() {
	_ = s.http.Close() // there is nothing to lose
	if s.Reachable() {
		_ = os.Remove(s.path) // the next router replaces it
	}
}

// clearAway takes away a socket that nobody listens on.
func clearAway(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() || info.IsDir() {
		return errors.New("there is something else of that name: remove it")
	}
	switch err := knock(path); {
	case err == nil:
		return errors.New("another router has it")
	case errors.Is(err, connectionRefused):
		return os.Remove(path)
	default:
		return err // somebody may be there, with too much to do
	}
}

// knock connects to a socket, to see whether somebody listens on it.
func knock(path string) error {
	c, err := net.DialTimeout("unix", path, patience)
	if err == nil {
		_ = c.Close()
	}
	return err
}

// called is a connection and the user who has made it.
type called struct {
	*net.UnixConn
	by string
}

type callerKey struct{}

// Caller is the name of the user who sends a request.
func Caller(r *http.Request) string {
	by, _ := r.Context().Value(callerKey{}).(string)
	return by
}

// userName is that of a user ID, or the ID itself where it has no name.
func userName(id string) string {
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}

// guard lets in only callers that may do everything here.
type guard struct {
	*net.UnixListener
	log *slog.Logger
}

func (g *guard) Accept() (net.Conn, error) {
	for {
		c, err := g.AcceptUnix()
		if err != nil {
			return nil, err
		}
		by, refused := checkCaller(c)
		if refused == nil {
			return called{c, by}, nil
		}
		g.log.Warn("refused a caller at the admin socket", "error", refused)
		_ = c.Close()
	}
}
