package main

import "errors"

type serveCmd struct{}

func (c *serveCmd) Run() error { return errors.New("this command is not there yet") }
