package main

import "errors"

type keysCmd struct{}

func (c *keysCmd) Run() error { return errors.New("this command is not there yet") }
