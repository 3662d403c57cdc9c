package redact

// Turn is one utterance of a conversation.
type Turn struct {
	Speaker string // "agent", "caller"
	Text    string
	StartMS int64
	EndMS   int64
}
