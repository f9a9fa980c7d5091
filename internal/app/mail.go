package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"os"
	"strings"
	"time"

	"insegel/internal/channel/mail"
	"insegel/internal/channel/mail/deliver"
	"insegel/internal/fault"
	"insegel/internal/smtpd"
)

// door makes the mail channel the SMTP server's intake: the two speak of envelopes each in its own words.
type door struct{ c *mail.Channel }

func (d door) Recipient(ctx context.Context, addr string) error { return d.c.Recipient(ctx, addr) }

// Receive reads the letter whole: parsing will need it so, and the server bounds how much is in flight at once.
func (d door) Receive(ctx context.Context, env smtpd.Envelope, body io.Reader) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return d.c.Receive(ctx, mail.Envelope{ID: env.ID, RemoteIP: env.RemoteIP, HELO: env.HELO, From: env.From, Recipients: env.Recipients, TLS: env.TLS}, raw)
}

func (a *App) smtpServer() (*smtpd.Server, error) {
	cert, err := a.certificate()
	if err != nil {
		return nil, err
	}
	return smtpd.New(smtpd.Config{Addresses: []string{a.Config.SMTP}, Hostname: a.hostname(), Intake: door{a.Channel}, Clock: a.Clock, IDs: a.IDs, Log: a.Logger,
		TLS:    &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}},
		Limits: smtpd.Limits{MessageBytes: a.Config.MaxMessage}})
}

func (a *App) hostname() string {
	if a.Config.Hostname != "" {
		return a.Config.Hostname
	}
	if h, err := os.Hostname(); err == nil && h != "" {
		return h
	}
	return "localhost"
}

// from is who the program's own letters come from.
func (a *App) from() string {
	if a.Config.From != "" {
		return a.Config.From
	}
	return "insegel@" + a.hostname()
}

// certificate is what was configured, or one of our own making: servers that send mail do not verify it unless told to
// (RFC 7435), and a sealed way beats an open one.
func (a *App) certificate() (tls.Certificate, error) {
	if a.Config.TLSCert != "" {
		c, err := tls.LoadX509KeyPair(a.Config.TLSCert, a.Config.TLSKey)
		if err != nil {
			return c, fault.Because(err, fault.Invalid, "fault.app.certificate", "file", a.Config.TLSCert)
		}
		return c, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := a.Clock.Now()
	t := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: a.hostname()}, DNSNames: []string{a.hostname()},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func (a *App) smarthost() (deliver.Smarthost, error) {
	c := a.Config
	if c.Smarthost == "" {
		return deliver.Smarthost{}, nil
	}
	modes := map[string]deliver.TLSMode{"starttls": deliver.StartTLS, "implicit": deliver.Implicit, "opportunistic": deliver.Opportunistic, "plain": deliver.Plain}
	s := deliver.Smarthost{Addr: c.Smarthost, Mode: modes[c.SmarthostTLS], User: c.SmarthostUser}
	if c.SmarthostPassword != "" {
		b, err := os.ReadFile(c.SmarthostPassword)
		if err != nil {
			return s, fault.Because(err, fault.Invalid, "fault.app.password_file", "file", c.SmarthostPassword)
		}
		s.Password = strings.TrimSpace(string(b))
	}
	return s, nil
}
