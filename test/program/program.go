// Package program starts the real binary for tests, as a user would.
package program

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// build makes the binary once a test process.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "insegel-bin-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "insegel")
	out, err := exec.Command("go", "build", "-o", bin, "insegel/cmd/insegel").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

// Program is one installation and, while it runs, its server.
type Program struct {
	t        testing.TB
	bin      string
	Data     string
	Database string
	HTTP     string
	SMTP     string
	Extra    []string // further flags of serve
	Env      []string
	Logs     bytes.Buffer
	cmd      *exec.Cmd
	done     chan struct{}
	mu       sync.Mutex
}

// New prepares an installation in a temporary folder, on ports of its own.
func New(t testing.TB, database string) *Program {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	p := &Program{t: t, bin: bin, Data: filepath.Join(t.TempDir(), "data"), Database: database, HTTP: free(t), SMTP: free(t)}
	t.Cleanup(func() { p.Kill() })
	return p
}

func free(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (p *Program) flags() []string {
	f := []string{"--data", p.Data}
	if p.Database != "" {
		f = append(f, "--database", p.Database)
	}
	return f
}

// Start starts the server and waits until it is ready.
func (p *Program) Start() {
	p.t.Helper()
	p.cmd = exec.Command(p.bin, append(append([]string{"serve", "--listen", p.HTTP, "--smtp", p.SMTP}, p.flags()...), p.Extra...)...) // #nosec G204 -- our own binary
	p.cmd.Env = append(os.Environ(), p.Env...)
	p.cmd.Stderr, p.cmd.Stdout = (*locked)(p), (*locked)(p)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	p.done = done
	go func(c *exec.Cmd) { _ = c.Wait(); close(done) }(p.cmd)
	deadline := time.Now().Add(time.Minute)
	for {
		select {
		case <-done:
			p.t.Fatalf("the program ended at its start:\n%s", p.Said())
		case <-time.After(10 * time.Millisecond):
		}
		if res, err := http.Get("http://" + p.HTTP + "/readyz"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the program is not ready:\n%s", p.Said())
		}
	}
}

// locked collects what the program says.
type locked Program

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Logs.Write(b)
}

// Said is all that the program wrote.
func (p *Program) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Logs.String()
}

// Kill kills the server with -9.
func (p *Program) Kill() { p.end(syscall.SIGKILL) }

// Stop stops it gracefully.
func (p *Program) Stop() { p.end(syscall.SIGTERM) }

func (p *Program) end(sig syscall.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		p.t.Error("the program did not end within a minute")
	}
	p.cmd = nil
}

// Run runs a command and gives what it printed; it must succeed.
func (p *Program) Run(args ...string) string {
	p.t.Helper()
	out, said, code := p.Try(args...)
	if code != 0 {
		p.t.Fatalf("insegel %s: exit %d\n%s%s", strings.Join(args, " "), code, out, said)
	}
	return out
}

// Try runs a command and gives its output, its errors and its exit code.
func (p *Program) Try(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, p.bin, append(args, p.flags()...)...) // #nosec G204 -- our own binary
	c.Env = append(os.Environ(), p.Env...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	_ = c.Run()
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}
