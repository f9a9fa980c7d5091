package mailmsg

func complaint(m *Message) (Kind, bool) { return Kind{}, false }

func bounce(m *Message, null bool) (Kind, bool) { return Kind{}, false }
