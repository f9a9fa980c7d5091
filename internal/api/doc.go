// Package api is the program for programs: REST over JSON, with a token, described by an OpenAPI 3.1 document that is made from
// the types.
//
// It owns the paths under /api, what requests and answers look like, problem documents (RFC 9457), limits on how much and how
// often somebody asks, and ETags. It holds no rule of a feature and no SQL: each call enters one visit for the action that the
// route table (routes.go) names beside it, and hands on to the room whose duty it is. There is no call without an action.
//
// Who holds a token of another tenant, or asks for something outside their purposes, gets the same answer as for a thing that
// is not there.
package api
