// Package console.
package console
