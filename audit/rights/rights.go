// Package rights.
package rights
