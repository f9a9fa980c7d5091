package seal

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"insegel/internal/fault"
)

// errDies is panicked with at one step: nothing after it runs, as when the machine dies there.
var errDies = errors.New("the machine dies")

// errDisk is what a step returns when the disk refuses it.
var errDisk = errors.New("the disk refuses")

// breakAt makes the n-th file operation of p die or fail, and says whether it came to that.
func breakAt(p *Places, n int, dies bool) (reached *bool) {
	reached = new(bool)
	step := func(string) error {
		n--
		switch {
		case n != -1:
			return nil
		case dies:
			*reached = true
			panic(errDies)
		}
		*reached = true
		return errDisk
	}
	for i := range p.folders {
		p.folders[i].step = step
	}
	return reached
}

// until runs fn up to its death.
func until(t *testing.T, fn func() error) (err error) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil && r != any(errDies) {
			panic(r)
		}
	}()
	return fn()
}

// everyStep runs a scene once for each file operation that it has, dying or failing there.
func everyStep(t *testing.T, scene func(t *testing.T, h house, broken *Places, run func(func() error) error)) {
	t.Helper()
	for _, dies := range []bool{true, false} {
		steps := 0
		for reached := true; reached; steps++ {
			if steps > 60 {
				t.Fatal("an operation without end")
			}
			t.Run(fmt.Sprintf("step %d dies %v", steps, dies), func(t *testing.T) {
				h := newHouse(t)
				broken := h.open(t)
				scene(t, h, broken, func(fn func() error) error {
					at := breakAt(broken, steps, dies)
					err := until(t, fn)
					if reached = *at; reached && !dies && err == nil {
						t.Fatal("a step failed and nobody was told")
					}
					return err
				})
			})
		}
		if steps < 8 {
			t.Fatalf("only %d steps were broken", steps)
		}
	}
}

func drop(_ *Ring, err error) error { return err }

// whole holds that all folders have the same newest copy and nothing else lies there.
func whole(t *testing.T, h house, p *Places) {
	t.Helper()
	if s := p.StatusOf("t1"); !s.Whole() {
		t.Fatalf("%+v", s)
	}
	for _, dir := range h.dirs {
		for _, name := range entries(t, dir) {
			if name != lockName && name != "t1"+epochSuffix {
				t.Fatal("left behind:", name)
			}
		}
	}
}

func TestCreateSurvivesEveryCrash(t *testing.T) {
	everyStep(t, func(t *testing.T, h house, broken *Places, run func(func() error) error) {
		failed := run(func() error { return drop(broken.Create("t1")) })
		p := h.open(t)
		ring, err := p.Load("t1")
		if errors.Is(err, fault.New(fault.Unavailable, keyEpochMissing)) {
			ring, err = p.Create("t1")
		} else if failed != nil && !strings.Contains(failed.Error(), errDisk.Error()) {
			t.Fatal(failed)
		}
		if err != nil || ring.Current != 1 {
			t.Fatal(err)
		}
		whole(t, h, p)
	})
}

func TestBeginSurvivesEveryCrash(t *testing.T) {
	everyStep(t, func(t *testing.T, h house, broken *Places, run func(func() error) error) {
		k := NewKey(nil)
		epoch, wrapped := must[*Ring](t)(broken.Create("t1")).Wrap(k, caseKey())
		_ = run(func() error { return drop(broken.Begin("t1")) })
		p := h.open(t)
		for _, again := range []func(string) (*Ring, error){p.Load, p.Begin} {
			ring := must[*Ring](t)(again("t1"))
			if got, err := ring.Unwrap(epoch, caseKey(), wrapped); err != nil || !got.Equal(k) {
				t.Fatal(err)
			}
		}
		if ring := must[*Ring](t)(p.Load("t1")); ring.Next != 2 {
			t.Fatal(ring.Next)
		}
		must[*Ring](t)(p.Finish("t1"))
		whole(t, h, p)
	})
}

func TestFinishSurvivesEveryCrash(t *testing.T) {
	everyStep(t, func(t *testing.T, h house, broken *Places, run func(func() error) error) {
		k := NewKey(nil)
		epoch, wrapped := must[*Ring](t)(broken.Create("t1")).Wrap(k, caseKey())
		epoch2, wrapped2, err := must[*Ring](t)(broken.Begin("t1")).Rewrap(epoch, caseKey(), wrapped)
		if err != nil {
			t.Fatal(err)
		}
		_ = run(func() error { return drop(broken.Finish("t1")) })
		p := h.open(t)
		for _, again := range []func(string) (*Ring, error){p.Load, p.Finish, p.Load} {
			ring := must[*Ring](t)(again("t1"))
			if got, err := ring.Unwrap(epoch2, caseKey(), wrapped2); err != nil || !got.Equal(k) {
				t.Fatal(err)
			}
		}
		_, err = must[*Ring](t)(p.Load("t1")).Unwrap(epoch, caseKey(), wrapped)
		is(t, err, fault.NotFound, keyErased)
		whole(t, h, p)
	})
}

