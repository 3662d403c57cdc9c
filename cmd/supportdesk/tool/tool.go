// Package tool.
package tool
