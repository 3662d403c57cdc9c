package main

import "errors"

type policyCmd struct{}

func (c *policyCmd) Run() error { return errors.New("this command is not there yet") }
