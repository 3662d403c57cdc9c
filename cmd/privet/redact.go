package main

import "errors"

type redactCmd struct{}

func (c *redactCmd) Run() error { return errors.New("this command is not there yet") }
