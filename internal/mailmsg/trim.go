package mailmsg

// SplitReply parts what is new in a reply from what it quotes.
func SplitReply(text string) (fresh, quoted string) { return text, "" }
