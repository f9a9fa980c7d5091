package smtpd

import (
	"context"
	"errors"
	"io"
)

// body is a message within its limits. Its first error stays: a program that overlooks it cannot turn
// half a message into a whole one.
type body struct {
	ctx   context.Context
	src   io.Reader
	gate  *gate
	limit int64
	n     int64 // read so far
	held  int64 // reserved of the bytes in flight
	end   error
	over  bool // src itself has ended
}

// The bytes in flight are counted in pieces of this size.
const piece = 64 << 10

func (b *body) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	if err := b.ctx.Err(); err != nil {
		b.end, b.over = err, true
		return 0, err
	}
	n, err := b.src.Read(p)
	b.n += int64(n)
	b.over = err != nil
	switch {
	case b.n > b.limit:
		b.end = errTooBig
	case !b.reserve():
		b.end = errFull
	default:
		b.end = err
		return n, err
	}
	if err != nil && broken(err) {
		b.end = err
	}
	return 0, b.end
}

func (b *body) reserve() bool {
	for b.held < b.n {
		if !b.gate.take(piece) {
			return false
		}
		b.held += piece
	}
	return true
}

func (b *body) release() { b.gate.give(b.held); b.held = 0 }

// drain reads on to the end of a message that is refused, so that the sender gets to read why. It gives
// up where that takes more than another whole message; then end tells that nothing can be said.
func (b *body) drain() {
	if b.over {
		return
	}
	refused := b.end
	b.release()
	n, err := io.CopyN(io.Discard, b.src, 2*b.limit)
	b.n += n
	switch {
	case err == nil:
		b.end = nil
	case !errors.Is(err, io.EOF):
		b.end = err
	case refused != nil:
		b.end = refused
	default:
		b.end = io.EOF
	}
}
