package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// examples shows uses of each command, one a line.
func examples() map[string]string {
	return map[string]string{
		"demo":                "privet demo --dir ./demo --ready ./demo/ready.json",
		"serve":               "privet serve --config /etc/privet/privet.yaml",
		"check":               "privet check --config /etc/privet/privet.yaml",
		"version":             "privet version",
		"agents":              "privet agents add lee --role tier1 --config privet.yaml\nprivet agents end lee --config privet.yaml",
		"agents add":          "privet agents add zoe --role tier1 --dir ./demo",
		"agents list":         "privet agents list --json --dir ./demo",
		"agents enrol":        "privet agents enrol ada --dir ./demo",
		"agents email":        "privet agents email ada ada@example.com --config privet.yaml",
		"agents lock":         "privet agents lock ada --reason 'lost phone' --config privet.yaml",
		"agents unlock":       "privet agents unlock ada --config privet.yaml",
		"agents reset":        "privet agents reset ada --config privet.yaml",
		"agents sessions":     "privet agents sessions ada --config privet.yaml",
		"agents roles":        "privet agents roles ada --role tier2 --config privet.yaml",
		"agents end":          "privet agents end ada --config privet.yaml",
		"policy":              "privet policy check --rules rules --catalogue tool.yaml\nprivet policy explain --agent ada --role tier1 --tool cases --screen account.view --subject c-1 --catalogue tool.yaml --document account.json",
		"policy check":        "privet policy check --rules rules --catalogue tool.yaml",
		"policy test":         "privet policy test --rules rules --matrix matrix.txt",
		"policy explain":      "privet policy explain --agent ada --role tier1 --tool supportdesk --screen account.view --subject ch-10000 --config privet.yaml",
		"policy diff":         "privet policy diff rules.old rules.new",
		"policy replay":       "privet policy replay questions.jsonl --against rules.new --config privet.yaml",
		"policy officer":      "privet policy officer officer-ben --out ben.key",
		"policy unclassified": "privet policy unclassified sample.json --tool supportdesk --screen account.view --catalogue tool.yaml",
		"policy import":       "privet policy import openapi.yaml --tool supportdesk > tool.yaml",
		"policy pack":         "privet policy pack --rules rules --catalogue tool.yaml --key signing.pem --key-id rules-2026 --out bundle.tar.gz",
		"policy approve":      "privet policy approve --from $OLD --to $NEW --key olga.key --out bundle.tar.gz.approval",
		"redact":              "tail -f app.log | privet redact\nprivet redact --profile strict --lang de chat.txt\nprivet redact --in jsonl --spans < calls.jsonl\nprivet redact --treat pan=mask --treat email=show mail.eml",
		"audit":               "privet audit tail --kind 'view.*' --follow --dir ./demo\nprivet audit export --out march.zip --from 2026-03-01 --to 2026-04-01 --config privet.yaml\nprivet audit verify march.zip --key trail.vkey",
		"audit tail":          "privet audit tail --kind 'view.*' --follow --dir ./demo",
		"audit export":        "privet audit export --out march.zip --from 2026-03-01 --to 2026-04-01 --config privet.yaml",
		"audit verify":        "privet audit verify march.zip --key trail.vkey --head checkpoint-of-february",
		"audit checkpoint":    "privet audit checkpoint --config privet.yaml >> /elsewhere/checkpoints",
		"audit prune":         "privet audit prune --config privet.yaml",
		"audit backup":        "privet audit backup --out /elsewhere/trail.backup --config privet.yaml",
		"audit restore":       "privet audit restore trail.backup --erased /elsewhere/trail.erased --config privet.yaml",
		"rights":              "privet rights list --dir ./demo\nprivet rights file access --email ana@example.com --place US-CA --dir ./demo",
		"rights file":         "privet rights file access --email ana@example.com --place US-CA --dir ./demo",
		"rights list":         "privet rights list --dir ./demo",
		"rights show":         "privet rights show ID --dir ./demo",
		"rights plan":         "privet rights plan ID --as olga --dir ./demo",
		"rights approve":      "privet rights approve ID --hash HASH --as olga --dir ./demo",
		"rights run":          "privet rights run ID --dir ./demo",
		"rights package":      "privet rights package data.zip --dir ./demo",
		"rights suppressed":   "privet rights suppressed --keep addresses.txt --dir ./demo > import.txt",
		"keys":                "privet keys status --config privet.yaml\nprivet keys rotate sign --vault-token-file officer.token --config privet.yaml",
		"keys init":           "privet keys init --config privet.yaml",
		"keys status":         "privet keys status --json --config privet.yaml",
		"keys rotate":         "privet keys rotate sign seal --config privet.yaml",
		"keys trim":           "privet keys trim --vault-token-file officer.token --config privet.yaml",
		"keys migrate":        "privet keys migrate --config old.yaml --to new.yaml --vault-token-file migrate.token",
	}
}

// help is kong's help with the example behind it.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	selected := ctx.Selected()
	if selected == nil {
		return nil
	}
	if example := examples()[commandOf(selected)]; example != "" {
		fmt.Fprintf(ctx.Stdout, "\nExample:\n  %s\n", strings.ReplaceAll(example, "\n", "\n  "))
	}
	return nil
}

// meant is the command whose help says what was wrong.
func meant(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		for _, step := range slices.Backward(parse.Context.Path) {
			if step.Command != nil {
				return "privet " + commandOf(step.Command)
			}
		}
	}
	return "privet"
}

// commandOf is a command's words without its arguments.
func commandOf(n *kong.Node) string {
	words := strings.Fields(n.Path())
	for i, w := range words {
		if strings.ContainsAny(w, "<[") {
			return strings.Join(words[:i], " ")
		}
	}
	return strings.Join(words, " ")
}
