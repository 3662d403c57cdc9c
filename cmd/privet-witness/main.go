// Command privet-witness is run by an auditor, on a machine of their own: it
// remembers how far each log was, and cosigns only what continues it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/witness"
)

const usage = `Usage: privet-witness --logs FILE --key FILE --memory FILE [--listen ADDRESS]

Cosign checkpoints of logs that only ever grow (C2SP tlog-witness).

  --logs FILE       verifier keys of the logs, one a line: the trail.vkey of each house
  --key FILE        the witness's signing key; made at the first start
  --name NAME       the witness's name, for a key that is made now
  --memory FILE     what it has seen; never go back to an older copy
  --listen ADDRESS  default 127.0.0.1:7433; put a TLS proxy in front of it

It prints its verifier key, for the trail's configuration, on standard output,
and on standard error where it listens.

Example: privet-witness --logs trail.vkey --key witness.key --name auditor.example --memory witness.json
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "privet-witness:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "privet-witness:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("wrong usage; try --help")

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("privet-witness", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(out, usage) }
	flags.SetOutput(io.Discard)
	logs := flags.String("logs", "", "")
	key := flags.String("key", "", "")
	name := flags.String("name", "witness", "")
	memory := flags.String("memory", "", "")
	listen := flags.String("listen", "127.0.0.1:7433", "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if *logs == "" || *key == "" || *memory == "" || flags.NArg() > 0 {
		return errUsage
	}
	text, err := os.ReadFile(*logs)
	if err != nil {
		return fmt.Errorf("read keys of the logs: %w", err)
	}
	known, err := evidence.ParseKeys(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", *logs, err)
	}
	skey, vkey, err := ownKey(*key, *name)
	if err != nil {
		return fmt.Errorf("key of the witness: %w", err)
	}
	server, err := witness.NewServer(skey, known, *memory)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, vkey)
	fmt.Fprintln(errs, "privet-witness: listening on", listener.Addr())
	return serve(ctx, listener, server)
}

// ownKey reads the signing key and its verifier key, or makes them.
func ownKey(file, name string) (skey, vkey string, err error) {
	raw, err := os.ReadFile(file)
	if err == nil {
		fields := strings.Fields(string(raw))
		if len(fields) != 2 {
			return "", "", fmt.Errorf("%s does not hold a signing and a verifier key", file)
		}
		return fields[0], fields[1], nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", "", err
	}
	if skey, vkey, err = note.GenerateKey(nil, name); err != nil {
		return "", "", err
	}
	if vkey, err = f_note.VKeyToCosignatureV1(vkey); err != nil {
		return "", "", err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", "", err
	}
	_, err = fmt.Fprintf(f, "%s\n%s\n", skey, vkey)
	return skey, vkey, errors.Join(err, f.Sync(), f.Close())
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 1 << 14}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(bounded)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
