// Generates the SDK of one language from schema.json by Pulumi's own generators: `go run . SCHEMA LANGUAGE FOLDER`.
//
// For machines without the language's Pulumi host, which has the same generator in it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	golang "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

func main() {
	if err := generate(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate(path, language, folder string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	pkg, found, err := schema.BindSpec(spec, schema.NewPluginLoader(nil), schema.ValidationOptions{})
	if err != nil {
		return err
	}
	if len(found) > 0 { // warnings too: the contract has none
		return found
	}
	files, err := sources(language, pkg)
	if err != nil {
		return err
	}
	for name, body := range files {
		target := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, body, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func sources(language string, pkg *schema.Package) (map[string][]byte, error) {
	switch language {
	case "go":
		return golang.GeneratePackage("make sdk-all", pkg, nil)
	case "nodejs":
		return nodejs.GeneratePackage("make sdk-all", pkg, nil, nil, true, nil) // compiled where it is installed
	}
	return nil, fmt.Errorf("no generator for %s", language)
}
