// Package config is everything that can be set, in one struct: flags, environment (INSEGEL_…) and the file say the same
// words. It owns names, defaults and the check that reports all faults at once. It opens nothing.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Store is where an installation's data are: it goes with every command.
type Store struct {
	Data     string   `help:"Folder of the data." default:"data" env:"INSEGEL_DATA" placeholder:"DIR"`
	Key      string   `help:"File of the root key, best on another disk or machine. Default: DIR.key beside the data." env:"INSEGEL_KEY" placeholder:"FILE"`
	KeyCopy  []string `help:"Further folder in which the epoch keys are kept, best on another disk." env:"INSEGEL_KEY_COPY" placeholder:"DIR"`
	Backups  string   `help:"Folder of the backups, best on another machine's disk. Default: DIR.backups beside the data." env:"INSEGEL_BACKUPS" placeholder:"DIR"`
	Database string   `help:"PostgreSQL, as postgres://user@host/name; without it SQLite files in the data folder." env:"INSEGEL_DATABASE" placeholder:"URL"`
}

// BackupFolder is where backups are.
func (s Store) BackupFolder() string {
	if s.Backups != "" {
		return s.Backups
	}
	return filepath.Clean(s.Data) + ".backups"
}

// RootKey is the file of the root key.
func (s Store) RootKey() string {
	if s.Key != "" {
		return s.Key
	}
	return filepath.Clean(s.Data) + ".key"
}

// Places are the folders of the epoch keys: beside the root key, in the data folder (no backup takes it along), and where told.
func (s Store) Places() []string {
	return append([]string{s.RootKey() + ".epochs", filepath.Join(s.Data, "epochs")}, s.KeyCopy...)
}

// Databases, Marks and Files are folders in the data.
func (s Store) Databases() string { return filepath.Join(s.Data, "tenants") }

// Marks is the folder of the logs' high-water marks.
func (s Store) Marks() string { return filepath.Join(s.Data, "marks") }

// Files is the folder of sealed files.
func (s Store) Files() string { return filepath.Join(s.Data, "files") }

// Socket is how commands reach the running program.
func (s Store) Socket() string { return filepath.Join(s.Data, "insegel.sock") }

// Serve is what serving needs besides.
type Serve struct {
	Listen     string   `help:"Address of the web pages and the API." default:"127.0.0.1:8080" env:"INSEGEL_LISTEN" placeholder:"ADDR"`
	SMTP       string   `help:"Address that takes mail; empty takes none." name:"smtp" default:"127.0.0.1:2525" env:"INSEGEL_SMTP" placeholder:"ADDR"`
	BaseDomain string   `help:"Tenants answer at SLUG.DOMAIN." default:"localhost" env:"INSEGEL_BASE_DOMAIN" placeholder:"DOMAIN"`
	Public     string   `help:"How the pages are reached from outside, with {slug}; links in mail are made of it. Default: from the other two." env:"INSEGEL_PUBLIC" placeholder:"URL"`
	Hostname   string   `help:"What the mail server calls itself; default the machine's name." env:"INSEGEL_HOSTNAME" placeholder:"NAME"`
	Proxy      []string `help:"Network of a reverse proxy whose X-Forwarded-For and X-Forwarded-Proto are believed." env:"INSEGEL_PROXY" placeholder:"CIDR"`
	TLSCert    string   `help:"Certificate for web and mail (PEM). Without it the web is plain HTTP and mail has a certificate of its own making." name:"tls-cert" env:"INSEGEL_TLS_CERT" placeholder:"FILE"`
	TLSKey     string   `help:"Key of the certificate (PEM)." name:"tls-key" env:"INSEGEL_TLS_KEY" placeholder:"FILE"`

	Smarthost         string `help:"Relay that takes all outgoing mail, host:port; without it mail goes to the recipients' own servers." env:"INSEGEL_SMARTHOST" placeholder:"ADDR"`
	SmarthostTLS      string `help:"How the relay is reached: starttls, implicit, opportunistic or plain." name:"smarthost-tls" enum:"starttls,implicit,opportunistic,plain" default:"starttls" env:"INSEGEL_SMARTHOST_TLS"`
	SmarthostUser     string `help:"Login at the relay." env:"INSEGEL_SMARTHOST_USER" placeholder:"NAME"`
	SmarthostPassword string `help:"File with the password at the relay." env:"INSEGEL_SMARTHOST_PASSWORD" placeholder:"FILE"`

	From string `help:"Sender of the program's own letters (links to choose a password). Default: insegel@HOSTNAME." env:"INSEGEL_FROM" placeholder:"MAIL"`

	MaxMessage  int64         `help:"Largest letter taken, in bytes." default:"52428800" env:"INSEGEL_MAX_MESSAGE"`
	MaxOpen     int           `help:"Tenants whose databases are open at once." default:"250" env:"INSEGEL_MAX_OPEN"`
	Idle        time.Duration `help:"After which an unused tenant's database is closed." default:"5m" env:"INSEGEL_IDLE"`
	Workers     int           `help:"Jobs done at once." default:"8" env:"INSEGEL_WORKERS"`
	Connections int           `help:"Connections to PostgreSQL at once." default:"40" env:"INSEGEL_CONNECTIONS"`
	Rotate      time.Duration `help:"How often the epoch keys are changed; what was erased is gone from all copies after it." default:"168h" env:"INSEGEL_ROTATE"`
	ResetLife   time.Duration `help:"How long a link to choose a new password lives; at most 72h." default:"1h" env:"INSEGEL_RESET_LIFE"`
	LogLevel    string        `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"INSEGEL_LOG_LEVEL"`
}

// Config is all of it.
type Config struct {
	Store
	Serve
}

// Check tells all faults at once, each with what to do.
func (c Config) Check() error {
	var errs []error
	add := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	for name, addr := range map[string]string{"listen": c.Listen, "smtp": c.SMTP, "smarthost": c.Smarthost} {
		if addr == "" && name != "listen" {
			continue
		}
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
			add("--%s %q is no address: write host:port, as 127.0.0.1:8080", name, addr)
		}
	}
	if c.BaseDomain == "" || strings.ContainsAny(c.BaseDomain, "/: ") {
		add("--base-domain %q is no domain: write a name, as desk.example.org", c.BaseDomain)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		add("--tls-cert and --tls-key go together: give both or neither")
	}
	for _, p := range c.Proxy {
		if _, err := netip.ParsePrefix(p); err != nil {
			add("--proxy %q is no network: write it as 10.0.0.5/32", p)
		}
	}
	if c.Public != "" {
		if u, err := url.Parse(strings.ReplaceAll(c.Public, "{slug}", "slug")); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			add("--public %q is no address: write it as https://{slug}.example.org", c.Public)
		}
	}
	if c.Rotate < time.Hour {
		add("--rotate %s is under an hour: the keys of every case are wrapped anew each time", c.Rotate)
	}
	if c.MaxMessage < 64<<10 {
		add("--max-message %d is under 64 KiB (RFC 5321 4.5.3.1.7)", c.MaxMessage)
	}
	return errors.Join(errs...)
}

// BaseURL is how a tenant's pages are reached from outside: of configuration only, never of a request.
func (c Config) BaseURL(slug string) string {
	if c.Public != "" {
		return strings.TrimSuffix(strings.ReplaceAll(c.Public, "{slug}", slug), "/")
	}
	scheme, port := "http", ""
	if c.TLSCert != "" {
		scheme = "https"
	}
	if _, p, err := net.SplitHostPort(c.Listen); err == nil && p != "80" && p != "443" {
		port = ":" + p
	}
	return scheme + "://" + slug + "." + c.BaseDomain + port
}
