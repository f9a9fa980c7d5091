package smtpd

import (
	"io"
	"strconv"
	"strings"
)

// parseBdat reads "size [LAST]".
func parseBdat(arg string) (n int64, last, ok bool) {
	f := strings.Fields(arg)
	if len(f) == 0 || len(f) > 2 || len(f) == 2 && !strings.EqualFold(f[1], "LAST") {
		return 0, false, false
	}
	u, err := strconv.ParseUint(f[0], 10, 62)
	return int64(u), len(f) == 2, err == nil // #nosec G115 -- 62 bits
}

// chunkReader reads a message that comes in BDAT chunks. Between two chunks it answers the first and
// reads the next command itself; any other command than BDAT, NOOP ends the message, and is answered by
// the connection afterwards.
type chunkReader struct {
	c    *conn
	left int64
	last bool
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for r.left == 0 {
		if r.last {
			return 0, io.EOF
		}
		if err := r.nextChunk(); err != nil {
			return 0, err
		}
	}
	n, err := blockReader{r.c}.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err != nil {
		err = gone(err)
	}
	return n, err
}

func (r *chunkReader) nextChunk() error {
	c := r.c
	c.reply(250, "2.0.0", "Chunk taken")
	for range c.srv.cfg.Limits.Errors {
		line, err := c.readLine(false)
		if err != nil {
			return gone(err)
		}
		verb, arg, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "BDAT":
			n, last, ok := parseBdat(arg)
			if !ok || n > 2*c.srv.cfg.Limits.MessageBytes {
				return c.giveUp(line)
			}
			r.left, r.last = n, last
			return nil
		case "NOOP":
			c.reply(250, "2.0.0", "OK")
		default:
			return c.giveUp(line)
		}
	}
	return c.giveUp("NOOP")
}

// giveUp leaves the command for the connection to answer, outside the message.
func (c *conn) giveUp(line string) error {
	c.pending, c.havePend = line, true
	return errAborted
}
