package i18n

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

//go:embed catalogue/*.json
var embedded embed.FS

// Load reads the catalogue that is built into the program.
func Load() (*Catalogue, error) { return builtIn(everything) }

// LoadOnly is Load for a program that says little and is to stay small: it reads the files
// of these subjects alone, such as agent.ja.json and agent.en.json for "agent". A subject
// without a file is an error.
func LoadOnly(subjects ...string) (*Catalogue, error) {
	patterns := make([]string, len(subjects))
	for i, s := range subjects {
		patterns[i] = s + ".*.json"
	}
	return builtIn(patterns...)
}

const everything = "*.json"

func builtIn(patterns ...string) (*Catalogue, error) {
	sub, err := fs.Sub(embedded, "catalogue")
	if err != nil {
		return nil, fmt.Errorf("load catalogue: %w", err)
	}
	return read(sub, patterns...)
}

// LoadFS reads every *.json file at the root of fsys. A name that ends in no known
// language, an id given twice (within a file or across files of a language), an
// empty text and a malformed place are errors, each naming the file and the id.
func LoadFS(fsys fs.FS) (*Catalogue, error) { return read(fsys, everything) }

func read(fsys fs.FS, patterns ...string) (*Catalogue, error) {
	var names []string
	for _, p := range patterns {
		found, err := fs.Glob(fsys, p)
		if err == nil && len(found) == 0 && p != everything {
			err = fs.ErrNotExist
		}
		if err != nil {
			return nil, fmt.Errorf("load catalogue: %s: %w", p, err)
		}
		names = append(names, found...)
	}
	c := &Catalogue{texts: map[Lang]map[string]message{JA: {}, EN: {}}}
	from := map[Lang]map[string]string{JA: {}, EN: {}}
	for _, name := range names {
		lang, ok := langOf(name)
		if !ok {
			return nil, fmt.Errorf("load catalogue: %s: the name must end in .ja.json or .en.json", name)
		}
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("load catalogue: %w", err)
		}
		err = readFile(raw, func(id string, m message) error {
			if first, twice := from[lang][id]; twice {
				return fmt.Errorf("message %q was already given in %s", id, first)
			}
			from[lang][id], c.texts[lang][id] = name, m
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("load catalogue: %s: %w", name, err)
		}
	}
	return c, nil
}

func langOf(name string) (Lang, bool) {
	for _, l := range Langs() {
		if strings.HasSuffix(name, "."+string(l)+".json") {
			return l, true
		}
	}
	return "", false
}

// readFile walks one file token by token, because decoding into a map would silently
// drop the first of two equal ids.
func readFile(raw []byte, add func(id string, m message) error) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	open, err := dec.Token()
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if open != json.Delim('{') {
		return errors.New("want one flat object of messages")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		id, _ := key.(string) // a key of an object is always a string
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return fmt.Errorf("message %q: %w", id, err)
		}
		m, err := parseValue(value)
		if err != nil {
			return fmt.Errorf("message %q: %w", id, err)
		}
		if err := add(id, m); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the closing brace")
	}
	return nil
}
