// Holds Grafana's files against the schemas that Grafana publishes with its foundation SDK: no field
// that it does not know, none missing, none of another type. And it expands the annotations of the
// rules, with a value and without one, as when there is no data.
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
	"strings"
	"text/template"

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
		fmt.Fprintln(os.Stderr, "usage: schema FOLDER, which holds dashboards/, optional/ and provisioning/")
		os.Exit(2)
	}
	// Without them the SDK takes any panel and any query.
	plugins.RegisterDefaultPlugins()
	check := &checker{folder: os.Args[1]}
	check.dashboard("dashboards/autoscaling.json")
	check.rules("provisioning/alerting/rules.yml")
	check.rules("provisioning/alerting/operator-rules.yml")
	check.rules("optional/request-rate.yml")
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
			what := fmt.Sprintf("%s: %v", file, rule["uid"])
			c.hold(what, rule, &alerting.Rule{})
			annotations, _ := rule["annotations"].(object)
			for name, text := range annotations {
				c.expand(what+": "+name, text.(string))
			}
		}
	}
}

// value is what $values has of a query, and what of it templates may use.
type value struct{ Value float64 }

// expand fills in a template as Grafana does by its documentation: $values has a query that gave no
// data under no name.
func (c *checker) expand(what, text string) {
	labels := map[string]string{"check": "discovery", "reason": "unauthorised"}
	functions := template.FuncMap{"humanizePercentage": func(number any) (string, error) {
		if _, isNumber := number.(float64); !isNumber {
			return "", fmt.Errorf("can't convert %v to float", number)
		}
		return "60%", nil
	}}
	for _, values := range []map[string]value{{"A": {0.6}, "C": {1}}, {}} {
		data := object{"labels": labels, "values": values}
		variables := "{{ $labels := .labels }}{{ $values := .values }}"
		expanded := &strings.Builder{}
		parsed, err := template.New(what).Funcs(functions).Parse(variables + text)
		if err == nil {
			err = parsed.Execute(expanded, data)
		}
		if err == nil && strings.Contains(expanded.String(), "<no value>") {
			err = fmt.Errorf("%s says %q when there is no data", what, expanded)
		}
		if err != nil {
			c.wrong++
			fmt.Println(err)
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
