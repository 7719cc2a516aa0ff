//! What the API does not let this key do. Asking again at once changes nothing, and a key that
//! knocks on all doors looks like an attack: one probe now and then tells whether that has changed.
//! Pure, with the clock passed in.

use std::{collections::HashMap, time::Duration};

use super::{calls::ApiCall, error::ErrorKind};

/// What was refused last.
#[derive(Clone, Debug, Default)]
pub(super) struct Rights {
    /// 401: nobody knows the key, whatever it asks for.
    key: Option<Refused>,
    /// 403: its role does not allow this operation.
    calls: HashMap<ApiCall, Refused>,
}

#[derive(Clone, Debug)]
struct Refused {
    kind: ErrorKind,
    probe_at: Duration,
}

impl Refused {
    /// The refusal, unless the time for a probe has come, which then is the caller's.
    fn stands(&mut self, now: Duration, pause: Duration) -> Option<ErrorKind> {
        if now < self.probe_at {
            return Some(self.kind.clone());
        }
        self.probe_at = now + pause;
        None
    }
}

impl Rights {
    /// Why a call need not be sent: it was refused less than `pause` ago, or somebody else asks
    /// just now whether it still is.
    pub(super) fn refuse(
        &mut self,
        call: ApiCall,
        now: Duration,
        pause: Duration,
    ) -> Option<ErrorKind> {
        let key = self.key.as_mut();
        key.and_then(|refused| refused.stands(now, pause))
            .or_else(|| self.calls.get_mut(&call)?.stands(now, pause))
    }

    /// Learns from an answer: `None` is a good one.
    pub(super) fn note(
        &mut self,
        call: ApiCall,
        failure: Option<&ErrorKind>,
        now: Duration,
        pause: Duration,
    ) {
        let refused = |kind: &ErrorKind| Refused {
            kind: kind.clone(),
            probe_at: now + pause,
        };
        match failure {
            Some(kind @ ErrorKind::Unauthorized { status: 401, .. }) => {
                self.key = Some(refused(kind));
            }
            Some(kind @ ErrorKind::Unauthorized { .. }) => {
                self.key = None;
                self.calls.insert(call, refused(kind));
            }
            None
            | Some(
                ErrorKind::NotFound { .. }
                | ErrorKind::Conflict { .. }
                | ErrorKind::Capacity { .. },
            ) => {
                self.key = None;
                self.calls.remove(&call);
            }
            // Says nothing of rights.
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    fn unauthorized(status: u16) -> ErrorKind {
        let message = "no".to_owned();
        ErrorKind::Unauthorized { status, message }
    }

    fn refused(rights: &mut Rights, call: ApiCall, at: u64) -> bool {
        rights
            .refuse(call, Duration::from_secs(at), PAUSE)
            .is_some()
    }

    fn note(rights: &mut Rights, call: ApiCall, failure: Option<&ErrorKind>, at: u64) {
        rights.note(call, failure, Duration::from_secs(at), PAUSE);
    }

    #[test]
    fn an_unknown_key_makes_one_probe_a_pause_whatever_it_asks_for() {
        let mut rights = Rights::default();
        assert!(!refused(&mut rights, ApiCall::GetInstancePool, 0));
        note(
            &mut rights,
            ApiCall::GetInstancePool,
            Some(&unauthorized(401)),
            0,
        );
        let probes = (1..=300)
            .flat_map(|second| ApiCall::ALL.iter().map(move |call| (second, *call)))
            .filter(|(second, call)| {
                let is_probe = !refused(&mut rights, *call, *second);
                if is_probe {
                    note(&mut rights, *call, Some(&unauthorized(401)), *second);
                }
                is_probe
            });
        assert_eq!(probes.count(), 10);
        // A good answer to a probe opens all doors.
        assert!(!refused(&mut rights, ApiCall::ListInstances, 330));
        assert!(refused(&mut rights, ApiCall::ListInstances, 331));
        note(&mut rights, ApiCall::ListInstances, None, 331);
        assert!(!refused(&mut rights, ApiCall::GetInstancePool, 331));
    }

    #[test]
    fn a_role_that_lacks_an_operation_does_not_hinder_the_others() {
        let mut rights = Rights::default();
        let call = ApiCall::GetLoadBalancer;
        note(&mut rights, call, Some(&unauthorized(403)), 0);
        assert!(refused(&mut rights, call, 29));
        assert!(!refused(&mut rights, ApiCall::GetInstancePool, 1));
        note(&mut rights, ApiCall::GetInstancePool, None, 1);
        assert!(refused(&mut rights, call, 29));
        assert!(!refused(&mut rights, call, 30));
        // The probe found that it is allowed now: there is no load balancer, though.
        let absent = ErrorKind::NotFound {
            message: "gone".to_owned(),
        };
        note(&mut rights, call, Some(&absent), 31);
        assert!(!refused(&mut rights, call, 31));
    }

    #[test]
    fn an_api_that_is_down_says_nothing_of_rights() {
        let mut rights = Rights::default();
        note(
            &mut rights,
            ApiCall::ListInstances,
            Some(&unauthorized(401)),
            0,
        );
        let down = ErrorKind::Unreachable {
            detail: "no route".to_owned(),
        };
        note(&mut rights, ApiCall::ListInstances, Some(&down), 1);
        assert!(refused(&mut rights, ApiCall::ListInstances, 2));
    }
}
