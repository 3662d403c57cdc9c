// Package gateway.
package gateway
