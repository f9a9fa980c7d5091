package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/fault"
	"insegel/internal/lang"
	"insegel/internal/seal"
	"insegel/internal/tenant"
	"insegel/internal/visit"
)

// lockFolder lets one process into a data folder.
func lockFolder(data string) (*os.File, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", data)
	}
	f, err := os.OpenFile(filepath.Join(data, "lock"), os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- in the data folder
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", data)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fault.Because(err, fault.Unavailable, "fault.app.locked", "folder", data), f.Close())
	}
	return f, nil
}

// note is what the data folder says of itself: which root key its content is under, so that a wrong or missing key is
// told before anything is touched.
type note struct {
	Node   string `json:"node"`
	Root   string `json:"root_key"` // the public fingerprint
	Engine string `json:"engine"`
	Held   bool   `json:"held,omitempty"`
}

func (a *App) notePath() string { return filepath.Join(a.Config.Data, "installation.json") }

// installation reads the note, or prepares the first one.
func (a *App) installation() error {
	b, err := os.ReadFile(a.notePath())
	if errors.Is(err, fs.ErrNotExist) {
		if left, _ := filepath.Glob(filepath.Join(a.Config.Databases(), "*.db")); len(left) > 0 {
			return fault.New(fault.Conflict, "fault.app.no_note", "file", a.notePath())
		}
		return nil
	}
	if err != nil {
		return fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", a.Config.Data)
	}
	var n note
	if err := json.Unmarshal(b, &n); err != nil || n.Node == "" {
		return fault.New(fault.Conflict, "fault.app.note_damaged", "file", a.notePath())
	}
	if n.Engine != a.dialect() {
		return fault.New(fault.Conflict, "fault.app.other_engine", "was", n.Engine, "is", a.dialect())
	}
	a.Node, a.Held = n.Node, n.Held
	return nil
}

func (a *App) dialect() string {
	if a.Config.Database != "" {
		return "postgres"
	}
	return "sqlite"
}

// keys loads the root key. It makes one only where there is no installation yet: a missing key must never be replaced by
// a new one over old data.
func (a *App) keys(random io.Reader) (err error) {
	path := a.Config.RootKey()
	if a.Root, err = a.rootKey(path, random); err != nil {
		return err
	}
	if err := a.knownRoot(path); err != nil {
		return err
	}
	a.Places, err = seal.OpenPlaces(a.Config.Places(), a.Root, random)
	return err
}

func (a *App) rootKey(path string, random io.Reader) (*seal.Root, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if a.Node != "" {
			return nil, fault.New(fault.Conflict, "fault.app.key_missing", "file", path, "data", a.Config.Data)
		}
		return seal.CreateRoot(path, orRandom(random))
	}
	return seal.LoadRoot(path)
}

// knownRoot holds the key against the note, and writes the note at the first start.
func (a *App) knownRoot(path string) error {
	if a.Node == "" {
		a.Node = a.IDs.New()
		return a.WriteNote()
	}
	b, err := os.ReadFile(a.notePath())
	if err != nil {
		return fmt.Errorf("read note: %w", err)
	}
	var n note
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("read note: %w", err)
	}
	if n.Root != a.Root.ID() {
		return fault.New(fault.Conflict, "fault.app.key_wrong", "file", path, "want", n.Root, "have", a.Root.ID())
	}
	return nil
}

// WriteNote writes what the data folder says of itself.
func (a *App) WriteNote() error {
	return WriteNote(a.Config.Data, a.Node, a.Root.ID(), a.dialect(), a.Held)
}

// WriteNote writes an installation's note durably into a data folder.
func WriteNote(data, node, root, engine string, held bool) error {
	b, err := json.MarshalIndent(note{Node: node, Root: root, Engine: engine, Held: held}, "", "\t")
	if err != nil {
		return fmt.Errorf("write note: %w", err)
	}
	path := filepath.Join(data, "installation.json")
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- in the data folder
	if err != nil {
		return tenant.Full(err)
	}
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return tenant.Full(err)
	}
	return tenant.Full(os.Rename(path+".tmp", path))
}

// operator makes the operator's tenant at the first start.
func (a *App) operator(ctx context.Context) error {
	there, err := a.Engine.Exists(ctx, Operator)
	if err != nil {
		return err
	}
	if there {
		if _, release, err := a.House.Get(ctx, Operator); err == nil {
			release()
		} else if fault.Of(err).Key != "fault.log.damaged" {
			return err
		}
	}
	if err := a.Waist.Found(ctx, nil, Operator, tenant.OperatorSlug, ""); err != nil {
		return err
	}
	return a.listOperator(ctx)
}

// listOperator puts the operator's tenant into its own directory, once.
func (a *App) listOperator(ctx context.Context) error {
	_, err := a.Lookup.ByID(ctx, Operator)
	if err == nil || fault.KindOf(err) != fault.NotFound {
		return err
	}
	v, err := a.Waist.Enter(ctx, Operator, access.Console("first start"), access.CreateTenant)
	if err != nil {
		return err
	}
	defer v.Leave()
	return a.Waist.Found(ctx, v, Operator, tenant.OperatorSlug, "Insegel")
}

// FirstAdministrator invites the operator's first administrator if nobody there can log in yet, and gives the link.
func (a *App) FirstAdministrator(ctx context.Context, mail string) (link string, err error) {
	v, err := a.Waist.Enter(ctx, Operator, access.Console("first start"), access.InviteAccount)
	if err != nil {
		return "", err
	}
	defer v.Leave()
	all, err := account.List(ctx, v, "", 1)
	if err != nil || len(all) > 0 {
		return "", err
	}
	_, token, err := a.Door.Invite(ctx, v, account.Invite{Name: "Operator", Mail: mail, Lang: lang.En, Role: access.Administrator, NoMail: true})
	if err != nil {
		return "", err
	}
	return a.LinkURL(tenant.OperatorSlug, token), nil
}

// LinkURL is the page on which a link's token is used.
func (a *App) LinkURL(slug, token string) string { return a.Config.BaseURL(slug) + "/link/" + token }

// NewTenant makes a customer and invites its first administrator, who is called by their address until they say otherwise.
func (a *App) NewTenant(ctx context.Context, v *visit.Visit, slug, name string, admin account.Invite) (tenantID, token string, err error) {
	tenantID = a.IDs.New()
	if c, err := a.Lookup.BySlug(ctx, slug); err == nil && c.State == tenant.Pending {
		tenantID = c.ID // a crash left it half made: go on
	}
	if err := a.Waist.Found(ctx, v, tenantID, slug, name); err != nil {
		return "", "", err
	}
	in, err := a.Waist.Enter(ctx, tenantID, access.Console("tenant create"), access.InviteAccount)
	if err != nil {
		return "", "", err
	}
	defer in.Leave()
	admin.Role = access.Administrator
	if admin.Name == "" {
		admin.Name = admin.Mail
	}
	_, token, err = a.Door.Invite(ctx, in, admin)
	return tenantID, token, err
}
