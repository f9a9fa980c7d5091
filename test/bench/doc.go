// Package bench measures the program against its bare engines, as ratios within one run. It has benchmarks only; what they
// found is in docs/performance.md.
package bench
