// Package keepertest.
package keepertest
