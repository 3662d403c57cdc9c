// Package desk.
package desk
