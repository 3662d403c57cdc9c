// Command privet-verify checks an export of a trail, or the evidence of a privacy
// request with the trail in it: offline, with nothing but the archive and a public
// key that came by another way. It knows no database, no network and no secret, so
// that an auditor has little to trust.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/privet-gateway/privet/audit/evidence"
)

const usage = `Usage: privet-verify FILE.zip --key VKEY [--head CHECKPOINT]…

Check an export of a trail, or the evidence of one privacy request.

  --key VKEY         the house's verifier key, or a file that holds it; get it
                     from the house by another way than the archive
  --head CHECKPOINT  a checkpoint that you have kept; the archive must continue it

Exit status: 0 VERIFIED, 2 unreadable, 3 INCOMPLETE, 4 TAMPERED,
5 ROLLED-BACK or FORKED, 6 UNKNOWN-KEY.

Example: privet-verify march.zip --key trail.vkey --head checkpoint-of-february
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	var file, key string
	var heads []string
	for len(args) > 0 {
		if flag, value, joined := strings.Cut(args[0], "="); joined && (flag == "--key" || flag == "--head") {
			args = append([]string{flag, value}, args[1:]...)
		}
		switch arg := args[0]; {
		case arg == "-h" || arg == "--help":
			fmt.Fprint(out, usage)
			return 0
		case (arg == "--key" || arg == "--head") && len(args) > 1:
			if args = args[1:]; arg == "--key" {
				key = args[0]
			} else {
				heads = append(heads, args[0])
			}
		case file == "" && arg != "" && arg[0] != '-':
			file = arg
		default:
			fmt.Fprintf(errs, "privet-verify: what is %q?\n%s", arg, usage)
			return 2
		}
		args = args[1:]
	}
	if file == "" || key == "" {
		fmt.Fprint(errs, usage)
		return 2
	}
	report, err := evidence.VerifyFile(ctx, file, key, heads, nil)
	if err != nil {
		fmt.Fprintln(errs, "privet-verify:", err)
		return 2
	}
	report.Print(out)
	return report.Verdict.Exit()
}
