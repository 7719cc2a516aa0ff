package dispatcher

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
)

// message is what the agent was sent, and when, since the alerts began.
type message struct {
	at     time.Duration
	alerts []string
}

// agent answers each message after a while.
type agent struct {
	start  time.Time
	answer time.Duration
	sent   []message
}

func (a *agent) Notify(_ context.Context, alerts ...*alert.Alert) notify.NotifyVerdict {
	got := message{at: time.Since(a.start)}
	for _, one := range alerts {
		got.alerts = append(got.alerts, one.Name())
	}
	a.sent = append(a.sent, got)
	time.Sleep(a.answer)
	return notify.Success()
}

// messages are all that the agent is sent while the rules fire, and for as long after that.
func messages(t *testing.T, root *policy, answer time.Duration, rules ...rule) []message {
	t.Helper()
	var sent []message
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		alerts, err := mem.NewAlerts(ctx, time.Minute, 0, nil, slog.New(slog.DiscardHandler),
			eventrecorder.NopRecorder(), prometheus.NewRegistry(), featurecontrol.NoopFlags{})
		if err != nil {
			t.Fatal(err)
		}
		to := &agent{start: time.Now(), answer: answer}
		dispatcher := dispatch.NewDispatcher(alerts, dispatch.NewRoute(root.route(t), nil), stages(t, to), nil, timeout,
			time.Minute, nil, slog.New(slog.DiscardHandler), eventrecorder.NopRecorder(), nil, nil)
		go dispatcher.Run(time.Now())
		dispatcher.WaitForLoading()
		for _, rule := range rules {
			go fire(ctx, t, alerts, rule)
		}
		time.Sleep(2 * lasts)
		dispatcher.Stop()
		sent = to.sent
	})
	if len(sent) == 0 {
		t.Fatal("the agent was sent nothing")
	}
	return sent
}

// fire says with each evaluation of a rule that its alert lasts, and at last that it does not, as Grafana does.
func fire(ctx context.Context, t *testing.T, alerts *mem.Alerts, rule rule) {
	start := time.Now()
	for {
		now := time.Now()
		lasted := now.Sub(start) >= lasts
		ends := now.Add(4 * rule.interval)
		if lasted {
			ends = now
		}
		one := alert.New(model.Alert{Labels: rule.labels, StartsAt: start, EndsAt: ends}, now, false)
		if err := alerts.Put(ctx, one); err != nil {
			t.Error(err)
		}
		if lasted {
			return
		}
		time.Sleep(rule.interval)
	}
}

// stages are Alertmanager's for one receiver: drop what was said already, send, and log it.
func stages(t *testing.T, to notify.Notifier) notify.Stage {
	t.Helper()
	registry := prometheus.NewRegistry()
	flags := featurecontrol.NoopFlags{}
	log, err := nflog.New(nflog.Options{Retention: 24 * time.Hour, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	resolved := sendsResolved(t)
	webhook := notify.NewIntegration(to, &resolved, "webhook", 0, receiver)
	logged := &nflogpb.Receiver{GroupName: receiver, Integration: "webhook"}
	// A message to another receiver is an error of the routing stage, and none arrives.
	return notify.RoutingStage{receiver: notify.MultiStage{
		notify.NewDedupStage(&webhook, log, logged),
		notify.NewRetryStage(webhook, receiver, notify.NewMetrics(registry, flags), eventrecorder.NopRecorder()),
		notify.NewSetNotifiesStage(log, logged, flags),
	}}
}

// timeout is how long a message may take: until the next tick, as in Alertmanager.
func timeout(interval time.Duration) time.Duration {
	return max(interval, notify.MinTimeout)
}
