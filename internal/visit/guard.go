package visit

import (
	"strings"

	"insegel/internal/fault"
	"insegel/internal/store"
)

// closed are tables that no change may write: the log is only appended to, by the committer.
const closed = " record log_head schema_version sealkey blob "

// upkeep is the golden list: tables that hold nothing a person entered or decided.
const upkeep = " idempotency job session wake "

// table gives the table that a statement writes, or nothing where it is not one plain write: INSERT INTO t, UPDATE t, DELETE FROM t
// with the bare name. A second statement, a name with its schema, "ONLY" or "OR REPLACE" are nothing we write, and would be ways around.
func table(sql string) string {
	w := words(sql)
	switch {
	case strings.Contains(sql, ";"):
		return ""
	case strings.EqualFold(w[0], "INSERT") && strings.EqualFold(w[1], "INTO"), strings.EqualFold(w[0], "DELETE") && strings.EqualFold(w[1], "FROM"):
		return plain(w[2])
	case strings.EqualFold(w[0], "UPDATE") && strings.EqualFold(w[2], "SET"):
		return plain(w[1])
	}
	return ""
}

// words gives the first three words of a statement, which tell what it does to which table.
func words(sql string) (w [3]string) {
	i := 0
	for f := range strings.FieldsSeq(sql) {
		if w[i] = f; i == len(w)-1 {
			break
		}
		i++
	}
	return w
}

// plain gives a name that is one of ours: small letters and _.
func plain(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" || name == "only" {
		return ""
	}
	return name
}

// every asks of a statement's text in each dialect.
func every(sql string, may func(string) error) error {
	lite, pg := store.For("sqlite", sql), store.For("postgres", sql)
	if err := may(lite); err != nil || lite == pg {
		return err
	}
	return may(pg)
}

func mayWrite(sql string) error {
	return every(sql, func(sql string) error {
		if t := table(sql); t == "" || strings.Contains(closed, " "+t+" ") {
			return fault.New(fault.Internal, "fault.waist.closed", "table", t)
		}
		return nil
	})
}

func mayKeep(sql string) error {
	return every(sql, func(sql string) error {
		if t := table(sql); t == "" || !strings.Contains(upkeep, " "+t+" ") {
			return fault.New(fault.Internal, "fault.waist.upkeep", "table", t)
		}
		return nil
	})
}

func mayNotWrite(sql string) error {
	return fault.New(fault.Internal, "fault.waist.closed", "table", table(sql))
}

// mayAsk lets a SELECT through, and any other statement that returns rows only where it may write.
func mayAsk(sql string, write func(string) error) error {
	if every(sql, func(sql string) error {
		if !strings.EqualFold(words(sql)[0], "SELECT") || strings.Contains(sql, ";") {
			return fault.New(fault.Internal, "fault.waist.closed")
		}
		return nil
	}) == nil {
		return nil
	}
	return write(sql)
}
