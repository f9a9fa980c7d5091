package deliver

import "bufio"

// crlfWriter ends every line with CR LF, whatever it ended with, and stuffs dots.
type crlfWriter struct {
	w     *bufio.Writer
	cr    bool // the last byte was a CR, not yet written
	start bool // at the start of a line
}

func (w *crlfWriter) Write(p []byte) (int, error) {
	for _, b := range p {
		if err := w.put(b); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *crlfWriter) put(b byte) error {
	if w.cr {
		w.cr = false
		if err := w.newline(); err != nil || b == '\n' {
			return err
		}
	}
	switch {
	case b == '\r':
		w.cr = true
		return nil
	case b == '\n':
		return w.newline()
	case b == '.' && w.start:
		if err := w.w.WriteByte('.'); err != nil {
			return err
		}
	}
	w.start = false
	return w.w.WriteByte(b)
}

func (w *crlfWriter) newline() error {
	w.start = true
	_, err := w.w.WriteString("\r\n")
	return err
}

func (w *crlfWriter) end() error {
	if w.cr || !w.start {
		if err := w.newline(); err != nil {
			return err
		}
	}
	if _, err := w.w.WriteString(".\r\n"); err != nil {
		return err
	}
	return w.w.Flush()
}
