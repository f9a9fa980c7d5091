package bench

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/app"
	"insegel/internal/config"
	"insegel/internal/store/storetest"
)

// settings are an installation that listens where the system likes.
func settings(b *testing.B, database string) config.Config {
	dir := b.TempDir()
	return config.Config{Store: config.Store{Data: filepath.Join(dir, "data"), Key: filepath.Join(dir, "root.key"), Database: database},
		Serve: config.Serve{Listen: "127.0.0.1:0", SMTP: "127.0.0.1:0", BaseDomain: "localhost", MaxMessage: 1 << 20, MaxOpen: 250, Idle: time.Minute,
			Connections: 40, Rotate: 168 * time.Hour, ResetLife: time.Hour}}
}

// BenchmarkStart is the time from nothing to ready with many tenants, and what the process then holds in memory while ten
// of them are open. A cluster of PostgreSQL is given fewer: making one takes half a second there, and a start opens none.
func BenchmarkStart(b *testing.B) {
	b.Run("sqlite/tenants=1000", func(b *testing.B) { start(b, settings(b, ""), 1000) })
	b.Run("postgres/tenants=40", func(b *testing.B) { start(b, settings(b, storetest.OwnCluster(b).URL("start")), 40) })
}

func start(b *testing.B, c config.Config, tenants int) {
	ctx := b.Context()
	a := built(b, c)
	op, err := a.Waist.Enter(ctx, app.Operator, access.Console("bench"), access.CreateTenant)
	if err != nil {
		b.Fatal(err)
	}
	for i := range tenants {
		if _, _, err := a.NewTenant(ctx, op, fmt.Sprintf("t%d", i), "T", account.Invite{Mail: "a@example.org"}); err != nil {
			b.Fatal(err)
		}
	}
	op.Leave()
	if err := a.Close(ctx); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		a := built(b, c)
		run, stop := context.WithCancel(ctx)
		ready, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- a.Run(run, func(app.Ready) { close(ready) }) }()
		<-ready
		b.StopTimer()
		stop()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		if err := a.Close(ctx); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.StopTimer()
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "ms-to-ready")
}

func built(b *testing.B, c config.Config) *app.App {
	b.Helper()
	a, err := app.Build(b.Context(), c, app.Outside{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// BenchmarkIdle is what the process holds in memory with ten tenants open and nothing to do.
func BenchmarkIdle(b *testing.B) {
	c := settings(b, "")
	a := built(b, c)
	ctx := b.Context()
	op, err := a.Waist.Enter(ctx, app.Operator, access.Console("bench"), access.CreateTenant)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10 {
		if _, _, err := a.NewTenant(ctx, op, fmt.Sprintf("t%d", i), "T", account.Invite{Mail: "a@example.org"}); err != nil {
			b.Fatal(err)
		}
	}
	op.Leave()
	for range b.N {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(resident())/(1<<20), "MB-resident")
	if err := a.Close(ctx); err != nil {
		b.Fatal(err)
	}
}

// resident is the process's memory as the system counts it (proc(5)).
func resident() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kb << 10
}
