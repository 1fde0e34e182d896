package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/clasp-studio/clasp/router/admin"
	"github.com/clasp-studio/clasp/router/monitor"
)

// never is a revision that no index has.
const never = math.MaxUint64

// Routes has a mux answer for a source. The mux has to bound request bodies. start is a word
// that the source alone has: a router may open its socket again, and is the same all the same.
func Routes(mux *http.ServeMux, s monitor.Source, start string) {
	a := &answers{source: s, start: start, writing: make(chan struct{}, 1)}
	for route, do := range map[string]func(*http.Request) (any, error){
		waitRoute: a.wait, frameRoute: a.frame, indexRoute: a.index, clientRoute: a.client, addressRoute: a.address, doRoute: a.do,
	} {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			answer, err := do(r)
			w.Header().Set(startHeader, a.start)
			if err != nil {
				refuse(w, err)
				return
			}
			a.write(w, r, answer)
		})
	}
}

// answers are those of one start of a router.
type answers struct {
	source  monitor.Source
	start   string
	writing chan struct{} // has something in it while an answer is written down
}

// write sends an answer. One at a time is written down: an index is some megabytes, and the
// router needs the processors for what it routes.
func (a *answers) write(w http.ResponseWriter, r *http.Request, answer any) {
	select {
	case a.writing <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	text, err := json.Marshal(answer)
	<-a.writing
	if err != nil {
		refuse(w, fmt.Errorf("write the answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // whoever asked may have gone
}

func (a *answers) wait(r *http.Request) (any, error) {
	asked, err := read[waitRequest](r)
	if err == nil && a.same(r) { // else everything has changed
		a.source.Wait(r.Context(), asked.Since)
	}
	return struct{}{}, err
}

func (a *answers) frame(r *http.Request) (any, error) {
	q, err := read[monitor.Query](r)
	if err != nil {
		return nil, err
	}
	if len(q.Values) > monitor.MaxValues || len(q.Branches) > monitor.MaxBranches {
		return nil, fmt.Errorf("%w: a frame has at most %d values and %d branches", monitor.ErrInvalid, monitor.MaxValues, monitor.MaxBranches)
	}
	q.LogsMax = min(q.LogsMax, monitor.MaxLogs)
	if !a.same(r) {
		q.LogsSince = 0
	}
	f, err := a.source.Frame(r.Context(), q)
	for i := range f.Values {
		finite(&f.Values[i])
	}
	return f, err
}

func (a *answers) index(r *http.Request) (any, error) {
	asked, err := read[indexRequest](r)
	if err != nil {
		return nil, err
	}
	if !a.same(r) {
		asked.Since = never
	}
	return a.source.Index(r.Context(), asked.Since, asked.Filter)
}

func (a *answers) client(r *http.Request) (any, error) {
	asked, err := read[nameRequest](r)
	if err != nil {
		return nil, err
	}
	return a.source.Client(r.Context(), asked.Name)
}

func (a *answers) address(r *http.Request) (any, error) {
	asked, err := read[nameRequest](r)
	if err != nil {
		return nil, err
	}
	d, err := a.source.Address(r.Context(), asked.Name)
	finite(&d.Value)
	return d, err
}

func (a *answers) do(r *http.Request) (any, error) {
	action, err := read[monitor.Action](r)
	if err != nil {
		return nil, err
	}
	action.By = admin.Caller(r)
	return a.source.Do(r.Context(), action)
}

// same reports whether a question counts from an answer of this start.
func (a *answers) same(r *http.Request) bool { return r.Header.Get(startHeader) == a.start }

// finite takes out a number that JSON does not have. The text of the value still says it.
func finite(v *monitor.Value) {
	if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
		v.Number, v.Numeric = 0, false
	}
}

// read reads the body of a request.
func read[T any](r *http.Request) (T, error) {
	var asked T
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return asked, fmt.Errorf("%w: read the request: %w", monitor.ErrInvalid, err)
	}
	return asked, nil
}

// refuse answers with an error, and with its kind if it has one.
func refuse(w http.ResponseWriter, err error) {
	said, status := refusal{Error: err.Error()}, http.StatusInternalServerError
	for _, k := range kinds {
		if errors.Is(err, k.kind) {
			said.Kind, status = k.word, k.status
			break
		}
	}
	admin.Answer(w, status, said)
}
