package smtpd

import (
	"bufio"
	"io"
)

// dotReader undoes the transparency of DATA (RFC 5321 4.5.2): a dot at the start of a line goes, and
// CR LF . CR LF ends the message. Only that: LF . LF, LF . CR LF, CR . CR and the like are text.
type dotReader struct {
	br    *bufio.Reader
	wait  func() error // before a read that may block
	state dotState
}

type dotState uint8

const (
	lineStart dotState = iota // after CR LF, or at the beginning
	inLine
	afterCR
	afterDot   // CR LF .
	afterDotCR // CR LF . CR
	ended
)

func (d *dotReader) Read(p []byte) (int, error) {
	if d.state == ended {
		return 0, io.EOF
	}
	for len(p) > 0 {
		if err := d.fill(); err != nil {
			return 0, err
		}
		in, _ := d.br.Peek(d.br.Buffered())
		used, n := d.decode(in, p)
		_, _ = d.br.Discard(used)
		if n > 0 || d.state == ended {
			return n, eofIf(d.state == ended)
		}
	}
	return 0, nil
}

// fill waits until the connection has bytes buffered; it consumes none.
func (d *dotReader) fill() error {
	if d.br.Buffered() > 0 {
		return nil
	}
	if err := d.wait(); err != nil {
		return err
	}
	if _, err := d.br.Peek(1); err != nil {
		return gone(err)
	}
	return nil
}

func (d *dotReader) decode(in, out []byte) (used, n int) {
	for used < len(in) && n < len(out) && d.state != ended {
		b := in[used]
		used++
		switch {
		case d.state == lineStart && b == '.':
			d.state = afterDot
			continue
		case d.state == afterDot && b == '\r':
			d.state = afterDotCR
			continue
		case d.state == afterDotCR && b == '\n':
			d.state = ended
			continue
		case d.state == afterDotCR: // ". CR x" was a line of text with a stuffed dot
			out[n] = '\r'
			n++
			d.state = afterCR
			used-- // b is read again, as what follows a CR
			continue
		}
		d.state = next(d.state, b)
		out[n] = b
		n++
	}
	return used, n
}

func next(s dotState, b byte) dotState {
	switch {
	case b == '\r':
		return afterCR
	case b == '\n' && s == afterCR:
		return lineStart
	}
	return inLine
}

func eofIf(end bool) error {
	if end {
		return io.EOF
	}
	return nil
}
