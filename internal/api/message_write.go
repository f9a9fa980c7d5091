package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/visit"
)

// NewMessage is what a handler writes in a case.
type NewMessage struct {
	Kind  string    `json:"kind" enum:"reply,note" doc:"A reply goes to the person outside, a note stays here"`
	Body  string    `json:"body,omitempty" maxLength:"1048576"`
	Files []NewFile `json:"files,omitempty" maxItems:"100"`
	State *string   `json:"state,omitempty" enum:"new,open,pending,solved,closed" doc:"The case's state afterwards"`
}

// NewFile is a file that goes with a message.
type NewFile struct {
	Name    string `json:"name" minLength:"1" maxLength:"300"`
	Type    string `json:"type,omitempty" maxLength:"200" example:"application/pdf"`
	Content string `json:"content" doc:"base64 (RFC 4648 4)"`
}

type writeIn struct {
	CasePath
	Key  string `header:"Idempotency-Key" doc:"Makes it safe to repeat the request for 24 hours"`
	Body NewMessage
}

// Written is a message that is stored; a reply is on its way.
type Written struct {
	ID     string `json:"id"`
	Number int64  `json:"number" doc:"Of the case"`
	Kind   string `json:"kind" enum:"reply,note"`
}

type writtenOut struct {
	Location string `header:"Location"`
	Body     Written
}

// noteOrReply says which action a body asks for. What it does not say plainly is the stronger one.
func noteOrReply(body []byte) access.Action {
	var b struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(body, &b) == nil && b.Kind == string(cases.Note) {
		return access.Note
	}
	return access.Reply
}

// writeMessage writes a reply or a note.
func (s *server) writeMessage(ctx context.Context, c *call, in *writeIn) (*writtenOut, error) {
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	kind := cases.MessageKind(in.Body.Kind)
	if kind == cases.Reply && c.v.Action().Name() != access.Reply.Name() { // the body named its kind twice
		return nil, fault.New(fault.Invalid, "fault.message.kind", "kind", "reply")
	}
	files, err := spool(c.v, in.Body.Files)
	if err != nil {
		return nil, err
	}
	answer := cases.Answer{Kind: kind, Channel: cases.ByAPI, Author: c.v.Actor().Account, Body: in.Body.Body, Files: files}
	if in.Body.State != nil {
		st := cases.State(*in.Body.State)
		answer.State = &st
	}
	stored := func(id string) *writtenOut {
		return &writtenOut{Location: casePath(n), Body: Written{ID: id, Number: n, Kind: in.Body.Kind}}
	}
	kept := false
	out, err := once(ctx, c, http.StatusCreated, func(w *visit.Writer) (*writtenOut, string, error) {
		id, err := cases.Write(ctx, w, n, answer)
		kept = err == nil
		return stored(id), id, err
	}, func(r *visit.Reader, ref string) (*writtenOut, error) {
		kept = false
		_, err := cases.Get(ctx, r, n)
		return stored(ref), err
	})
	if !kept {
		discard(c.v, files)
	}
	return out, err
}

// spool takes a message's files in before the change.
func spool(v *visit.Visit, list []NewFile) (files []cases.NewFile, err error) {
	for _, f := range list {
		b, err := base64.StdEncoding.Strict().DecodeString(f.Content)
		if err != nil {
			discard(v, files)
			return nil, fault.New(fault.Invalid, "fault.api.base64")
		}
		d, err := v.Spool(bytes.NewReader(b), cases.MaxFileSize)
		if err != nil {
			discard(v, files)
			return nil, err
		}
		if f.Type == "" {
			f.Type = "application/octet-stream"
		}
		files = append(files, cases.NewFile{Draft: d, FileHead: cases.FileHead{Name: f.Name, Type: f.Type}})
	}
	return files, nil
}

func discard(v *visit.Visit, files []cases.NewFile) {
	for _, f := range files {
		v.Discard(f.Draft)
	}
}
