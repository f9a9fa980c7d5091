package access

import "slices"

// Role is a named set of permissions. Two for now; the table is the only place that tells them apart.
type Role string

// The built-in roles.
const (
	Administrator Role = "administrator"
	Handler       Role = "handler"
)

// Roles lists the built-in roles, the most powerful first.
func Roles() []Role { return []Role{Administrator, Handler} }

// Valid tells whether r is a role.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

func (r Role) permissions() []Permission {
	switch r {
	case Administrator:
		return []Permission{PermOwn, PermRead, PermHandle, PermHold, PermAudit, PermManage}
	case Handler:
		return []Permission{PermOwn, PermRead, PermHandle, PermHold, PermAudit}
	}
	return nil
}

// May tells whether the role has what the action needs.
func (r Role) May(a Action) bool { return a.public || slices.Contains(r.permissions(), a.need) }
