// The report as a folder: README.md with its plots, results.json, and raw/ with every run
// and its latencies, a line each.

package versus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// rawRun is a run in raw/.
type rawRun struct {
	Cores string `json:"cores"`
	Peer  string `json:"peer"`
	Round int    `json:"round"` // from 1
	run
	Latencies map[string]*histogram `json:"latencies_us,omitempty"`
}

func (rep *report) writeFolder(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "raw"), 0o755); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	files := map[string][]byte{}
	var text, data bytes.Buffer
	if err := rep.writeMarkdown(&text, true); err != nil {
		return err
	}
	if err := rep.writeJSON(&data); err != nil {
		return err
	}
	files["README.md"], files["results.json"] = text.Bytes(), data.Bytes()
	for _, t := range rep.Tables {
		name := filepath.Join("raw", t.Workload+".jsonl")
		lines := bytes.NewBuffer(files[name])
		e := json.NewEncoder(lines)
		for _, r := range t.Rows {
			for i, one := range r.Runs {
				if err := e.Encode(rawRun{t.Cores, r.Peer, i + 1, one, one.Latencies}); err != nil {
					return fmt.Errorf("write the samples of %s: %w", t.Workload, err)
				}
			}
		}
		files[name] = lines.Bytes()
		if rep.plotted(t.Workload) {
			files[plotName(t.Workload)] = rep.plot(t.Workload)
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil { //nolint:gosec // a report is for all to read
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}
