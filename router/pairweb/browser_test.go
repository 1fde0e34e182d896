package pairweb_test

// A headless Chromium, remote-controlled by its DevTools protocol: it is shown to, clicked and typed into as a phone is.

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/clasp-studio/clasp/router/internal/kit"
)

// browser is one with one page.
type browser struct {
	t    *testing.T
	conn *websocket.Conn

	mu       sync.Mutex
	number   int
	answers  map[int]chan reply
	problems []string // what the page has done wrong, by its console
}

type reply struct {
	Result json.RawMessage
	Error  struct{ Message string }
}

// startBrowser starts a Chromium with the screen of a phone. It knows names that are this machine.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("REQUIRE_INTEROP") == "1" {
			t.Fatal("Chromium is not installed")
		}
		t.Skip(t.Name() + ": Chromium is not installed")
	}
	profile, err := os.MkdirTemp("", "clasp-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: the browser's last children may still write to it when the test ends, which is no failure.
	t.Cleanup(func() { os.RemoveAll(profile) })
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--lang=en-GB",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--host-resolver-rules=MAP *.local 127.0.0.1", "--remote-debugging-port=0", "--user-data-dir="+profile, "about:blank")
	cmd.Env = append(os.Environ(), "TMPDIR="+profile)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		force := time.AfterFunc(kit.Patience, func() { _ = cmd.Process.Kill() })
		<-read
		_ = cmd.Wait() // ended by a signal is how it should end
		force.Stop()
	})
	port := make(chan string, 1)
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if at, ok := strings.CutPrefix(lines.Text(), "DevTools listening on ws://"); ok {
				host, _, _ := strings.Cut(at, "/")
				port <- host
			}
		}
	}()
	var host string
	select {
	case host = <-port:
	case <-time.After(kit.Patience):
		t.Fatalf("%s does not say where it can be controlled", filepath.Base(path))
	}
	var pages []struct{ Type, WebSocketDebuggerURL string }
	kit.Eventually(t, "the browser to have a page", func() bool {
		got, err := http.Get("http://" + host + "/json/list")
		if err != nil {
			return false
		}
		defer got.Body.Close()
		text, err := io.ReadAll(got.Body)
		return err == nil && json.Unmarshal(text, &pages) == nil && len(pages) > 0 && pages[0].Type == "page"
	})
	conn, _, err := websocket.DefaultDialer.Dial(pages[0].WebSocketDebuggerURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, conn: conn, answers: make(map[int]chan reply)}
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		b.listen()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-listening
	})
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.do(domain+".enable", nil)
	}
	b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true})
	return b
}

// listen takes what the browser says.
func (b *browser) listen() {
	for {
		var said struct {
			ID     int
			Method string
			Params json.RawMessage
			reply
		}
		if b.conn.ReadJSON(&said) != nil {
			return
		}
		b.mu.Lock()
		switch {
		case said.ID != 0:
			b.answers[said.ID] <- said.reply
			delete(b.answers, said.ID)
		case said.Method == "Runtime.exceptionThrown" || said.Method == "Log.entryAdded" || said.Method == "Runtime.consoleAPICalled":
			// Refusals are answers with a status that the console shows in red, as it does a network that is not there.
			if text := string(said.Params); !strings.Contains(text, "the server responded with a status of") && !strings.Contains(text, "ERR_INTERNET_DISCONNECTED") {
				b.problems = append(b.problems, text)
			}
		}
		b.mu.Unlock()
	}
}

// do has the browser do something.
func (b *browser) do(method string, params map[string]any) json.RawMessage {
	b.t.Helper()
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.number++
	b.answers[b.number] = answer
	err := b.conn.WriteJSON(map[string]any{"id": b.number, "method": method, "params": params})
	b.mu.Unlock()
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case r := <-answer:
		if r.Error.Message != "" {
			b.t.Fatalf("%s: %s", method, r.Error.Message)
		}
		return r.Result
	case <-time.After(kit.Patience):
		b.t.Fatalf("%s is not answered", method)
		return nil
	}
}

