package host

// Remembered tells how many names are in the memory.
func (h *Hosts) Remembered() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.known)
}
