package smtpd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"
)

// Server takes mail in. It lives from Listen over Serve to Shutdown, once.
type Server struct {
	cfg  Config
	gate *gate

	mu        sync.Mutex
	listeners []net.Listener
	conns     map[*conn]struct{}
	stopping  bool
	wg        sync.WaitGroup // connections and accept loops
	cancel    context.CancelFunc
	ctx       context.Context // of all connections; ends when they are stopped hard
}

// New makes a Server; it listens nowhere yet.
func New(cfg Config) (*Server, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		cfg: cfg, gate: newGate(cfg.Limits, cfg.Clock),
		conns: map[*conn]struct{}{}, ctx: ctx, cancel: cancel,
	}, nil
}

// Listen opens all addresses, or none and says which one failed.
func (s *Server) Listen(ctx context.Context) error {
	var lc net.ListenConfig
	var open []net.Listener
	for _, a := range s.cfg.Addresses {
		l, err := lc.Listen(ctx, "tcp", a)
		if err != nil {
			for _, o := range open {
				_ = o.Close()
			}
			return err
		}
		open = append(open, l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, open...)
	return nil
}

// Addrs tells where the server listens, with the ports that were given for 0.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var a []net.Addr
	for _, l := range s.listeners {
		a = append(a, l.Addr())
	}
	return a
}

// Serve takes connections until ctx ends (hard stop) or Shutdown is called (graceful), and returns when
// nothing of it runs any more. It returns an error only where listening broke.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.Close)
	defer stop()
	s.mu.Lock()
	ls := append([]net.Listener(nil), s.listeners...)
	s.mu.Unlock()
	if len(ls) == 0 {
		return errors.New("smtpd: serve without an open listener")
	}
	errs := make(chan error, len(ls))
	for _, l := range ls {
		go func() { errs <- s.accept(l) }()
	}
	var all []error
	for range ls {
		err := <-errs
		if err != nil {
			s.Close()
		}
		all = append(all, err)
	}
	s.wg.Wait()
	return errors.Join(all...)
}

func (s *Server) accept(l net.Listener) error {
	for failures := 0; ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			failures = 0
			s.admit(nc)
		case s.isStopping() || errors.Is(err, net.ErrClosed):
			return nil
		case failures < 10: // out of file descriptors, mostly: others are being closed meanwhile
			failures++
			s.cfg.Log.Warn("smtp accept failed", "err", err)
			pause(s.ctx, time.Duration(failures)*100*time.Millisecond)
		default:
			return err
		}
	}
}

// admit starts a connection, or says 421 where there are too many.
func (s *Server) admit(nc net.Conn) {
	ip := remoteIP(nc)
	if why := s.gate.enter(ip); why != "" {
		s.cfg.Log.Info("smtp refused", "ip", ip, "code", 421, "reason", why)
		_ = nc.SetWriteDeadline(deadline(time.Second))
		_, _ = nc.Write([]byte("421 4.7.0 " + s.cfg.Hostname + " Too many connections, try again later\r\n"))
		_ = nc.Close()
		return
	}
	c := newConn(s, nc, ip)
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		s.gate.leave(ip)
		_ = nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.wg.Add(1)
	s.mu.Unlock()
	go s.run(c)
}

func (s *Server) run(c *conn) {
	defer s.wg.Done()
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("smtp connection panicked", "panic", p, "stack", string(debug.Stack()))
		}
		c.close()
		s.gate.leave(c.ip)
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	c.serve()
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// Shutdown stops gracefully: no new connections, 421 to the idle ones, and those with a transaction
// under way finish it. When ctx ends first, the rest are cut off and its error is returned; what was
// not acknowledged the senders keep.
func (s *Server) Shutdown(ctx context.Context) error {
	s.beginStop()
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		s.cancel()
		return nil
	case <-ctx.Done():
		s.Close()
		<-done
		return ctx.Err()
	}
}

// Close stops hard: running transactions are cancelled and all connections closed.
func (s *Server) Close() {
	s.beginStop()
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.cut()
	}
}

func (s *Server) beginStop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for _, l := range s.listeners {
		_ = l.Close()
	}
	for c := range s.conns {
		c.askToStop()
	}
}

func remoteIP(nc net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.IPv4Unspecified() // not TCP: all of them count as one source
	}
	return ap.Addr().Unmap().WithZone("")
}

// deadline counts on the machine's clock, for the kernel's timers know no other.
func deadline(d time.Duration) time.Time { return time.Now().Add(d) }

// pause waits, or less where ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
