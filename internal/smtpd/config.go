package smtpd

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"insegel/internal/clock"
	"insegel/internal/id"
)

// Config is what a Server needs. Zero limits and timeouts take the defaults.
type Config struct {
	Addresses []string    // where to listen, host:port
	Hostname  string      // what the server calls itself
	TLS       *tls.Config // nil: STARTTLS is not offered
	Limits    Limits
	Timeouts  Timeouts
	Intake    Intake
	Clock     clock.Clock
	IDs       *id.Source
	Log       *slog.Logger
}

// Limits bound what strangers can make the server hold. All are explicit; none can be switched off.
type Limits struct {
	MessageBytes  int64 // announced by SIZE (RFC 1870)
	Recipients    int   // a message; RFC 5321 4.5.3.1.8 asks for at least 100
	LineBytes     int   // a command line; text lines are bounded by MessageBytes only, so as to lose no mail
	Connections   int   // at once
	PerSource     int   // at once from one IPv4 address or IPv6 /64
	Messages      int   // a connection
	Errors        int   // wrong commands a connection before it is closed
	Unknown       int   // unknown recipients a connection before it is closed
	CommandRate   int   // commands a second and connection; more are slowed down, not refused
	InFlightBytes int64 // of messages being received, all connections together
	Sources       int   // sources remembered for guessing unknown recipients

	// Relays are the installation's own mail gateways: PerSource and the brake on unknown recipients
	// do not apply to them, for they speak for many.
	Relays []netip.Prefix
}

// Timeouts follow RFC 5321 4.5.3.2.
type Timeouts struct {
	Command   time.Duration // waiting for a command: at least 5 minutes (4.5.3.2.7)
	DataBlock time.Duration // waiting for a block of a message (4.5.3.2.5)
	Message   time.Duration // from DATA to its end, so that a trickle does not hold on for ever
	Write     time.Duration // sending replies
	Handshake time.Duration // TLS
	Lifetime  time.Duration // of a connection: nobody here is authenticated
}

func (l Limits) withDefaults() Limits {
	def(&l.MessageBytes, 50<<20)
	def(&l.Recipients, 100)
	def(&l.LineBytes, 2048)
	def(&l.Connections, 500)
	def(&l.PerSource, 50)
	def(&l.Messages, 5000)
	def(&l.Errors, 10)
	def(&l.Unknown, 20)
	def(&l.CommandRate, 1000)
	def(&l.InFlightBytes, 256<<20)
	def(&l.Sources, 10_000)
	return l
}

func (t Timeouts) withDefaults() Timeouts {
	def(&t.Command, 5*time.Minute)
	def(&t.DataBlock, 3*time.Minute)
	def(&t.Message, 30*time.Minute)
	def(&t.Write, time.Minute)
	def(&t.Handshake, time.Minute)
	def(&t.Lifetime, time.Hour)
	return t
}

func def[T ~int | ~int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func (c Config) check() error {
	var errs []error
	if c.Hostname == "" || !printable(c.Hostname) {
		errs = append(errs, errors.New("smtpd: no usable host name"))
	}
	if c.Intake == nil || c.Clock == nil || c.IDs == nil || c.Log == nil {
		errs = append(errs, errors.New("smtpd: intake, clock, ids and log are needed"))
	}
	if c.Limits.InFlightBytes < c.Limits.MessageBytes {
		errs = append(errs, errors.New("smtpd: the limit of bytes in flight is below the size of one message"))
	}
	return errors.Join(errs...)
}
