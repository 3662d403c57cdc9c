package main

import "errors"

type demoCmd struct{}

func (c *demoCmd) Run() error { return errors.New("this command is not there yet") }
