package storetest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a PostgreSQL server of the tests' own, on a unix socket in its folder.
type Cluster struct {
	Dir  string
	bin  string
	cred *syscall.Credential // who runs the server: it refuses to be root
	lock *os.File            // of the shared cluster
}

// newCluster finds the programs and the user for a cluster in dir, which it creates.
func newCluster(dir string) (*Cluster, error) {
	bin, err := binDir()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir, bin: bin}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if os.Getuid() != 0 {
		return c, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr != nil || gerr != nil {
			continue
		}
		c.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return c, os.Chown(dir, int(uid), int(gid))
	}
	return nil, errors.New("no unprivileged user to run PostgreSQL as")
}

// binDir is where initdb and pg_ctl are: the newest of Debian's folders, else beside the PATH's.
func binDir() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		return filepath.Dir(slices.Max(found)), nil
	}
	p, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("PostgreSQL's server programs (initdb, pg_ctl) are not installed")
	}
	return filepath.Dir(p), nil
}

func (c *Cluster) run(tool string, args ...string) error {
	cmd := exec.Command(filepath.Join(c.bin, tool), args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred, Setsid: true}
	// pg_ctl's server would keep a pipe open for ever; a file it may keep.
	log, err := os.OpenFile(filepath.Join(c.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := errors.Join(cmd.Run(), log.Close()); err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w\n%s", tool, err, said[max(0, len(said)-2000):])
	}
	return nil
}

func (c *Cluster) data() string { return filepath.Join(c.Dir, "data") }

// Init makes the cluster, with fsync as production has it or off.
func (c *Cluster) Init(durable bool) error {
	err := c.run("initdb", "--pgdata="+c.data(), "--username=insegel", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
	if err != nil {
		return err
	}
	conf := "listen_addresses = ''\nunix_socket_directories = '" + c.Dir + "'\nmax_connections = 300\nshared_buffers = 64MB\n"
	if !durable {
		conf += "fsync = off\n"
	}
	f, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(conf)
	return errors.Join(err, f.Close())
}

// Start starts the server and waits until it answers.
func (c *Cluster) Start() error {
	return c.run("pg_ctl", "--pgdata="+c.data(), "--wait", "--timeout=60", "--log="+filepath.Join(c.Dir, "server.log"), "start")
}

// Stop stops the server: "fast", or "immediate", which is as if all its processes were killed.
func (c *Cluster) Stop(mode string) error {
	return c.run("pg_ctl", "--pgdata="+c.data(), "--wait", "--mode="+mode, "stop")
}

// Pid is the postmaster's, 0 if none runs.
func (c *Cluster) Pid() int {
	b, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// URL is the address of an installation named base on this cluster.
func (c *Cluster) URL(base string) string {
	return "postgres://insegel@/" + base + "?host=" + url.QueryEscape(c.Dir)
}

// withDatabase puts another database name into an address.
func withDatabase(address, base string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("INSEGEL_TEST_POSTGRES is no address")
	}
	u.Path = "/" + base
	return u.String(), nil
}

// OwnCluster starts a cluster for one test alone, with fsync on as in production, to be killed as the test likes.
func OwnCluster(t testing.TB) *Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "insegel-own-") // t.TempDir's path is too long for a socket, and root's alone
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCluster(dir)
	if err != nil {
		missing(t, err)
		t.Skip("absent: initdb (PostgreSQL's server)")
	}
	t.Cleanup(func() {
		if c.Pid() != 0 {
			if err := c.Stop("immediate"); err != nil {
				t.Error(err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := c.Init(true); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// KillHard kills the postmaster with -9; its backends notice and go. Start then recovers.
func (c *Cluster) KillHard(t testing.TB) {
	t.Helper()
	pid := c.Pid()
	if pid == 0 {
		t.Fatal("the server is not running")
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, f := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(f); err == nil {
			_ = syscall.Kill(n, syscall.SIGKILL) // it may have gone by itself
		}
	}
	for c.Pid() != 0 || anyAlive(children) {
		time.Sleep(5 * time.Millisecond)
	}
	// A postmaster that was killed leaves its file; the next one sees that nobody is there.
}

func anyAlive(pids []byte) bool {
	for _, f := range strings.Fields(string(pids)) {
		stat, err := os.ReadFile("/proc/" + f + "/stat")
		if err == nil && !strings.Contains(string(stat), ") Z ") {
			return true
		}
	}
	return false
}
