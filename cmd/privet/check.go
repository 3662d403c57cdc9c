package main

import "errors"

type checkCmd struct{}

func (c *checkCmd) Run() error { return errors.New("this command is not there yet") }
