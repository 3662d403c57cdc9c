package mfa

import "context"

// Sweep deletes what has had its time now, instead of within the minute.
func (d *Door) Sweep(ctx context.Context) { d.sweep(ctx) }
