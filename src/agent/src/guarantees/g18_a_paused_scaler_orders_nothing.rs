//! G18, the scaler alone in virtual time: what an operator orders is saved, is on record with who
//! ordered it, and holds at once.

use std::time::Duration;

use jiff::Timestamp;
use policy::{AskedSteps, Direction, Order, OrderError, Size, Verdict};
use tokio::time::sleep;

use super::g04_a_stop_loses_no_up::{Environment, Pace, S, virtually};
use crate::control::{Command, Note};

fn environment() -> Environment {
    Environment::new(Pace {
        read: S / 10,
        write: S,
        save: S / 10,
    })
}

async fn order(environment: &Environment, order: Order, who: &str) -> Result<(), OrderError> {
    let note = Note {
        order: format!("{order:?}"),
        who: Some(who.to_owned()),
        why: None,
        at: Timestamp::UNIX_EPOCH,
    };
    let command = Command { order, note };
    environment.scaler.send(command).await.expect("it runs")
}

#[test]
fn an_hour_of_alerts_in_a_pause_orders_nothing() {
    virtually(|| async {
        let environment = environment();
        order(&environment, Order::Pause, "ada").await.unwrap();
        for _ in 0..60 {
            for direction in [Direction::Up, Direction::Down] {
                environment
                    .inbox
                    .put_many(direction, 1, AskedSteps::default());
            }
            sleep(60 * S).await;
        }
        assert_eq!(environment.orders(), 0);
        assert!(
            environment
                .last_saved()
                .expect("it is saved")
                .control
                .paused
        );
        let view = environment.model.view().control;
        assert_eq!((view.paused, view.who.as_deref()), (true, Some("ada")));
        let decisions = environment.model.decisions();
        let ordered = decisions.iter().find(|d| d.verdict == Verdict::Control);
        assert_eq!(ordered.and_then(|d| d.who.as_deref()), Some("ada"));
        order(&environment, Order::Resume, "bob").await.unwrap();
        sleep(5 * S).await;
        assert_eq!(environment.orders(), 1, "the last \"up\" still waits");
    });
}

#[test]
fn a_pause_has_members_that_drain_serve_on() {
    virtually(|| async {
        let environment = environment();
        environment
            .inbox
            .put_many(Direction::Down, 1, AskedSteps::default());
        sleep(5 * S).await; // the victim is drained, and never empty
        order(&environment, Order::Pause, "ada").await.unwrap();
        sleep(5 * S).await;
        assert_eq!(*environment.serving_on.lock().unwrap(), 1);
        sleep(Duration::from_secs(600)).await;
        assert_eq!(environment.orders(), 0);
    });
}

#[test]
fn an_order_that_cannot_be_followed_leaves_no_trace() {
    virtually(|| async {
        let environment = environment();
        sleep(S).await;
        let before = environment.model.view().control;
        let refused = order(&environment, Order::Size(Size(11)), "ada").await;
        assert!(matches!(refused, Err(OrderError::Outside { .. })));
        assert_eq!(environment.model.view().control, before);
        assert!(
            environment
                .model
                .decisions()
                .iter()
                .all(|d| d.who.is_none())
        );
        order(&environment, Order::Size(Size(4)), "bob")
            .await
            .unwrap();
        sleep(5 * S).await;
        assert_eq!(environment.orders(), 1);
    });
}
