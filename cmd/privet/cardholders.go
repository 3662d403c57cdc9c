package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// cardholders finds the address on file of a cardholder in the system of
// record, over HTTP. Never an address that a caller names.
type cardholders struct {
	cfg    personsConfig
	client *http.Client
}

func newCardholders(cfg personsConfig) *cardholders {
	return &cardholders{cfg, &http.Client{Timeout: 5 * time.Second}}
}

var errNoChannel = errors.New("no such cardholder or channel on file")

// ChannelOf returns the address of a channel and when it last changed (the zero
// time if the system of record does not say).
func (c *cardholders) ChannelOf(ctx context.Context, subject, channel string) (string, time.Time, error) {
	path, ok := c.cfg.Channels[channel]
	if !ok || c.cfg.URL == "" {
		return "", time.Time{}, errNoChannel
	}
	record, err := c.record(ctx, subject)
	if err != nil {
		return "", time.Time{}, err
	}
	address, _ := at(record, path).(string)
	if address == "" {
		return "", time.Time{}, errNoChannel
	}
	changed, _ := at(record, path+"_changed_at").(string)
	when, _ := time.Parse(time.RFC3339, changed)
	return address, when, nil
}

// record is the cardholder's document in the system of record.
func (c *cardholders) record(ctx context.Context, subject string) (record map[string]any, err error) {
	err = c.get(ctx, strings.ReplaceAll(c.cfg.URL, "{subject}", url.PathEscape(subject)), &record)
	return record, err
}

// SubjectsOf returns the cardholders with this e-mail address on file.
func (c *cardholders) SubjectsOf(ctx context.Context, email string) ([]string, error) {
	if c.cfg.Find == "" {
		return nil, errNoChannel
	}
	var answer struct {
		Subjects []struct{ Subject string }
	}
	if err := c.get(ctx, strings.ReplaceAll(c.cfg.Find, "{email}", url.QueryEscape(email)), &answer); err != nil {
		return nil, err
	}
	var subjects []string
	for _, s := range answer.Subjects {
		subjects = append(subjects, s.Subject)
	}
	return subjects, nil
}

func (c *cardholders) get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return errors.New("cardholders: the configured address is not a URL")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return errors.New("cardholders: the system of record does not answer") // the error would carry the URL
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return errNoChannel
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("cardholders: the system of record answers %d", resp.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into); err != nil {
		return errors.New("cardholders: the system of record does not answer in JSON")
	}
	return nil
}

// at follows a dotted path through nested objects.
func at(record map[string]any, path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return record[name]
	}
	inner, _ := record[name].(map[string]any)
	return at(inner, rest)
}
