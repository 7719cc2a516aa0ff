// Holds Grafana's files against the schemas that Grafana publishes with its foundation SDK: no field
// that it does not know, none missing, none of another type.
//
//	go -C nixos/tests/grafana-schema run . ../../grafana
//
// It says nothing of what Grafana does with them.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/alerting"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"gopkg.in/yaml.v3"
)

// resource is a type of the SDK.
type resource interface {
	UnmarshalJSONStrict([]byte) error
	Validate() error
}

type object = map[string]any

type checker struct {
	folder string
	wrong  int
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schema FOLDER, which holds dashboards/ and provisioning/")
		os.Exit(2)
	}
	// Without them the SDK takes any panel and any query.
	plugins.RegisterDefaultPlugins()
	check := &checker{folder: os.Args[1]}
	check.dashboard("dashboards/autoscaling.json")
	check.rules("provisioning/alerting/rules.yml")
	check.rules("provisioning/alerting/operator-rules.yml")
	check.contactPoints("provisioning/alerting/contact-points.yml")
	check.contactPoints("provisioning/alerting/operator.yml")
	check.policies("provisioning/alerting/policies.yml")
	if check.wrong > 0 {
		os.Exit(1)
	}
}

func (c *checker) dashboard(file string) {
	var document object
	c.read(file, &document)
	c.hold(file, document, &dashboard.Dashboard{})
}

func (c *checker) rules(file string) {
	var document struct {
		Groups []struct {
			Name  string
			Rules []object
		}
	}
	c.read(file, &document)
	for _, group := range document.Groups {
		for _, rule := range group.Rules {
			// The file says these once for the whole group; the schema is of a rule by itself.
			rule["ruleGroup"], rule["folderUID"], rule["orgID"] = group.Name, "any", 1
			c.hold(fmt.Sprintf("%s: %v", file, rule["uid"]), rule, &alerting.Rule{})
		}
	}
}

func (c *checker) contactPoints(file string) {
	var document struct {
		ContactPoints []struct{ Receivers []object } `yaml:"contactPoints"`
	}
	c.read(file, &document)
	for _, point := range document.ContactPoints {
		for _, receiver := range point.Receivers {
			c.hold(fmt.Sprintf("%s: %v", file, receiver["uid"]), receiver, &alerting.ContactPoint{})
		}
	}
}

func (c *checker) policies(file string) {
	// Its mute timings are left out: the SDK has times in minutes, and files have them as hours.
	var document struct{ Policies []object }
	c.read(file, &document)
	for _, policy := range document.Policies {
		// The organisation is the file's, not the policy's.
		delete(policy, "orgId")
		c.hold(file, policy, &alerting.NotificationPolicy{})
	}
}

// read parses a file; YAML takes JSON, too.
func (c *checker) read(file string, into any) {
	text, err := os.ReadFile(filepath.Join(c.folder, file))
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
		os.Exit(1)
	}
}

func (c *checker) hold(what string, document object, against resource) {
	text, err := json.Marshal(document)
	if err == nil {
		err = errors(against.UnmarshalJSONStrict(text))
	}
	if err == nil {
		err = errors(against.Validate())
	}
	if err != nil {
		c.wrong++
		fmt.Printf("%s:\n%v\n", what, err)
		return
	}
	fmt.Printf("%s fits its schema\n", what)
}

// errors undoes the SDK's way to say "none": an empty list that is no nil error.
func errors(err error) error {
	if list, ok := err.(cog.BuildErrors); ok && len(list) == 0 {
		return nil
	}
	return err
}
