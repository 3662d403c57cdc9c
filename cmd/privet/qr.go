package main

import (
	"strings"

	"rsc.io/qr"
)

// qrText draws a QR code with half blocks, dark on light, so that a camera
// reads it from a terminal of any colours.
func qrText(text string) string {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return text + "\n"
	}
	const quiet = 2
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("  \x1b[30;107m")
		for x := -quiet; x < code.Size+quiet; x++ {
			b.WriteString([4]string{" ", "▀", "▄", "█"}[dark(code.Black(x, y))+2*dark(code.Black(x, y+1))])
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}

func dark(black bool) int {
	if black {
		return 1
	}
	return 0
}
