package kit

import (
	"net/http"
	"strconv"
	"time"

	"insegel/internal/fault"
)

// Problem is what a problem page says. Text is a whole sentence in the reader's language.
type Problem struct {
	Status    int
	Title     string
	Text      string
	Reference string        // what the log has too; shown where nobody but the operator can help
	Retry     time.Duration // how long to wait; 0 says nothing
}

// ProblemOf turns an error into what a stranger may read of it. An internal error says no word of its
// cause (ASVS 16.5.1): only the reference that the log has too.
func ProblemOf(p Page, err error, reference string) Problem {
	f := fault.Of(err)
	pr := Problem{Status: f.Kind.HTTP(), Title: p.T(titleKey(f.Kind))}
	switch f.Kind {
	case fault.Internal:
		pr.Text, pr.Reference = p.T("fault.internal"), reference
	case fault.TooMany, fault.Unavailable:
		pr.Retry = 30 * time.Second
		fallthrough
	default:
		args := make([]any, 0, 2*len(f.Args))
		for k, v := range f.Args {
			args = append(args, k, v)
		}
		pr.Text = p.T(f.Key, args...)
	}
	return pr
}

func titleKey(k fault.Kind) string {
	switch k {
	case fault.Invalid:
		return "common.problem.invalid"
	case fault.NotFound:
		return "common.problem.not_found"
	case fault.NotAllowed:
		return "common.problem.not_allowed"
	case fault.Unknown:
		return "common.problem.unknown"
	case fault.Conflict:
		return "common.problem.conflict"
	case fault.TooLarge:
		return "common.problem.too_large"
	case fault.TooMany:
		return "common.problem.too_many"
	case fault.Unavailable:
		return "common.problem.unavailable"
	default:
		return "common.problem.internal"
	}
}

// RenderProblem answers with the problem page of an error.
func RenderProblem(w http.ResponseWriter, r *http.Request, p Page, err error, reference string) {
	pr := ProblemOf(p, err, reference)
	if pr.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(pr.Retry.Seconds())))
	}
	p.Title, p.Width = pr.Title, Narrow
	Render(w, r, pr.Status, ProblemPage(p, pr))
}
