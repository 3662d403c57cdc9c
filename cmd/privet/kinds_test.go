package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// eventKinds are the kinds of all events that the code can write, each with a
// place that writes it: what stands as Kind in an audit.Event or mfa.Act, there
// or where the function is called that takes it as a parameter. A kind that
// cannot be read off the code is an error. "signin." stands for all that begin so.
func eventKinds(t *testing.T, root string) map[string]string {
	t.Helper()
	k := kinds{fset: token.NewFileSet(), constants: map[string]string{}, takes: map[string]int{}, found: map[string]string{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "deploy" || d.Name() == "supportdesk" || strings.HasPrefix(d.Name(), ".") && path != root) {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(k.fset, path, nil, parser.SkipObjectResolution)
		k.files = append(k.files, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	k.readConstants()
	for known := -1; known != len(k.takes); { // until no more functions pass a kind on
		known = len(k.takes)
		for _, file := range k.files {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
					k.read(t, file, f)
				}
			}
		}
	}
	return k.found
}

type kinds struct {
	fset      *token.FileSet
	files     []*ast.File
	constants map[string]string
	takes     map[string]int // function of a package → which parameter is a kind
	found     map[string]string
}

func (k *kinds) readConstants() {
	for _, file := range k.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				for i, name := range spec.Names {
					if i < len(spec.Values) {
						if text, ok := literal(spec.Values[i]); ok {
							k.constants[name.Name] = text
						}
					}
				}
			}
			return true
		})
	}
}

func literal(e ast.Expr) (string, bool) {
	b, ok := e.(*ast.BasicLit)
	if !ok || b.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(b.Value)
	return text, err == nil
}

func (k *kinds) read(t *testing.T, file *ast.File, f *ast.FuncDecl) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if name := nameOf(n.Type); name != "Event" && name != "Act" {
				return true
			}
			for _, e := range n.Elts {
				if pair, ok := e.(*ast.KeyValueExpr); ok && nameOf(pair.Key) == "Kind" {
					k.add(t, file, f, pair.Value)
				}
			}
		case *ast.CallExpr:
			if at, ok := k.takes[file.Name.Name+"."+nameOf(n.Fun)]; ok && at < len(n.Args) {
				k.add(t, file, f, n.Args[at])
			}
		}
		return true
	})
}

// nameOf is the last name of an expression.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func (k *kinds) add(t *testing.T, file *ast.File, f *ast.FuncDecl, e ast.Expr) {
	place := k.fset.Position(e.Pos()).String()
	if text, ok := literal(e); ok {
		k.found[text] = place
		return
	}
	if sum, ok := e.(*ast.BinaryExpr); ok {
		k.add(t, file, f, sum.X)
		return
	}
	name := nameOf(e)
	if text, ok := k.constants[name]; ok {
		k.found[text] = place
		return
	}
	if _, field := e.(*ast.SelectorExpr); field && name == "Kind" {
		return // of another event: it is passed on or read back
	}
	if _, field := e.(*ast.SelectorExpr); field && k.readField(file.Name.Name, name, place) {
		return
	}
	if at := parameter(f, name); at >= 0 {
		k.takes[file.Name.Name+"."+f.Name.Name] = at
		return
	}
	known := false
	ast.Inspect(f.Body, func(n ast.Node) bool { // a variable: all that it may be
		if set, ok := n.(*ast.AssignStmt); ok && len(set.Lhs) == len(set.Rhs) {
			for i, to := range set.Lhs {
				if text, ok := literal(set.Rhs[i]); ok && nameOf(to) == name {
					k.found[text], known = place, true
				}
			}
		}
		return true
	})
	if !known {
		t.Errorf("%s: the kind of an event cannot be read off the code", place)
	}
}

// readField takes all that a package's literals give a field.
func (k *kinds) readField(pkg, field, place string) (known bool) {
	for _, file := range k.files {
		if file.Name.Name != pkg {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if pair, ok := n.(*ast.KeyValueExpr); ok && nameOf(pair.Key) == field {
				if text, ok := literal(pair.Value); ok && strings.Contains(text, ".") {
					k.found[text], known = place, true
				}
			}
			return true
		})
	}
	return known
}

func parameter(f *ast.FuncDecl, name string) int {
	var names []string
	for _, field := range f.Type.Params.List {
		for _, n := range field.Names {
			names = append(names, n.Name)
		}
	}
	return slices.Index(names, name)
}
