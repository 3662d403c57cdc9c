package main

import "errors"

type auditCmd struct{}

func (c *auditCmd) Run() error { return errors.New("this command is not there yet") }
