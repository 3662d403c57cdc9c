package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// examples shows one use of each command whose own help has none.
func examples() map[string]string {
	return map[string]string{
		"version":             "privet version",
		"agents add":          "privet agents add --dir demo --role tier1 zoe",
		"agents list":         "privet agents list --dir demo --json",
		"agents enrol":        "privet agents enrol --dir demo ada",
		"agents lock":         "privet agents lock --config privet.yaml ada --reason 'lost phone'",
		"agents unlock":       "privet agents unlock --config privet.yaml ada",
		"agents reset":        "privet agents reset --config privet.yaml ada",
		"agents sessions":     "privet agents sessions --config privet.yaml ada",
		"agents roles":        "privet agents roles --config privet.yaml ada --role tier2",
		"agents end":          "privet agents end --config privet.yaml ada",
		"audit tail":          "privet audit tail --dir demo --kind 'view.*' --follow",
		"audit export":        "privet audit export --config privet.yaml --out march.zip --from 2026-03-01 --to 2026-04-01",
		"audit checkpoint":    "privet audit checkpoint --config privet.yaml >> /elsewhere/checkpoints",
		"audit prune":         "privet audit prune --config privet.yaml",
		"audit backup":        "privet audit backup --config privet.yaml --out trail-backup.zip",
		"audit restore":       "privet audit restore --config privet.yaml trail-backup.zip",
		"keys init":           "privet keys init --config privet.yaml",
		"keys status":         "privet keys status --config privet.yaml --json",
		"policy check":        "privet policy check --rules rules --catalogue tool.yaml",
		"policy test":         "privet policy test --rules rules --matrix matrix.txt",
		"policy explain":      "privet policy explain --config privet.yaml --agent ada --role tier1 --tool supportdesk --screen account.view --subject ch-10000",
		"policy diff":         "privet policy diff rules.old rules.new",
		"policy replay":       "privet policy replay questions.jsonl --config privet.yaml --against rules.new",
		"policy officer":      "privet policy officer officer-ben --out ben.key",
		"policy unclassified": "privet policy unclassified --catalogue tool.yaml --tool supportdesk --screen account.view sample.json",
		"policy import":       "privet policy import openapi.yaml --tool supportdesk > tool.yaml",
		"policy pack":         "privet policy pack --rules rules --catalogue tool.yaml --key signing.pem --key-id rules-2026 --out bundle.tar.gz",
		"policy approve":      "privet policy approve --from $OLD --to $NEW --key olga.key --out bundle.tar.gz.approval",
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
		fmt.Fprintf(ctx.Stdout, "\nExample:\n  %s\n", example)
	}
	return nil
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
