package audit

import (
	"context"
	"database/sql"

	"github.com/privet-gateway/privet/audit/evidence"
)

// prunings are the newest receipts of pruning, one per lane that was pruned.
func (t *Trail) prunings(ctx context.Context) (receipts []Receipt, err error) {
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		receipts = nil
		rows, err := tx.QueryContext(ctx, "SELECT lane, idx FROM trail_entries WHERE kind = $1 ORDER BY time", evidence.KindPruned)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var lane, index int64
			if err := rows.Scan(&lane, &index); err != nil {
				return err
			}
			receipts = append(receipts, receiptOf(lane, index))
		}
		return rows.Err()
	})
	return receipts, err
}
