package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/privet-gateway/privet/audit/rights"
)

// rightsSuppressedCmd keeps imports from bringing erased people back.
type rightsSuppressedCmd struct {
	state `embed:""`
	File  string `arg:"" optional:"" help:"One identifier a line; - or nothing reads standard input." default:"-"`
	Kind  string `help:"What they are: email, phone, subject, phone_number, user_id." default:"email"`
	Keep  bool   `help:"Print those that may be imported, instead of those that must be left out."`
}

// Help shows an example.
func (rightsSuppressedCmd) Help() string {
	return `Before a system is filled from a backup, a feed or a file: print the identifiers that must be
left out, because their people had their data erased. Case and blanks around do not matter.
Programs ask the console: POST /api/suppressed {"kind":"email","values":["ana@example.com"]}`
}

// Run filters line by line, in constant memory.
func (c *rightsSuppressedCmd) Run(ctx context.Context, std streams) error {
	ctx = patient(ctx)
	h, office, err := c.office(ctx, std)
	if err != nil {
		return err
	}
	defer h.close()
	in := std.in
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return &exit{2, err}
		}
		defer file.Close()
		in = file
	}
	out := bufio.NewWriter(std.out)
	lines := bufio.NewScanner(in)
	for more := true; more; {
		var values []string
		for len(values) < rights.MostSuppressed {
			if more = lines.Scan(); !more {
				break
			}
			if v := strings.TrimSpace(lines.Text()); v != "" {
				values = append(values, v)
			}
		}
		if err := c.some(ctx, office, out, values); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), out.Flush())
}

func (c *rightsSuppressedCmd) some(ctx context.Context, office *rights.Office, out io.Writer, values []string) error {
	gone, err := office.Suppressed(ctx, c.Kind, values)
	if errors.Is(err, rights.ErrInvalid) {
		return &exit{2, err}
	}
	if err != nil {
		return err
	}
	leave := map[string]bool{}
	for _, v := range gone {
		leave[v] = true
	}
	for _, v := range values {
		if leave[v] == c.Keep {
			continue
		}
		if _, err := fmt.Fprintln(out, v); err != nil {
			return err
		}
	}
	return nil
}
