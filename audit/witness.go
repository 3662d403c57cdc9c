package audit

// Witness is an outside party that cosigns checkpoints (C2SP tlog-witness).
type Witness struct {
	URL  string
	Vkey string
}
