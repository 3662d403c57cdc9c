// Command supportdesk.
package main

func main() {}
