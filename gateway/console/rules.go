package console

import (
	"context"
	"net/http"

	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
)

// Rules is what the console shows of policy.Engine.
type Rules interface {
	Bundle() string
	Ready() error
	Noted(ctx context.Context) ([]policy.Noted, error)
}

// rulesView is the state of the rules: which are in force, why others are not,
// and what of the tools' answers no catalogue names.
type rulesView struct {
	Bundle       string         `json:"bundle"`
	Fault        string         `json:"fault,omitempty"`
	Unclassified []policy.Noted `json:"unclassified"`
}

// fault is why the rules that were asked for are not in force, "" if they are.
func (c *Console) fault() string {
	if c.Rules == nil {
		return ""
	}
	if err := c.Rules().Ready(); err != nil {
		return err.Error()
	}
	return ""
}

func (c *Console) rulesNow(ctx context.Context) (rulesView, error) {
	r := c.Rules()
	noted, err := r.Noted(ctx)
	return rulesView{r.Bundle(), c.fault(), noted}, err
}

func (c *Console) apiRules(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	now, err := c.rulesNow(r.Context())
	if err != nil {
		c.refuse(w, r, who, err)
		return
	}
	reply(w, http.StatusOK, now)
}

func (c *Console) showRules(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	now, err := c.rulesNow(r.Context())
	if err != nil {
		c.refuse(w, r, who, err)
		return
	}
	var screens []pasted
	for _, n := range now.Unclassified {
		if k := len(screens); k == 0 || screens[k-1].Tool != n.Tool || screens[k-1].Screen != n.Screen || screens[k-1].Island != n.Island {
			screens = append(screens, pasted{Tool: n.Tool, Screen: n.Screen, Island: n.Island})
		}
		s := &screens[len(screens)-1]
		s.Paths = append(s.Paths, n)
		s.Text = policy.PasteNoted(s.Paths)
	}
	c.render(w, r, "rules", c.view(who, "rules.title", map[string]any{"Bundle": now.Bundle, "Screens": screens}))
}

// pasted are the paths of one screen, and as they would stand in its catalogue.
type pasted struct {
	Tool, Screen, Island, Text string
	Paths                      []policy.Noted
}
