package store

import "fmt"

// files remembers which files were opened: SQLite writes on happily into a file
// that no longer has a name, and all of it is lost at exit.
type files struct {
	names []string
	which []identity
}

func watch(names ...string) (*files, error) {
	w := &files{names: names}
	for _, name := range names {
		which, err := identify(name)
		if err != nil {
			return nil, err
		}
		w.which = append(w.which, which)
	}
	return w, nil
}

func (w *files) check() error {
	if w == nil {
		return nil
	}
	for i, name := range w.names {
		which, err := identify(name)
		if err != nil {
			return down(fmt.Errorf("the open database file was removed or renamed; put it back or restart: %w", err))
		}
		if !which.same(w.which[i]) {
			return down(fmt.Errorf("%s was replaced while open; put it back or restart", name))
		}
	}
	return nil
}
