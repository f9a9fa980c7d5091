package deliver

import (
	"errors"
	"net/smtp"
	"strings"
)

var errClear = errors.New("deliver: no login in clear")

// plainAuth is RFC 4616. The standard library's own also sends to localhost in clear; this never does.
type plainAuth struct{ user, password string }

func (a plainAuth) Start(si *smtp.ServerInfo) (string, []byte, error) {
	if !si.TLS {
		return "", nil, errClear
	}
	return "PLAIN", []byte("\x00" + a.user + "\x00" + a.password), nil
}

func (a plainAuth) Next(_ []byte, more bool) ([]byte, error) {
	if more {
		return nil, errors.New("deliver: unexpected challenge")
	}
	return nil, nil
}

// loginAuth is what some smarthosts know alone: two questions, two answers.
type loginAuth struct {
	user, password string
	asked          int
}

func (a *loginAuth) Start(si *smtp.ServerInfo) (string, []byte, error) {
	if !si.TLS {
		return "", nil, errClear
	}
	return "LOGIN", nil, nil
}

func (a *loginAuth) Next(challenge []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	a.asked++
	switch {
	case a.asked > 2:
		return nil, errors.New("deliver: unexpected challenge")
	case strings.HasPrefix(strings.ToLower(string(challenge)), "password"), a.asked == 2:
		return []byte(a.password), nil
	}
	return []byte(a.user), nil
}
