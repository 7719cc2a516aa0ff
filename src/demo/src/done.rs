//! What a person did to the run, for the record.

use std::{fmt, time::Duration};

/// Something that was done by a key, or that could not be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Done {
    /// The process of a running instance was killed.
    InstanceKilled {
        /// The instance's short name, as in the samples.
        name: String,
    },
    /// From here on every call of the API fails.
    ApiBroken,
    /// Calls work again.
    ApiMended,
    /// From here on nobody evaluates the rules.
    MonitoringCut,
    /// The rules are evaluated again.
    MonitoringMended,
    /// The agent was killed and started again.
    AgentRestarted {
        /// Whether an "up" request waited for its action when it was killed.
        waited: bool,
        /// Whether one waited once it was back.
        waits: bool,
        /// From the kill until the agent was ready.
        back_after: Duration,
    },
    /// An order keeps the agent from changing anything.
    Paused,
    /// The order is taken back.
    Resumed,
    /// The load is this many times the planned one.
    LoadChanged {
        /// How many times.
        factor: f64,
    },
    /// It could not be done, for the reason given.
    Nothing(String),
}

impl Done {
    /// The load's factor, where it was changed.
    pub(crate) fn load_factor(&self) -> Option<f64> {
        match self {
            Self::LoadChanged { factor } => Some(*factor),
            _ => None,
        }
    }

    /// A word or two, where there is little room.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::InstanceKilled { .. } => "killed".to_owned(),
            Self::ApiBroken => "API broken".to_owned(),
            Self::ApiMended => "API mended".to_owned(),
            Self::MonitoringCut => "blind".to_owned(),
            Self::MonitoringMended => "sees".to_owned(),
            Self::AgentRestarted { .. } => "restart".to_owned(),
            Self::Paused => "paused".to_owned(),
            Self::Resumed => "resumed".to_owned(),
            Self::LoadChanged { factor } => times(*factor),
            Self::Nothing(_) => "–".to_owned(),
        }
    }

    /// Whether this ends what the other began.
    pub(crate) fn ends(&self, other: &Self) -> bool {
        matches!(
            (other, self),
            (Self::ApiBroken, Self::ApiMended)
                | (Self::MonitoringCut, Self::MonitoringMended)
                | (Self::Paused, Self::Resumed)
                | (Self::LoadChanged { .. }, Self::LoadChanged { .. })
        )
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstanceKilled { name } => write!(f, "instance {name} killed"),
            Self::ApiBroken => f.write_str("API broken: every call fails"),
            Self::ApiMended => f.write_str("API mended"),
            Self::MonitoringCut => f.write_str("monitoring cut"),
            Self::MonitoringMended => f.write_str("monitoring mended"),
            Self::AgentRestarted { .. } => f.write_str("agent killed and started again"),
            Self::Paused => f.write_str("agent paused"),
            Self::Resumed => f.write_str("agent resumed"),
            Self::LoadChanged { factor } => write!(f, "load {}", times(*factor)),
            Self::Nothing(why) => f.write_str(why),
        }
    }
}

/// A factor such as `×1.25`.
pub(crate) fn times(factor: f64) -> String {
    format!("×{factor:.2}")
}
