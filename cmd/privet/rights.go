package main

import "errors"

type rightsCmd struct{}

func (c *rightsCmd) Run() error { return errors.New("this command is not there yet") }
