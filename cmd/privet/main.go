// Command privet is the gateway, its desk, portal and console in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the whole command line; one file holds one command.
type commands struct {
	Demo    demoCmd    `cmd:"" help:"Everything embedded, with a sample support tool; no set-up."`
	Serve   serveCmd   `cmd:"" help:"Run the gateway by a configuration file."`
	Check   checkCmd   `cmd:"" help:"Say whether a configuration would work, and what to mend."`
	Agents  agentsCmd  `cmd:"" help:"Agents and officers: add, list, enrol, lock, end sessions."`
	Policy  policyCmd  `cmd:"" help:"Rules and catalogue: check, test, explain, diff, replay."`
	Redact  redactCmd  `cmd:"" help:"Redact personal data in files or standard input."`
	Audit   auditCmd   `cmd:"" help:"The trail: tail, export, verify, checkpoint."`
	Rights  rightsCmd  `cmd:"" help:"Privacy requests: file, list, show, plan, approve, run, package."`
	Keys    keysCmd    `cmd:"" help:"Keys: status, rotate, trim, migrate."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// streams are a command's standard streams; commands print nowhere else.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exit is an error that carries its exit status: 1 a no, 2 wrong usage, 3–6 verdicts.
type exit struct {
	status int
	err    error // nil: everything was said already
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run is main without the process around it.
func run(ctx context.Context, args []string, std streams) int {
	status := -1
	parser, err := kong.New(&commands{}, kong.Name("privet"), kong.Writers(std.out, std.err),
		kong.Description("A privacy hedge around a card issuer's support tools."),
		kong.UsageOnError(), kong.Help(help), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(std),
		kong.Exit(func(code int) { status = code }))
	if err != nil {
		fmt.Fprintln(std.err, "privet:", err)
		return 2
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	command, err := parser.Parse(args)
	if status >= 0 { // --help
		return status
	}
	if err != nil {
		fmt.Fprintf(std.err, "privet: %v\nTry '%s --help'.\n", err, meant(err))
		return 2
	}
	err = command.Run()
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(std.err, "privet:", text)
	}
	var e *exit
	if errors.As(err, &e) {
		return e.status
	}
	return 1
}
