package audit

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/privet-gateway/privet/audit/evidence"
)

// OCSF 1.2 classes (schema.ocsf.io).
const (
	ocsfAuthentication = 3002
	ocsfEntity         = 3004
	ocsfAPI            = 6003
	ocsfDatastore      = 6005
)

const ocsfVersion = "1.2.0"

// ocsfClass maps kinds, by their first word, to classes.
func ocsfClass(kind string) (class, activity int) {
	word, rest, _ := strings.Cut(kind, ".")
	switch word {
	case "signin", "caller", "stepup":
		return ocsfAuthentication, 1 // Logon
	case "session":
		return ocsfAuthentication, 2 // Logoff
	case "view":
		return ocsfDatastore, 1 // Read
	case "refusal":
		return ocsfDatastore, 1
	case "policy", "agent", "agents", "keys", "config":
		return ocsfEntity, 3 // Update
	case "subject":
		if rest == "erased" {
			return ocsfDatastore, 7 // Delete
		}
		return ocsfEntity, 3
	}
	if kind == "trail.read" || kind == "trail.export" || kind == "trail.backup" {
		return ocsfAPI, 2 // Read
	}
	return ocsfAPI, 99 // Other
}

// ocsfEvent is the part of the schema that the trail can fill.
type ocsfEvent struct {
	ClassUID    int            `json:"class_uid"`
	CategoryUID int            `json:"category_uid"`
	ActivityID  int            `json:"activity_id"`
	Activity    string         `json:"activity_name,omitzero"` // where the id says Other
	TypeUID     int            `json:"type_uid"`
	SeverityID  int            `json:"severity_id"`
	StatusID    int            `json:"status_id"`
	Status      string         `json:"status_detail,omitzero"`
	Time        int64          `json:"time"` // milliseconds
	Message     string         `json:"message"`
	Metadata    ocsfMetadata   `json:"metadata"`
	Actor       ocsfActor      `json:"actor"`
	User        *ocsfUser      `json:"user,omitzero"`   // authentication
	Entity      *ocsfNamed     `json:"entity,omitzero"` // entity management
	API         *ocsfOperation `json:"api,omitzero"`    // API activity
	Database    *ocsfDatabase  `json:"database,omitzero"`
	Service     *ocsfNamed     `json:"service,omitzero"` // authentication: to what
	Source      ocsfEndpoint   `json:"src_endpoint"`
	Unmapped    map[string]any `json:"unmapped,omitzero"`
}

type ocsfMetadata struct {
	Version string      `json:"version"`
	UID     string      `json:"uid"` // the receipt
	Product ocsfProduct `json:"product"`
	Logged  string      `json:"log_name"` // the origin
}

type ocsfProduct struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor_name"`
}

type ocsfActor struct {
	User    ocsfUser  `json:"user"`
	Session *ocsfUUID `json:"session,omitzero"`
}

type ocsfUser struct {
	Name   string      `json:"name"`
	Groups []ocsfNamed `json:"groups,omitzero"`
}

type ocsfUUID struct {
	UID string `json:"uid"`
}

type ocsfNamed struct {
	Name string `json:"name"`
	Type string `json:"type,omitzero"`
}

// ocsfDatabase is what a screen shows; type 99, Other, is named by Type.
type ocsfDatabase struct {
	Name   string `json:"name"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfOperation struct {
	Operation string `json:"operation"`
}

type ocsfEndpoint struct {
	Service string `json:"svc_name"`
}

// ocsf translates an entry.
func ocsf(origin string, e Entry) ocsfEvent {
	v := e.Event
	class, activity := ocsfClass(v.Kind)
	user := ocsfUser{Name: v.Agent}
	if user.Name == "" {
		user.Name = "unknown"
	}
	for _, role := range v.Roles {
		user.Groups = append(user.Groups, ocsfNamed{Name: role})
	}
	o := ocsfEvent{ClassUID: class, CategoryUID: class / 1000, ActivityID: activity, TypeUID: class*100 + activity, SeverityID: 1, StatusID: 1,
		Status: v.Reason, Time: e.Time.UnixMilli(), Message: v.Kind, Actor: ocsfActor{User: user}, Source: ocsfEndpoint{Service: "privet"},
		Metadata: ocsfMetadata{Version: ocsfVersion, UID: string(e.Receipt), Logged: origin, Product: ocsfProduct{"Privet", "Privet"}}}
	if v.Session != "" {
		o.Actor.Session = &ocsfUUID{v.Session}
	}
	if v.Outcome == "refused" || v.Outcome == "failed" {
		o.StatusID, o.SeverityID = 2, 3
	}
	switch class {
	case ocsfAuthentication:
		o.User, o.Service = &user, &ocsfNamed{Name: "privet"}
	case ocsfEntity:
		o.Entity = &ocsfNamed{Name: v.Kind, Type: strings.SplitN(v.Kind, ".", 2)[0]}
	case ocsfAPI:
		o.API = &ocsfOperation{v.Kind}
	case ocsfDatastore:
		o.Database = &ocsfDatabase{Name: v.Tool + "/" + v.Screen, TypeID: 99, Type: "support application"}
	}
	if activity == 99 {
		o.Activity = v.Kind
	}
	o.Unmapped = map[string]any{}
	for name, value := range map[string]string{"tool": v.Tool, "screen": v.Screen, "purpose": v.Purpose, "case": v.Case, "request": v.Request,
		"intent": string(v.Intent), "bundle": v.Bundle} {
		if value != "" {
			o.Unmapped[name] = value
		}
	}
	if v.Records > 0 {
		o.Unmapped["records"] = v.Records
	}
	for name, facts := range map[string]map[string]string{"classes": v.Classes, "detail": v.Detail} {
		if len(facts) > 0 {
			o.Unmapped[name] = facts
		}
	}
	if len(e.Tags) > 0 {
		o.Unmapped["subjects"] = e.Tags // pseudonyms: a SIEM is not told who they are
	}
	return o
}

// ExportOCSF writes the chosen entries as JSON lines of OCSF events, for a
// SIEM: a copy without proofs, and without any personal data: subjects appear
// by tag. Like Export it is an entry of the trail itself.
func (t *Trail) ExportOCSF(ctx context.Context, w io.Writer, by string, f Filter, progress func(done, total int64)) (Exported, error) {
	return t.export(ctx, w, true, by, f, progress)
}

// translate writes what was chosen of a page.
func (x *export) translate(rows []found) error {
	for _, row := range rows {
		leaf, at, err := evidence.Decode(row.leaf)
		if err != nil {
			return errors.Join(ErrBroken, err)
		}
		if !x.filter.Matches(leaf, at) {
			continue
		}
		e, err := decode(row.lane, row.index, row.leaf)
		if err != nil {
			return err
		}
		if err := json.MarshalWrite(x.parts[eventsPart], ocsf(x.Lanes[x.Lane].Origin, e), json.Deterministic(true)); err != nil {
			return err
		}
		if _, err := x.parts[eventsPart].Write([]byte{'\n'}); err != nil {
			return err
		}
		x.Entries++
	}
	return nil
}
