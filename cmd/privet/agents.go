package main

import "errors"

type agentsCmd struct{}

func (c *agentsCmd) Run() error { return errors.New("this command is not there yet") }
