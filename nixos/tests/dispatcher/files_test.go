package dispatcher

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/config"
	amcommon "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"
)

const alerting = "../../grafana/provisioning/alerting"

// duration is one as Grafana's files write it: `45s`, `1m`.
type duration model.Duration

func (d *duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := model.ParseDuration(node.Value)
	*d = duration(parsed)
	return err
}

// policy is a route in Grafana's form.
type policy struct {
	Receiver       string
	GroupBy        []model.LabelName `yaml:"group_by"`
	Matchers       [][3]string       `yaml:"object_matchers"`
	GroupWait      *duration         `yaml:"group_wait"`
	GroupInterval  *duration         `yaml:"group_interval"`
	RepeatInterval *duration         `yaml:"repeat_interval"`
	MutedIn        []string          `yaml:"mute_time_intervals"`
	Routes         []*policy
}

// route is the same in Alertmanager's form.
func (p *policy) route(t *testing.T) *config.Route {
	t.Helper()
	route := &config.Route{
		Receiver:          p.Receiver,
		GroupBy:           p.GroupBy,
		MuteTimeIntervals: p.MutedIn,
		GroupWait:         (*model.Duration)(p.GroupWait),
		GroupInterval:     (*model.Duration)(p.GroupInterval),
		RepeatInterval:    (*model.Duration)(p.RepeatInterval),
	}
	operators := map[string]labels.MatchType{
		"=": labels.MatchEqual, "!=": labels.MatchNotEqual, "=~": labels.MatchRegexp, "!~": labels.MatchNotRegexp,
	}
	for _, parts := range p.Matchers {
		operator, known := operators[parts[1]]
		if !known {
			t.Fatalf("policies.yml: %q is no operator of a matcher", parts[1])
		}
		matcher, err := labels.NewMatcher(operator, parts[0], parts[2])
		if err != nil {
			t.Fatalf("policies.yml: %v: %v", parts, err)
		}
		route.Matchers = append(route.Matchers, matcher)
	}
	for _, child := range p.Routes {
		route.Routes = append(route.Routes, child.route(t))
	}
	return route
}

// rule is one that asks for another size, and how often Grafana evaluates it.
type rule struct {
	labels   model.LabelSet
	interval time.Duration
}

// scalingPolicies are the whole tree of routes, and in it the one to the agent.
func scalingPolicies(t *testing.T) (root, agent *policy) {
	t.Helper()
	var file struct{ Policies []*policy }
	read(t, "policies.yml", &file)
	if len(file.Policies) != 1 {
		t.Fatalf("policies.yml: %d trees, not one", len(file.Policies))
	}
	for _, child := range file.Policies[0].Routes {
		if child.Receiver == receiver {
			if child.GroupInterval == nil || child.RepeatInterval == nil {
				t.Fatalf("policies.yml: the route to %s leaves an interval to its parent", receiver)
			}
			return file.Policies[0], child
		}
	}
	t.Fatalf("policies.yml: no route to %s", receiver)
	return nil, nil
}

func scalingRules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Interval duration
			Rules    []struct {
				Title  model.LabelValue
				Labels model.LabelSet
			}
		}
	}
	read(t, "rules.yml", &file)
	var rules []rule
	for _, group := range file.Groups {
		for _, one := range group.Rules {
			labels := one.Labels.Merge(model.LabelSet{model.AlertNameLabel: one.Title})
			rules = append(rules, rule{labels, time.Duration(group.Interval)})
		}
	}
	if len(rules) == 0 {
		t.Fatal("rules.yml: no rules")
	}
	return rules
}

// sendsResolved says whether the agent's contact point also tells of an alert's end.
func sendsResolved(t *testing.T) amcommon.NotifierConfig {
	t.Helper()
	var file struct {
		ContactPoints []struct {
			Name      string
			Receivers []struct {
				Silent bool `yaml:"disableResolveMessage"`
			}
		} `yaml:"contactPoints"`
	}
	read(t, "contact-points.yml", &file)
	for _, point := range file.ContactPoints {
		if point.Name == receiver && len(point.Receivers) == 1 {
			return amcommon.NotifierConfig{VSendResolved: !point.Receivers[0].Silent}
		}
	}
	t.Fatalf("contact-points.yml: no contact point %s with one receiver", receiver)
	return amcommon.NotifierConfig{}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	bytes, err := os.ReadFile(filepath.Join(alerting, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(bytes, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
