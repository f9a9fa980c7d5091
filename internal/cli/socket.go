package cli

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"insegel/internal/app"
	"insegel/internal/fault"
)

// The socket's protocol, both ends of which are this file. A request is its length (4 bytes, big-endian) and a JSON
// document; the answer is frames of a kind, a length and bytes, the last of which is the exit code.
const (
	maxRequest  = 64 << 10
	maxFrame    = 1 << 20
	maxCommands = 8 // at work at once in the running program
	askTimeout  = 10 * time.Second

	frameOut  = 'o'
	frameErr  = 'e'
	frameExit = 'x'
)

type request struct {
	Args     []string `json:"args"`
	Folder   string   `json:"folder"`
	Terminal bool     `json:"terminal"`
}

// control is the running program's end: it takes commands from the same system account, or root.
type control struct {
	app      *app.App
	listener *net.UnixListener
	slots    chan struct{}
	all      sync.WaitGroup
}

// listen opens the socket. The data folder is locked, so a file that is there was left by a process that is gone.
func listen(a *app.App) (*control, error) {
	path := a.Config.Socket()
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fault.Because(err, fault.Unavailable, "fault.cli.socket", "file", path)
	}
	short, end, err := reachable(path)
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, "fault.cli.socket", "file", path)
	}
	defer end()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, "fault.cli.socket", "file", path)
	}
	l.SetUnlinkOnClose(false) // its name is only good while end was not called
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fault.Because(err, fault.Unavailable, "fault.cli.socket", "file", path), l.Close())
	}
	return &control{app: a, listener: l, slots: make(chan struct{}, maxCommands)}, nil
}

// reachable gives a short name of a path: a socket's address holds 107 bytes, and folders can be deeper.
func reachable(path string) (short string, end func(), err error) {
	if len(path) <= 100 {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { _ = dir.Close() }, nil
}

// serve answers until close.
func (c *control) serve(ctx context.Context) {
	for {
		conn, err := c.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			c.app.Logger.Warn("command not taken", "err", err)
			pause(ctx, time.Second)
			continue
		}
		c.all.Go(func() {
			defer func() { _ = conn.Close() }()
			if err := c.answer(ctx, conn); err != nil {
				c.app.Logger.Warn("command not answered", "err", err)
			}
		})
	}
}

// close ends the socket, and waits for the commands, whose context the caller ended.
func (c *control) close() error {
	err := errors.Join(c.listener.Close(), os.Remove(c.app.Config.Socket()))
	c.all.Wait()
	return err
}

func (c *control) answer(ctx context.Context, conn *net.UnixConn) error {
	uid, err := peer(conn)
	if err != nil {
		return err
	}
	if uid != os.Getuid() && uid != 0 {
		return fmt.Errorf("account %d may not give commands", uid)
	}
	req, err := readRequest(conn)
	if err != nil {
		return err
	}
	f := &frames{w: conn}
	s := &Session{App: c.app, User: userName(uid), Running: true,
		Machine: Machine{Out: f.stream(frameOut), Err: f.stream(frameErr), Folder: req.Folder, Terminal: req.Terminal}}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	default:
		return f.exit(s.fail(fault.New(fault.TooMany, "fault.cli.busy", "limit", maxCommands), c.app.Logger))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // who gave the command went away
		_, _ = conn.Read(make([]byte, 1))
		stop()
	}()
	return f.exit(c.command(ctx, s, req.Args))
}

// command runs one command line. A defect in one must not take the program with it.
func (c *control) command(ctx context.Context, s *Session, args []string) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case ended: // help, which the caller prints itself
			code = int(e)
		default:
			code = s.fail(fmt.Errorf("panic: %v\n%s", e, debug.Stack()), c.app.Logger)
		}
	}()
	p, err := parse(args, s.Out, nil)
	if err != nil {
		return s.fail(fault.Because(err, fault.Invalid, "fault.cli.other_version"), c.app.Logger)
	}
	w, ok := p.command.(work)
	if !ok {
		return s.fail(fault.New(fault.Invalid, "fault.cli.other_version"), c.app.Logger)
	}
	c.app.Logger.Info("command", "what", p.ctx.Command(), "user", s.User)
	return s.do(ctx, w, c.app.Logger)
}

// peer is the system account at the other end, as the kernel tells it.
func peer(conn *net.UnixConn) (uid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var told error
	err = raw.Control(func(fd uintptr) {
		cred, told = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) // #nosec G115 -- a descriptor
	})
	if err := errors.Join(err, told); err != nil {
		return 0, fmt.Errorf("who is at the socket: %w", err)
	}
	return int(cred.Uid), nil
}

func readRequest(conn *net.UnixConn) (r request, err error) {
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return r, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxRequest {
		return r, fmt.Errorf("a command of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(conn, b); err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

// frames writes an answer; two streams share it.
type frames struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frames) write(kind byte, b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(b))) // #nosec G115 -- at most maxFrame
	_, err := f.w.Write(append(head, b...))
	return err
}

func (f *frames) exit(code int) error { return f.write(frameExit, []byte{byte(code)}) } // #nosec G115 -- 0, 1 or 2

func (f *frames) stream(kind byte) io.Writer { return stream{f, kind} }

type stream struct {
	f    *frames
	kind byte
}

func (s stream) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		piece := b[n:min(len(b), n+maxFrame)]
		err = s.f.write(s.kind, piece)
		n += len(piece)
	}
	return n, err
}

// ask has the running program do a command; ok is false where none answers.
func ask(ctx context.Context, socket string, m Machine, args []string) (code int, ok bool) {
	short, end, err := reachable(socket)
	if err != nil {
		return 0, false
	}
	defer end()
	d := net.Dialer{Timeout: askTimeout}
	conn, err := d.DialContext(ctx, "unix", short)
	if err != nil {
		return 0, false
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	b, err := json.Marshal(request{Args: args, Folder: m.Folder, Terminal: m.Terminal})
	if err != nil || len(b) > maxRequest {
		return m.fail(fault.New(fault.TooLarge, "fault.too_large"), nil), true
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)); err != nil { // #nosec G115
		return 0, false
	}
	code, err = m.copyAnswer(bufio.NewReader(conn))
	switch {
	case ctx.Err() != nil:
		return m.fail(context.Canceled, nil), true
	case err != nil:
		return m.fail(fault.Because(err, fault.Unavailable, "fault.cli.broken_off"), nil), true
	}
	return code, true
}

func (m Machine) copyAnswer(r io.Reader) (code int, err error) {
	for {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return failed, err
		}
		n := binary.BigEndian.Uint32(head[1:])
		if n > maxFrame {
			return failed, fmt.Errorf("a frame of %d bytes", n)
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return failed, err
		}
		switch head[0] {
		case frameOut:
			_, err = m.Out.Write(b)
		case frameErr:
			_, err = m.Err.Write(b)
		case frameExit:
			if len(b) != 1 {
				return failed, errors.New("no exit code")
			}
			return int(b[0]), nil
		}
		if err != nil {
			return failed, err
		}
	}
}
