// Command insegel is a case desk whose cases are sealed, answered and one day erased.
package main

import (
	"context"
	"os"
	"syscall"

	"insegel/internal/cli"
)

func main() {
	syscall.Umask(0o077) // what is written is nobody else's to read
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.ThisMachine()))
}
