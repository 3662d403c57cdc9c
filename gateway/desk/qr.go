package desk

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// qrCode draws a key as an image that needs no request of its own, and as text
// for terminals and those who cannot see images.
func qrCode(text, label string) (svg template.HTML, plain string, err error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", "", fmt.Errorf("draw QR code: %w", err)
	}
	var path, lines strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	for y := -2; y < code.Size+2; y += 2 { // two rows a line, a quiet zone around
		for x := -2; x < code.Size+2; x++ {
			lines.WriteString([]string{"█", "▄", "▀", " "}[bit(code.Black(x, y))*2+bit(code.Black(x, y+1))])
		}
		lines.WriteByte('\n')
	}
	svg = template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" role="img" aria-label="%s" shape-rendering="crispEdges"><path d="%s"/></svg>`,
		code.Size, code.Size, template.HTMLEscapeString(label), path.String()))
	return svg, lines.String(), nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
