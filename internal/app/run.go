package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"insegel/internal/fault"
)

// Timeouts of the HTTP server, so that no slow client holds a connection for ever.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	graceful      = 20 * time.Second
)

// Ready is told where the program listens, once it does.
type Ready struct{ HTTP, SMTP string }

// Run serves until ctx ends, then stops gracefully: what was begun is finished, what was accepted is kept.
func (a *App) Run(ctx context.Context, ready func(Ready)) error {
	web, err := net.Listen("tcp", a.Config.Listen)
	if err != nil {
		return fault.Because(err, fault.Unavailable, "fault.app.listen", "address", a.Config.Listen, "flag", "--listen")
	}
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: 64 << 10}
	if a.Config.TLSCert != "" {
		cert, err := a.certificate()
		if err != nil {
			return errors.Join(err, web.Close())
		}
		web = tls.NewListener(web, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}})
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	at := Ready{HTTP: web.Addr().String()}
	endMail, err := a.runMail(ctx, &all, &at, stop)
	if err != nil {
		return errors.Join(err, web.Close())
	}
	// Last, so that who is answered "ready" finds every door open.
	all.Go(func() {
		if err := server.Serve(web); !errors.Is(err, http.ErrServerClosed) {
			stop(err)
		}
	})
	if !a.Held {
		all.Go(func() { a.Worker.Run(ctx) })
		all.Go(func() { a.keepHouse(ctx) })
	}
	a.Logger.Info("ready", "http", at.HTTP, "smtp", at.SMTP, "engine", a.Engine.Dialect(), "held", a.Held)
	if ready != nil {
		ready(at)
	}
	<-ctx.Done()
	return a.stop(context.Cause(ctx), server, endMail, &all)
}

// runMail opens the SMTP door; what was restored takes no mail.
func (a *App) runMail(ctx context.Context, all *sync.WaitGroup, at *Ready, stop func(error)) (end func(context.Context) error, err error) {
	if a.Config.SMTP == "" || a.Held {
		return func(context.Context) error { return nil }, nil
	}
	server, err := a.smtpServer()
	if err != nil {
		return nil, err
	}
	if err := server.Listen(ctx); err != nil {
		return nil, fault.Because(err, fault.Unavailable, "fault.app.listen", "address", a.Config.SMTP, "flag", "--smtp")
	}
	at.SMTP = server.Addrs()[0].String()
	all.Go(func() {
		if err := server.Serve(context.WithoutCancel(ctx)); err != nil {
			stop(err)
		}
	})
	return server.Shutdown, nil
}

func (a *App) stop(cause error, server *http.Server, endMail func(context.Context) error, all *sync.WaitGroup) error {
	if errors.Is(cause, context.Canceled) {
		cause = nil
	}
	a.Logger.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), graceful)
	defer cancel()
	err := errors.Join(cause, endMail(ctx), server.Shutdown(ctx))
	all.Wait()
	return err
}
