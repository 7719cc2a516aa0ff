// Package dispatcher runs the intervals of Grafana's policy in Prometheus Alertmanager's dispatcher, with its stages
// that drop repeated messages, send, and log what was sent.
//
//	go -C nixos/tests/dispatcher test -count=1 -v .
//
// This is not Grafana: Grafana runs a changed copy of this code. The clock is that of testing/synctest, so ten minutes
// take no time and a busy machine changes nothing.
package dispatcher

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

const (
	receiver = "autoscaler"
	// The agent acts at most once in so long, and is to hear of an alert as often.
	wanted = time.Minute
	lasts  = 10*time.Minute + 10*time.Second
)

func TestTheAgentHearsOfAnAlertAtOnceAndThenEachMinute(t *testing.T) {
	root, _ := scalingPolicies(t)
	for _, rule := range scalingRules(t) {
		for _, answer := range []time.Duration{0, 5 * time.Millisecond, time.Second, 9 * time.Second} {
			name := fmt.Sprintf("%s, answered after %v", rule.labels[model.AlertNameLabel], answer)
			t.Run(name, func(t *testing.T) {
				sent := messages(t, root, answer, rule)
				if sent[0].at != 0 {
					t.Errorf("the first message came after %v", sent[0].at)
				}
				expectSpacing(t, sent, wanted)
			})
		}
	}
}

// A late tick or a corrected clock makes a message look older or younger than it is.
func TestFiveSecondsMoreOrLessChangeNothing(t *testing.T) {
	for _, off := range []time.Duration{-5 * time.Second, 5 * time.Second} {
		t.Run(fmt.Sprintf("repeat interval off by %v", off), func(t *testing.T) {
			root, agent := scalingPolicies(t)
			*agent.RepeatInterval += duration(off)
			expectSpacing(t, messages(t, root, time.Second, scalingRules(t)[0]), wanted)
		})
	}
}

// Why policies.yml does not say 1m: the last message must be *older* than the repeat interval. At the second tick it
// is exactly as old when the agent answers in no time, else younger, so only the third tick sends.
func TestARepeatIntervalOfTwoTicksWaitsForTheThird(t *testing.T) {
	root, agent := scalingPolicies(t)
	tick := time.Duration(*agent.GroupInterval)
	*agent.RepeatInterval = duration(2 * tick)
	for _, answer := range []time.Duration{0, 5 * time.Millisecond, time.Second} {
		t.Run(fmt.Sprintf("answered after %v", answer), func(t *testing.T) {
			expectSpacing(t, messages(t, root, answer, scalingRules(t)[0]), 3*tick)
		})
	}
}

func TestTwoAlertsShareNoMessage(t *testing.T) {
	root, _ := scalingPolicies(t)
	rules := scalingRules(t)
	for _, message := range messages(t, root, time.Second, rules...) {
		if len(message.alerts) != 1 {
			t.Errorf("at %v one message tells of %v", message.at, message.alerts)
		}
	}
}

func expectSpacing(t *testing.T, sent []message, each time.Duration) {
	t.Helper()
	var spacings []time.Duration
	for i := 1; i < len(sent); i++ {
		spacings = append(spacings, sent[i].at-sent[i-1].at)
	}
	t.Logf("spacings: %v", spacings)
	// Nothing is sent for the alert's end, and a full count says that no message is missing there.
	if count := int((lasts-1)/each) + 1; len(sent) != count {
		t.Errorf("%d messages in %v, not %d", len(sent), lasts, count)
	}
	if slices.ContainsFunc(spacings, func(spacing time.Duration) bool { return spacing != each }) {
		t.Errorf("not each %v", each)
	}
}