func TestRemoveSurvivesEveryCrash(t *testing.T) {
	everyStep(t, func(t *testing.T, h house, broken *Places, run func(func() error) error) {
		must[*Ring](t)(broken.Create("t1"))
		_ = run(func() error { return broken.Remove("t1") })
		p := h.open(t)
		gone := false
		for range 3 {
			_, err := p.Load("t1")
			if gone && err == nil {
				t.Fatal("a removed tenant came back")
			}
			gone = gone || err != nil
		}
		if err := p.Remove("t1"); err != nil {
			t.Fatal(err)
		}
		for _, dir := range h.dirs {
			if names := entries(t, dir); len(names) > 1 {
				t.Fatal("left behind:", names)
			}
		}
	})
}

func TestHealingSurvivesEveryCrash(t *testing.T) {
	scene := func(t *testing.T, h house, broken *Places, run func(func() error) error) {
		k := NewKey(nil)
		epoch, wrapped := must[*Ring](t)(broken.Create("t1")).Wrap(k, caseKey())
		replace(t, h.file(0, "t1"), pattern(100))
		// Two loads, so that there are enough steps: the second heals what a failing disk left.
		_ = run(func() error {
			ring, err := broken.Load("t1")
			if err == nil && len(ring.Lacking) > 0 {
				return errDisk
			}
			if err == nil {
				replace(t, h.file(1, "t1"), nil)
				ring, err = broken.Load("t1")
			}
			if err == nil && len(ring.Lacking) > 0 {
				return errDisk
			}
			return err
		})
		p := h.open(t)
		if got, err := must[*Ring](t)(p.Load("t1")).Unwrap(epoch, caseKey(), wrapped); err != nil || !got.Equal(k) {
			t.Fatal(err)
		}
		must[*Ring](t)(p.Begin("t1")) // also clears a temporary file of a crash
		whole(t, h, p)
	}
	everyStep(t, scene)
}

// The order is what makes it durable: content on disk, then the name, then the folder; one folder after the other.
func TestOrderOfAWrite(t *testing.T) {
	p := newHouse(t).open(t)
	var order []string
	for i := range p.folders {
		p.folders[i].step = func(op string) error {
			order = append(order, fmt.Sprint(i, " ", op))
			return nil
		}
	}
	must[*Ring](t)(p.Create("t1"))
	want := "0 create,0 write,0 sync,0 rename,0 sync folder,1 create,1 write,1 sync,1 rename,1 sync folder"
	if got := strings.Join(order, ","); got != want {
		t.Fatal(got)
	}
}

const killedEnv = "INSEGEL_SEAL_KILLED_CHILD"

// TestMain lets this binary be the process that TestKill kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killedEnv); dir != "" {
		killedChild(dir)
		return
	}
	os.Exit(m.Run())
}

// killedChild turns epochs for ever and says each result.
func killedChild(dir string) {
	ok := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	root, err := LoadRoot(filepath.Join(dir, "data.key"))
	ok(err)
	p, err := OpenPlaces([]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}, root, nil)
	ok(err)
	for range 10_000 {
		ring, err := p.Begin("t1")
		ok(err)
		epoch, wrapped := ring.Wrap(NewKey(nil), caseKey())
		fmt.Printf("turn %d %s\n", epoch, hex.EncodeToString(wrapped))
		_, err = p.Finish("t1")
		ok(err)
	}
}

// kill -9 in the middle: what Begin acknowledged opens afterwards, or its epoch is over.
func TestKill(t *testing.T) {
	h := newHouse(t)
	must[*Ring](t)(h.open(t).Create("t1"))
	for round := range 12 {
		epoch, wrapped := killed(t, filepath.Dir(h.dirs[0]), 1+round%5)
		p := h.open(t)
		ring := must[*Ring](t)(p.Load("t1"))
		if ring.Newest() < epoch {
			t.Fatalf("round %d: epoch %d was acknowledged, %d is the newest", round, epoch, ring.Newest())
		}
		if _, err := ring.Unwrap(epoch, caseKey(), wrapped); err != nil && epoch >= ring.Current {
			t.Fatalf("round %d: %v", round, err)
		}
		must[*Ring](t)(p.Begin("t1"))
		must[*Ring](t)(p.Finish("t1")) // writes every folder, and so clears what the crash left
		whole(t, h, p)
	}
}

// killed starts the child, kills it after some lines and gives the last thing it acknowledged.
func killed(t *testing.T, dir string, lines int) (epoch uint64, wrapped []byte) {
	t.Helper()
	cmd := exec.Command(os.Args[0]) // #nosec G204 -- this test itself
	cmd.Env = append(os.Environ(), killedEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for n := 0; in.Scan(); {
		f := strings.Fields(in.Text())
		if len(f) != 3 || f[0] != "turn" {
			t.Log(in.Text())
			continue
		}
		if epoch, err = strconv.ParseUint(f[1], 10, 64); err != nil {
			t.Fatal(err)
		}
		if wrapped, err = hex.DecodeString(f[2]); err != nil {
			t.Fatal(err)
		}
		if n++; n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if wrapped == nil {
		t.Fatal("the child did nothing")
	}
	return epoch, wrapped
}
