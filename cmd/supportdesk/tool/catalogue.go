package tool

import _ "embed"

//go:embed catalogue.yaml
var catalogue []byte

// Catalogue is what a gateway in front of the tool needs to know of it.
func Catalogue() []byte { return append([]byte(nil), catalogue...) }
