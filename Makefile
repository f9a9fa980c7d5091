# `make` lists what can be made. Everything runs from a fresh clone with Go and nothing else; scripts/needs
# installs the rest on Debian, or says in one line what is missing.

SHELL := /bin/bash
TESTREPORT := .bin/testreport

# What is tested: make test PKG=./internal/seal/...
PKG ?= ./...

# Two packages at a time: several start servers of their own, and CI has two cores.
TESTFLAGS := -p 2 -timeout 20m
ifeq ($(CI),true)
TESTFLAGS += -count=1
endif

# The rooms where goroutines share something, for the race detector.
RACE := ./internal/store/... ./internal/seal/... ./internal/audit/... ./internal/tenant/... ./internal/jobs/... ./internal/visit/... ./internal/worker/... ./internal/smtpd/...

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## run the program with two sample customers, and print who can log in
	go run ./cmd/insegel demo

.PHONY: build
build: ## build the program into bin/insegel
	CGO_ENABLED=0 go build -trimpath -o bin/insegel ./cmd/insegel

.PHONY: test
test: $(TESTREPORT) ## run all tests but the long ones, once (installs what they need where it can)
	@scripts/needs test
	@$(TESTREPORT) -also tools -- $(TESTFLAGS) $(PKG)

.PHONY: race
race: $(TESTREPORT) ## the tests of the rooms with goroutines, under the race detector
	@scripts/needs race
	@scripts/needs test
	@$(TESTREPORT) -- -race -p 1 -timeout 60m $$(go list -e -find -f '{{if .GoFiles}}{{.ImportPath}}{{end}}' $(RACE) 2>/dev/null)

.PHONY: soak
soak: $(TESTREPORT) ## the long tests (hours); writes docs/reports/soak.md
	@scripts/needs test
	@$(TESTREPORT) -ci -title Soak -report docs/reports/soak.md -- -tags soak -run '^TestSoak' -p 1 -count 1 -timeout 3h $(PKG)

.PHONY: bench
bench: ## the program's own benchmarks, as ratios against the bare engine
	go test ./test/bench -run '^$$' -bench . -benchtime 3s -timeout 60m

.PHONY: check
check: ## format, vet, staticcheck, gosec, govulncheck, arrows between rooms, generated files, go.mod
	@scripts/check

.PHONY: generate
generate: ## write again what is generated: pages from templ, docs/licences.md
	@scripts/generate

.PHONY: $(TESTREPORT)
$(TESTREPORT):
	@go build -C tools -buildvcs=false -o ../.bin/ ./testreport
