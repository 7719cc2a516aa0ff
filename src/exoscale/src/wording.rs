//! What the texts of refusals say. The API has no codes for a used-up quota, a lack of hosts or a
//! locked resource: its words are all there is, and they differ from one service behind it to the
//! next. So not phrases are looked for, but what a text is about and what it says of that.

/// Things that a cloud runs out of.
const RESOURCES: &str = "address addresses capacity core cores cpu cpus disk disks eip eips gpu gpus \
    host hosts hypervisor hypervisors instance instances ip ips ipv4 ipv6 machine machines member \
    members memory network networks node nodes ram resource resources server servers stock storage \
    vcpu vcpus vm vms volume volumes";

/// Where instances are put.
const HOSTS: &str = "host hosts hypervisor hypervisors";

const LIMITS: &str = "limit limits max maximum";

const DENIALS: &str = "cannot could fail failed full lack lacking lacks low no none not out unable \
    unavailable without";

/// One line of at most 300 characters: such texts come from outside and go to logs.
pub(super) fn tidy(text: &str) -> String {
    const LONGEST: usize = 300;
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Whether there is no more to be had: the account's quota, a limit on resources, the provider's
/// hosts, or an anti-affinity group. Not limits on requests, rates, lengths or rights.
pub(super) fn says_capacity(text: &str) -> bool {
    let words = Words::of(text);
    if words.speak_of_requests() || words.speak_of_rights() {
        return false;
    }
    words.any("quota quotas")
        || words.speak_of_a_full_group()
        || words.any(RESOURCES) && words.speak_of_a_limit()
        || words.speak_of_a_lack()
}

/// Whether somebody else holds the resource for now, as in `Operation scaleInstancePool on resource
/// … is forbidden - reason: Locked by NLB …`.
pub(super) fn says_locked(text: &str) -> bool {
    let words = Words::of(text);
    words.follows("locked", "by", 1)
        || words.follows("is was are currently temporarily", "locked", 1)
            && words.any("resource operation pool")
}

/// A text's words, in lower case. Lists of words have spaces between.
struct Words(Vec<String>);

impl Words {
    /// `InstanceLimitExceeded`, `instance_limit` and `instance-limit` are words, too.
    fn of(text: &str) -> Self {
        let mut words = Vec::new();
        for part in text.split(|c: char| !c.is_alphanumeric()) {
            let mut word = String::new();
            let mut was_small = false;
            for c in part.chars() {
                if was_small && c.is_uppercase() {
                    words.push(std::mem::take(&mut word));
                }
                was_small = c.is_lowercase();
                word.extend(c.to_lowercase());
            }
            words.push(word);
        }
        words.retain(|word| !word.is_empty());
        Self(words)
    }

    fn any(&self, list: &str) -> bool {
        self.0.iter().any(|word| is_in(word, list))
    }

    /// Whether one of `then` is among the `within` words after one of `first`.
    fn follows(&self, first: &str, then: &str, within: usize) -> bool {
        self.0.iter().enumerate().any(|(at, word)| {
            let mut next = self.0.iter().skip(at + 1).take(within);
            is_in(word, first) && next.any(|word| is_in(word, then))
        })
    }

    fn exceed(&self) -> bool {
        self.0.iter().any(|word| word.starts_with("exceed"))
    }

    /// Of how often or how much is asked, or how long it takes.
    fn speak_of_requests(&self) -> bool {
        let measures = "attempts body byte bytes character characters concurrent deadline duration \
            header headers hour label labels length minute payload ratelimit retries second seconds \
            throttled throttling timeout uri url";
        let asking = "api call calls rate request requests";
        self.any(measures)
            || self.follows(asking, "limit limited limits quota rate size", 1)
            || self.follows("rate", "exceeded", 1)
            || self.follows("many", "requests calls operations", 2)
            || self.follows("limit quota number", "requests calls operations", 3)
            || self.follows("time", "limit", 1)
    }

    fn speak_of_rights(&self) -> bool {
        self.any(
            "authorised authorized credential credentials permission permissions permitted \
             privilege privileges rights scope signature unauthorised unauthorized",
        )
    }

    fn speak_of_a_limit(&self) -> bool {
        self.exceed()
            || self.any(LIMITS)
                && self.any("above allowed allows already beyond full hit met over reached")
            || self.follows(LIMITS, RESOURCES, 3)
            || self.follows(RESOURCES, LIMITS, 2)
            || self.follows("limited", "to", 1)
            || self.follows("too", "many", 1)
            || self.follows("cannot no not", "more", 6) && self.follows("more", "than", 1)
            || self.follows("no", "more", 1) && self.follows("more", RESOURCES, 3)
    }

    /// An anti-affinity group takes only as many members as there are hosts to part them.
    fn speak_of_a_full_group(&self) -> bool {
        let is_unknown = self.any("exist exists found invalid");
        (self.follows("anti", "affinity", 1) || self.any("antiaffinity affinity"))
            && (self.exceed()
                || self.any(LIMITS)
                || self.any("constraint constraints enough full insufficient many violated")
                || self.follows("more", "than", 1)
                || self.any(DENIALS) && !is_unknown)
    }

    fn speak_of_a_lack(&self) -> bool {
        self.any("capacity")
            && (self.any(DENIALS)
                || self.any(
                    "available constrained constraints depleted enough exhausted insufficient \
                     limited reached",
                ))
            || self.follows("insufficient enough", RESOURCES, 3)
            || self.follows("no enough", "room space", 2)
            || self.follows("out", "of", 1) && self.follows("of", RESOURCES, 3)
            || self.follows("sold", "out", 1)
            || self.any(RESOURCES) && self.any("depleted exhausted exhaustion")
            || self.follows("no", RESOURCES, 3) && self.any("available free left")
            || self.any(RESOURCES) && self.any(DENIALS) && self.any("allocate allocated")
            || self.follows("create find no", "deployment", 3) && self.any(DENIALS)
            || self.lack_hosts()
    }

    fn lack_hosts(&self) -> bool {
        self.any(HOSTS)
            && self.any(DENIALS)
            && !self.any("invalid unknown unsupported")
            && self.any(
                "allocate available deploy eligible find fit found free full left match matching \
                 place placed room schedule scheduled suitable valid",
            )
    }
}

fn is_in(word: &str, list: &str) -> bool {
    list.split_whitespace().any(|entry| entry == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: &[&str] = &[
        // Accounts.
        "Quota exceeded: instance",
        "quota exceeded: 21 instances wanted, 20 allowed",
        "Operation scaleInstancePool on resource 0c1b is forbidden - reason: quota exceeded",
        "Your quota allows for 0 more running instance(s). You requested at least 1",
        "Maximum number of instances for account acme exceeded",
        "Maximum number of resources of type 'user_vm' for account name=acme in domain id=1 has been exceeded.",
        "This request would exceed the maximum number of instances",
        "You have reached the maximum number of instances for your account",
        "Instance limit reached",
        "Account limit reached for GPUs",
        "resource limit exceeded",
        "RESOURCE_LIMIT_EXCEEDED: servers",
        "The requested size exceeds the limit of 20 instances",
        "too many instances in this organization",
        "An instance pool cannot hold more than 50 members",
        "no more public IP addresses may be leased",
        "Account is limited to 20 instances",
        "Instances limit: 20, requested: 21",
        "max instances per account is 20",
        "InstanceLimitExceeded",
        "QuotaExceededException",
        "instances: over the limit",
        // Hosts.
        "No hypervisor available",
        "no hypervisor available for instance type gpu2.small",
        "No host is available to run this instance",
        "No valid host was found. There are not enough hosts available.",
        "Unable to find a suitable host for the instance",
        "could not place the instance: all hypervisors are full",
        "Unable to create a deployment for VM[User|pool-1]",
        "Out of host capacity.",
        "out of capacity",
        "Insufficient capacity in zone at-vie-1",
        "insufficient-capacity",
        "There is no capacity left in this zone",
        "Capacity unavailable",
        "Not enough memory on any hypervisor",
        "Insufficient resources to deploy this virtual machine",
        "not enough resources",
        "resources exhausted",
        "GPUs are sold out in this zone",
        "out of stock",
        "no public IP addresses available",
        "Unable to allocate an IPv4 address",
        "InsufficientServerCapacityException",
        "no room for another instance",
        // Anti-affinity.
        "Anti-Affinity Group limit reached",
        "anti-affinity group web is full",
        "anti-affinity-group: maximum of 8 members",
        "The anti-affinity group cannot be satisfied",
        "Too many instances in anti-affinity group 0c1b",
        "An anti-affinity group cannot contain more than 8 instances",
        "Not enough hypervisors for the affinity group",
        "The anti-affinity constraints are violated",
        "Could not respect the anti-affinity group",
    ];

    const OTHERS: &[&str] = &[
        "",
        "Forbidden",
        "rate limit exceeded",
        "Rate exceeded",
        "API rate limit exceeded for instances",
        "API limit exceeded",
        "Request quota exceeded",
        "quota of API calls exceeded",
        "too many requests",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "Too many concurrent operations on this instance pool",
        "Maximum number of retries exceeded for this resource",
        "Too many requests for this instance pool, slow down",
        "Maximum number of requests exceeded for resource",
        "30 calls per minute exceeded on instances",
        "request body exceeds limit",
        "Request size exceeds the maximum",
        "user-data exceeds the limit of 32768 bytes",
        "name: exceeds the maximum length",
        "The instance's name exceeds 255 characters",
        "the operation on the instance exceeded its time limit",
        "Instance operation timeout exceeded",
        "invalid size",
        "size: must be a whole number, at least 1",
        "Instance pool size must be more than 0",
        "invalid value for min-available: must be at most the size",
        "instance-pool 0c1b not found",
        "Unable to find instance 0c1b",
        "anti-affinity-group 0c1b not found",
        "invalid anti-affinity-groups",
        "unknown host",
        "Insufficient permissions to scale the instance pool",
        "insufficient privileges: maximum role reached for resource",
        "instance pool is not running",
        "Operation scaleInstancePool on resource 0c1b is forbidden - reason: Locked by NLB 0c1c",
        "instance 0c1b is not a member of the pool",
        "The signature has expired",
    ];

    #[test]
    fn lack_is_told_by_what_the_text_says_of_what() {
        for text in CAPACITY {
            assert!(says_capacity(text), "{text}");
            let is_one_word = !text.contains([' ', '-']);
            assert!(is_one_word || says_capacity(&text.to_uppercase()), "{text}");
            assert!(!says_locked(text), "{text}");
        }
        for text in OTHERS {
            assert!(!says_capacity(text), "{text}");
        }
    }

    #[test]
    fn a_lock_is_told_from_a_block_and_from_a_closed_account() {
        for text in [
            "Operation destroyInstancePool on resource f7d4 is forbidden - reason: Locked by NLB eee9",
            "operation destroyInstancePool on resource 41e6 is locked",
            "locked by SKS nodepool",
            "Instance Pool is currently locked",
            "LOCKED BY: maintenance",
        ] {
            assert!(says_locked(text), "{text}");
        }
        for text in [
            "Forbidden",
            "blocked by policy",
            "The operation was blocked by the role's policy",
            "your account is locked",
            "unlocked by nobody",
            "",
        ] {
            assert!(!says_locked(text), "{text}");
        }
    }

    #[test]
    fn texts_from_outside_are_one_short_line() {
        let text = tidy(&format!("a\r\nb\u{1b}[31m {}", "é".repeat(1000)));
        assert!(
            text.starts_with("a b [31m é") && text.chars().count() == 301,
            "{text}"
        );
    }
}
