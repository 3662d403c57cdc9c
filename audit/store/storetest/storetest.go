// Package storetest.
package storetest
