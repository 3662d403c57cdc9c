package audit

import (
	"fmt"
	"strconv"
	"strings"
)

// Receipt is the trail's name for one entry, URL-safe: "<lane>.<index>".
type Receipt string

func receiptOf(lane, index int64) Receipt {
	return Receipt(strconv.FormatInt(lane, 10) + "." + strconv.FormatInt(index, 10))
}

// split takes a receipt apart; ErrNone if it cannot be one.
func (r Receipt) split() (lane, index int64, err error) {
	a, b, _ := strings.Cut(string(r), ".")
	lane, err1 := strconv.ParseInt(a, 10, 64)
	index, err2 := strconv.ParseInt(b, 10, 64)
	if err1 != nil || err2 != nil || lane < 1 || index < 0 || receiptOf(lane, index) != r {
		return 0, 0, fmt.Errorf("%w: receipt %q is not of the form LANE.INDEX", ErrNone, string(r))
	}
	return lane, index, nil
}
