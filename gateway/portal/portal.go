// Package portal.
package portal
