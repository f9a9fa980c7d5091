package seal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"insegel/internal/fault"
)

func TestRootIsTheSameAfterLoading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "data.key")
	made, err := CreateRoot(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	if made.ID() != loaded.ID() || len(made.ID()) != 16 {
		t.Fatalf("%s %s", made.ID(), loaded.ID())
	}
	plain, err := loaded.Unwrap(here(), made.Wrap(here(), []byte("ring")))
	if err != nil || string(plain) != "ring" {
		t.Fatal(err)
	}
	_, err = loaded.Unwrap(AD{Tenant: "t2"}, made.Wrap(here(), []byte("ring")))
	is(t, err, fault.Internal, keyDamaged)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestRootIsNeverReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data.key")
	for name, there := range map[string]func() error{
		"file":          func() error { return os.WriteFile(path, []byte("something"), 0o600) },
		"folder":        func() error { return os.Mkdir(path, 0o700) },
		"dangling link": func() error { return os.Symlink(filepath.Join(dir, "nowhere"), path) },
	} {
		if err := there(); err != nil {
			t.Fatal(err)
		}
		_, err := CreateRoot(path, nil)
		t.Run(name, func(t *testing.T) { is(t, err, fault.Conflict, keyRootExists) })
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Fatalf("left behind: %v", entries)
	}
}

func TestRootFaultsSayWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data.key")
	_, err := LoadRoot(path)
	is(t, err, fault.Unavailable, keyRootMissing)
	if _, err := CreateRoot(path, &counter{}); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err = LoadRoot(path)
		is(t, err, fault.Unavailable, keyRootOpen)
	}
	_, err = LoadRoot(dir)
	is(t, err, fault.Unavailable, keyRootRead)
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = LoadRoot(pipe)
	is(t, err, fault.Unavailable, keyRootRead)
}

func TestDamagedRootIsToldFromAWrongOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.key")
	if _, err := CreateRoot(path, &counter{}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(text []byte) error {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadRoot(path)
		return err
	}
	// A newline that another editor left out or wrote differently is no damage.
	for _, text := range []string{strings.TrimSuffix(string(good), "\n"), strings.Replace(string(good), "\n", "\r\n", 1)} {
		if err := try([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range len(good) - 1 {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		err := try(bad)
		is(t, err, fault.Unavailable, keyRootDamaged)
		noSecret(t, err, good)
		is(t, try(good[:i]), fault.Unavailable, keyRootDamaged)
	}
	is(t, try(bytes.Repeat(good, 100)), fault.Unavailable, keyRootDamaged)
}

// noSecret holds that no eight characters of the key's text stand in an error.
func noSecret(t *testing.T, err error, file []byte) {
	t.Helper()
	text := strings.Fields(string(file))[1]
	for i := range len(text) - 8 {
		if strings.Contains(err.Error(), text[i:i+8]) {
			t.Fatalf("an error shows the key: %v", err)
		}
	}
}