// eval returns the value of an expression in the page.
func (b *browser) eval(expression string, into any) {
	b.t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	if err := json.Unmarshal(b.do("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}), &got); err != nil {
		b.t.Fatal(err)
	}
	if got.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, got.ExceptionDetails)
	}
	if err := json.Unmarshal(got.Result.Value, into); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// open goes to a page.
func (b *browser) open(url string) {
	b.t.Helper()
	b.do("Page.navigate", map[string]any{"url": url})
}

// network has it lose its network, or find it again.
func (b *browser) network(there bool) {
	b.t.Helper()
	b.do("Network.emulateNetworkConditions", map[string]any{"offline": !there, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
}

// sees waits for a text on the screen.
func (b *browser) sees(text string) {
	b.t.Helper()
	var shown string
	if !kit.Poll(func() bool {
		b.eval(`document.body ? document.body.innerText : ""`, &shown)
		return strings.Contains(shown, text)
	}) {
		b.t.Fatalf("the screen does not show %q, but:\n%s", text, shown)
	}
}

// hides checks that an element is not on the screen.
func (b *browser) hides(selector string) {
	b.t.Helper()
	var shown bool
	if b.eval(fmt.Sprintf(`document.querySelector(%q).checkVisibility()`, selector), &shown); shown {
		b.t.Errorf("%s is on the screen", selector)
	}
}

// at waits for an element to be on the screen and not covered, and returns its middle.
func (b *browser) at(selector string) (x, y float64) {
	b.t.Helper()
	var place []float64
	kit.Eventually(b.t, selector+" to be where it can be tapped", func() bool {
		b.eval(fmt.Sprintf(`(() => {
			const e = document.querySelector(%q);
			if (!e || e.disabled) return [];
			e.scrollIntoView({ block: "center" });
			const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
			return document.elementFromPoint(x, y) === e ? [x, y] : [];
		})()`, selector), &place)
		return len(place) == 2
	})
	return place[0], place[1]
}

// click clicks an element.
func (b *browser) click(selector string) {
	b.t.Helper()
	x, y := b.at(selector)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.do("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})
	}
}

// fill puts a text in place of what is in a field.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.click(selector)
	b.press("a", "selectAll")
	b.do("Input.insertText", map[string]any{"text": text})
}

// press presses a key with Ctrl, which does what an editor does at that.
func (b *browser) press(key, command string) {
	b.t.Helper()
	const ctrl = 2
	b.do("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": key, "modifiers": ctrl, "commands": []string{command}})
	b.do("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "modifiers": ctrl})
}

// enter presses the Enter key.
func (b *browser) enter() {
	b.t.Helper()
	b.do("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"})
	b.do("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": "Enter", "windowsVirtualKeyCode": 13})
}

// looks looks at the screen, dark and light: all of it fits its width, and what has an outline in a form is large enough for a
// thumb. It keeps pictures of it in the folder SCREENSHOTS names.
func (b *browser) looks(name string) {
	b.t.Helper()
	var wrong []string
	b.eval(`(() => {
		const wrong = [], width = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth > width) wrong.push("the page is wider than the screen");
		for (const e of document.querySelectorAll("main *")) {
			const r = e.getBoundingClientRect();
			if (r.width === 0 || e.matches(".unseen")) continue;
			if (r.left < 0 || r.right > width) wrong.push(e.tagName + "#" + e.id + " is cut off");
			if (e.matches("button, input") && r.height < 44) wrong.push(e.id + " is too small");
			if (e.matches("input, textarea") && !document.querySelector("label[for=" + e.id + "]").innerText) wrong.push(e.id + " has no label");
		}
		return wrong;
	})()`, &wrong)
	for _, text := range wrong {
		b.t.Errorf("%s: %s", name, text)
	}
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		b.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]any{{"name": "prefers-color-scheme", "value": scheme}}})
		var shot struct{ Data string }
		if err := json.Unmarshal(b.do("Page.captureScreenshot", map[string]any{"format": "png"}), &shot); err != nil {
			b.t.Fatal(err)
		}
		picture, err := base64.StdEncoding.DecodeString(shot.Data)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name+"-"+scheme+".png"), picture, 0o600)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// complains fails the test if the page has broken its own policy, thrown an exception or said anything on the console.
func (b *browser) complains() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.problems {
		b.t.Errorf("in the page: %s", text)
	}
}
