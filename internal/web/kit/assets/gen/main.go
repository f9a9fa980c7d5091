// Command gen makes dist/ out of vendor/ and src/: one style sheet, one script, one font, each also
// gzipped. With -fetch it first fills vendor/ from the pinned npm packages (npm pack; the digests below
// are checked). Neither a build nor a test of the program needs Node.
//
//	go run ./internal/web/kit/assets/gen          after a change in src/
//	go run ./internal/web/kit/assets/gen -fetch   after a change of a version here
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"insegel/internal/web/kit/assets/bundle"
)

func main() {
	fetch := flag.Bool("fetch", false, "fill vendor/ from npm first")
	dir := flag.String("dir", "internal/web/kit/assets", "the folder that holds src, vendor and dist")
	flag.Parse()
	if err := run(*dir, *fetch); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir string, fetch bool) error {
	if fetch {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := fetchAll(ctx, filepath.Join(dir, "vendor")); err != nil {
			return err
		}
	}
	out, err := bundle.Make(dir)
	if err != nil {
		return err
	}
	dist := filepath.Join(dir, "dist")
	if err := os.RemoveAll(dist); err != nil {
		return err
	}
	if err := os.MkdirAll(dist, 0o755); err != nil { // #nosec G301 -- public files
		return err
	}
	for _, f := range out {
		if err := os.WriteFile(filepath.Join(dist, f.Name), f.Data, 0o644); err != nil { // #nosec G306 -- public files
			return err
		}
		fmt.Printf("%7d  %s\n", len(f.Data), f.Name)
	}
	return nil
}
